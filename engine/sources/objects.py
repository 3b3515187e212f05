"""Months in a bucket of Cloud Storage: an object's metadata to look, one generation of it to fetch.

What is stored are the object's own bytes, whatever its Content-Encoding says, and they have the checksum that the
service reports. A generation never changes, so a cut download goes on where it stopped as long as the object still has
the generation of the part; otherwise it starts again.

Sources: cloud.google.com/storage/docs/metadata ("Generation numbers"), .../docs/transcoding, .../docs/data-validation.
"""

from __future__ import annotations

import base64
import re
import shutil
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import google_crc32c
from google.api_core import exceptions as api

from engine.errors import AccessDenied, BadInput, EngineError, NotPublished, SourceUnreachable, UsageError
from engine.google.bucket import Bucket
from engine.google.failures import answering
from engine.receipt import SourceInfo
from engine.sources.part import Part
from engine.sources.spool import Entry
from engine.sources.web import PATIENCE, SPARE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from engine.google.bucket import Stored
    from engine.settings import Cloud
    from engine.sources.source import Fetched, Progress

# What a bucket's name may be: cloud.google.com/storage/docs/buckets, "Bucket names".
_URL = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*))?", re.DOTALL)
_FILE = re.compile(r"\.(csv|gz|parquet)$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.\-]")
_NAME_LENGTH = 120
_WINDOW_BYTES = 1 << 20
# An object that is replaced so often while it is fetched is no published file.
_VERSIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectName:
    """The name of one object.

    Attributes:
        bucket: Its bucket.
        name: Its name there.

    """

    bucket: str
    name: str

    @property
    def shown(self) -> str:
        """Its URL, percent-encoded, so that it names the same object where it is given again."""
        return f"gs://{self.bucket}/{quote(self.name)}"

    @property
    def filename(self) -> str:
        """The last segment of the name, safe as a file name."""
        return _UNSAFE.sub("_", self.name.rpartition("/")[2]).lstrip(".")[-_NAME_LENGTH:] or "file"


def object_names(location: str, names: Sequence[str], *, templated: bool) -> tuple[ObjectName, ...]:
    """Return the objects that a month may be, the preferred one first.

    Args:
        location: `gs://BUCKET/PREFIX`, or the URL of an object.
        names: What the file may be called below a prefix.
        templated: Whether `location` came from a template, and so is the object's own URL unless it ends in a slash.

    Raises:
        UsageError: It is no such URL.

    """
    if (match := _URL.fullmatch(location)) is None:
        message = f"{location} names no bucket"
        raise UsageError(
            message, facts={"expected": "gs://BUCKET/PREFIX/ or gs://BUCKET/FILE"}, next_step="check --from"
        )
    bucket, path = match[1], unquote(match[2] or "")
    whole = bool(path) and not path.endswith("/")
    if whole and (templated or _FILE.search(path)):
        return (ObjectName(bucket=bucket, name=path),)
    prefix = f"{path.rstrip('/')}/" if path else ""
    return tuple(ObjectName(bucket=bucket, name=f"{prefix}{name}") for name in names)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFile:
    """A month's file in a bucket.

    Attributes:
        objects: What it may be, the preferred one first.
        spool: Folder that downloads are kept in.
        cloud: Who asks, and where.
        free_bytes: Tells how much a folder's disk can still take.

    """

    objects: Sequence[ObjectName]
    spool: Path
    cloud: Cloud
    free_bytes: Callable[[Path], int] = _free_bytes

    @property
    def urls(self) -> tuple[str, ...]:
        """What `look` may say of where the file is."""
        return tuple(one.shown for one in self.objects)

    def look(self) -> SourceInfo:
        """Ask for the metadata of the first object that is there."""
        refusal: AccessDenied | None = None
        for one in self.objects:
            try:
                with self._asking(one) as bucket:
                    if (found := bucket.find(one.name)) is not None:
                        return _info(one, found)
            except AccessDenied as error:
                refusal = refusal or error  # who may not list gets 403 for what is not there: ask for the next name
        raise refusal or _not_published(self.objects)

    def fetch(self, seen: SourceInfo, progress: Progress) -> Fetched:
        """Download it into the spool, or take it from there if it is there already."""
        one = {one.shown: one for one in self.objects}[seen.url]
        entry = Entry.of(self.spool, one.shown, one.filename)
        with entry.locked(PATIENCE.lock_seconds):
            if found := entry.find(seen, progress):
                return found
            with Part(entry) as part, self._asking(one) as bucket:
                for _ in range(_VERSIONS):
                    if (stored := bucket.find(one.name)) is None:
                        raise _not_published([one])
                    if self._received(bucket, one, stored, part, progress):
                        return part.finish()
        message = "the object changes all the time"
        raise BadInput(message, facts={"object": one.shown}, next_step="wait until whatever writes it is done")

    def _received(self, bucket: Bucket, one: ObjectName, stored: Stored, part: Part, progress: Progress) -> bool:
        """Bring the part to the end of this generation; False: the generation is gone."""
        info = _info(one, stored)
        if part.info != info or part.size > stored.size:
            part.restart(info, info.etag)
        self._make_room(part, stored.size)
        arriving = _Arriving(part, stored.size, progress)
        before = -1
        while before < part.size < stored.size:
            before = part.size
            try:
                with answering(one.shown, SourceUnreachable):
                    bucket.receive(stored, arriving, start=part.size)
            except UsageError as error:
                if isinstance(error.__cause__, api.NotFound):
                    return False
                raise
            except SourceUnreachable as error:
                # One try of the client's may be a download of an hour: what brought something was worth it.
                if part.size < before + PATIENCE.progress_bytes:
                    error.state = f"{part.size:,} bytes stay in the spool" if part.size else error.state
                    raise
        if part.size != stored.size or stored.crc32c not in ("", arriving.crc32c):
            facts = {"object": one.shown, "expected": stored.crc32c, "found": arriving.crc32c}
            part.empty()
            message = "the bytes that arrived do not have the checksum of the object"
            raise BadInput(message, facts=facts, next_step="run the same command again: it downloads the object anew")
        return True

    def _make_room(self, part: Part, total: int) -> None:
        folder = part.path.parent
        needed, free = total - part.size + SPARE_BYTES, self.free_bytes(folder)
        if free < needed:
            message = "the disk has no room for the download"
            raise EngineError(
                message,
                facts={"spool": str(folder), "free": f"{free:,} bytes", "needed": f"{needed:,} bytes"},
                next_step="free space, or set ENGINE_HOME to a larger disk",
            )

    @contextmanager
    def _asking(self, one: ObjectName) -> Iterator[Bucket]:
        """Yield the bucket; what the service refuses is said as of a source."""
        try:
            with answering(one.shown, SourceUnreachable), closing(Bucket(one.bucket, self.cloud)) as bucket:
                yield bucket
        except AccessDenied as error:
            error.next_step = "grant roles/storage.objectViewer on the bucket to this account"
            raise
        except UsageError as error:
            if isinstance(error.__cause__, api.NotFound):
                error.message, error.next_step = f"there is no bucket {one.bucket}", "check --from"
            raise


class _Arriving:
    """A part that takes what a client writes, with the checksum of all of it.

    Args:
        part: Where bytes go.
        total: How many there will be.
        progress: Told how many there are.

    """

    def __init__(self, part: Part, total: int, progress: Progress) -> None:
        self._part, self._total, self._progress = part, total, progress
        self._checksum = google_crc32c.Checksum()
        if part.size:
            with part.path.open("rb") as file:
                while window := file.read(_WINDOW_BYTES):
                    self._checksum.update(window)

    @property
    def crc32c(self) -> str:
        """The checksum as the service writes it."""
        return base64.b64encode(self._checksum.digest()).decode()

    def write(self, data: bytes, /) -> None:
        """Add bytes."""
        self._part.append(data)
        self._checksum.update(data)
        self._progress(self._part.size, self._total)


def _info(one: ObjectName, stored: Stored) -> SourceInfo:
    return SourceInfo(url=one.shown, bytes=stored.size, etag=str(stored.generation))


def _not_published(objects: Sequence[ObjectName]) -> NotPublished:
    return NotPublished("the bucket has no such month", facts={"looked": "\n".join(one.shown for one in objects)})
