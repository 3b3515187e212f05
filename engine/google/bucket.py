"""One bucket of Cloud Storage: objects by name, each read as one generation and written under a condition.

Google's own client does the requests, the resumable uploads and the retries. A request that is sent twice because its
answer was lost must not fail on its own first success: what is written under a condition carries a mark, and whoever
finds the condition broken looks for it.

Sources: cloud.google.com/storage/docs/request-preconditions, .../resumable-uploads, .../retry-strategy.
"""

from __future__ import annotations

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import google_crc32c
from google.api_core import exceptions as api
from google.cloud import storage  # type: ignore[attr-defined, unused-ignore]  # its package has no marker for types
from google.cloud.storage.retry import DEFAULT_RETRY

from engine.errors import BadInput
from engine.google.credentials import credentials
from engine.google.watched import Watched

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from _typeshed import SupportsWrite
    from google.auth.credentials import Credentials

    from engine.settings import Cloud

# One request uploads so much: few requests, little memory; a multiple of 256 KiB, as the service asks.
UPLOAD_BLOCK = 32 << 20
# A client sends smaller files in one request (google.cloud.storage.blob).
_ONE_REQUEST = 8 << 20
_READ_BLOCK = 1 << 20
_DOWNLOAD_BLOCK = 32 << 20
_CONNECT_SECONDS, _SILENCE_SECONDS = 10.0, 60.0
_TIMEOUT = (_CONNECT_SECONDS, _SILENCE_SECONDS)
_SIDE_BY_SIDE = 16
_MARK = "engine-write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One generation of an object.

    Attributes:
        name: Its name in the bucket.
        size: Bytes.
        generation: Its number; differs after every write.
        crc32c: Checksum as the service reports it, base64 of four bytes, big-endian.
        updated: When it was written; None: not told.
        metadata: Its own entries.

    """

    name: str
    size: int
    generation: int
    crc32c: str
    updated: dt.datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class Bucket:
    """A bucket.

    Args:
        name: Its name.
        cloud: Who asks, and where.

    """

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name = name
        found, project = credentials(cloud, emulated=bool(cloud.storage))
        self._client = client(found, project, cloud)
        self._bucket = self._client.bucket(name)
        self._retry = DEFAULT_RETRY.with_timeout(cloud.retry_seconds).with_delay(initial=cloud.wait_seconds)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def find(self, name: str) -> Stored | None:
        """Return the object as it is now; None: there is none.

        Raises:
            NotFound: There is no such bucket (Google's error).

        """
        try:
            blob = self._bucket.blob(name)
            blob.reload(timeout=_TIMEOUT, retry=self._retry)
        except api.NotFound as error:
            _no_bucket(error)
            return None
        return _stored(blob)

    def under(self, prefix: str) -> Iterator[Stored]:
        """Yield all objects whose names begin so, in order of their names."""
        blobs = self._client.list_blobs(self._bucket, prefix=prefix, timeout=_TIMEOUT, retry=self._retry)
        for blob in blobs:
            yield _stored(blob)

    def read(self, name: str) -> tuple[str, int] | None:
        """Return a small object's text and generation; None: there is none."""
        blob = self._bucket.blob(name)
        try:
            data = blob.download_as_bytes(timeout=_TIMEOUT, retry=self._retry)
        except api.NotFound as error:
            _no_bucket(error)
            return None
        return data.decode(), int(blob.generation)

    def read_all(self, names: Sequence[str]) -> Iterator[str | None]:
        """Yield the texts of many small objects, in order, several at a time."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for found in pool.map(self.read, names):
                yield found[0] if found else None

    def write(self, name: str, text: str, *, generation: int | None = None) -> Stored | None:
        """Write a small object.

        Args:
            name: Its name.
            text: Its content.
            generation: The generation that it must have now, 0: there must be none; None: whatever is there.

        Returns:
            What was written; None: it has another generation.

        """
        blob = self._marked(name)
        try:
            blob.upload_from_string(
                text.encode(),
                content_type="application/json",
                if_generation_match=generation,
                timeout=_TIMEOUT,
                retry=self._retry,
                checksum="crc32c",
            )
        except api.PreconditionFailed:
            return self._ours(blob)
        return _stored(blob)

    def upload(
        self,
        path: Path,
        name: str,
        *,
        generation: int | None,
        metadata: dict[str, str] | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Stored | None:
        """Write a file as an object, in blocks that are sent again where one is lost; it appears whole or not at all.

        The service refuses content that has not the checksum of the file; it appears only where the checksum is right.

        Args:
            path: The file.
            name: The object's name.
            generation: The generation that it must have now, 0: there must be none; None: whatever is there.
            metadata: Its own entries.
            progress: Told the bytes that are sent.

        Returns:
            What was written; None: the object has another generation, nothing was changed.

        Raises:
            BadInput: The service reports another checksum than the file has.

        """
        blob = self._marked(name)
        blob.metadata = {**blob.metadata, **(metadata or {})}
        blob.chunk_size = UPLOAD_BLOCK
        size, checksum = path.stat().st_size, file_crc32c(path)
        with path.open("rb") as file:
            try:
                blob.upload_from_file(
                    Watched(file, progress),
                    size=size,
                    content_type="application/octet-stream",
                    if_generation_match=generation,
                    timeout=_TIMEOUT,
                    retry=self._retry,
                    checksum="crc32c" if size <= _ONE_REQUEST else None,
                    crc32c_checksum_value=checksum,
                )
                written: Stored | None = _stored(blob)
            except api.PreconditionFailed:
                written = self._ours(blob)
        if written is not None and written.crc32c != checksum:
            message = "the service reports another checksum than the file has"
            raise BadInput(message, facts={"object": f"gs://{self.name}/{name}", "file": str(path)})
        return written

    def download(
        self, stored: Stored, path: Path, progress: Callable[[int], None] = lambda _: None, *, start: int = 0
    ) -> None:
        """Write one generation of an object into a file, from a byte on; what is there before it stays.

        Raises:
            NotFound: That generation is gone (Google's error).

        """
        with path.open("r+b" if start else "wb") as file:
            file.seek(start)
            for first in range(start, stored.size, _DOWNLOAD_BLOCK):
                blob = self._bucket.blob(stored.name, generation=stored.generation)
                last = min(first + _DOWNLOAD_BLOCK, stored.size) - 1
                data = blob.download_as_bytes(
                    start=first, end=last, raw_download=True, timeout=_TIMEOUT, retry=self._retry, checksum=None
                )
                file.write(data)
                progress(first + len(data))

    def receive(self, stored: Stored, file: SupportsWrite[bytes], *, start: int = 0) -> None:
        """Write one generation of an object into a file as it arrives, as stored, from a byte on.

        What was cut is asked for again where it stopped.

        Raises:
            NotFound: That generation is gone (Google's error).

        """
        if start < stored.size:
            blob = self._bucket.blob(stored.name, generation=stored.generation)
            blob.download_to_file(
                file, start=start or None, raw_download=True, timeout=_TIMEOUT, retry=self._retry, checksum=None
            )

    def opened(self, stored: Stored) -> BinaryIO:
        """Return one generation of an object as a file that can be sought in."""
        blob = self._bucket.blob(stored.name, generation=stored.generation)
        return blob.open("rb", chunk_size=_READ_BLOCK, timeout=_TIMEOUT, retry=self._retry)  # type: ignore[no-any-return]

    def remove(self, name: str, generation: int | None = None) -> None:
        """Remove an object, if it still has that generation; nothing happens where it has not, or is gone."""
        try:
            self._bucket.blob(name).delete(if_generation_match=generation, timeout=_TIMEOUT, retry=self._retry)
        except api.PreconditionFailed:
            return
        except api.NotFound as error:
            _no_bucket(error)

    def _marked(self, name: str) -> storage.Blob:
        blob = self._bucket.blob(name)
        blob.metadata = {_MARK: uuid.uuid4().hex}
        return blob

    def _ours(self, blob: storage.Blob) -> Stored | None:
        """Return what is stored if it is this very write, whose answer was lost."""
        found = self.find(blob.name)
        return found if found and found.metadata.get(_MARK) == blob.metadata[_MARK] else None


def client(found: Credentials, project: str, cloud: Cloud) -> storage.Client:
    """Return Google's client."""
    options = {"api_endpoint": cloud.storage} if cloud.storage else None
    return storage.Client(project=project or None, credentials=found, client_options=options)


def file_crc32c(path: Path) -> str:
    """Return a file's CRC32C (RFC 9260, appendix A) as Cloud Storage writes it: base64 of four bytes, big-endian."""
    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        while block := file.read(_READ_BLOCK):
            checksum.update(block)
    return base64.b64encode(checksum.digest()).decode()


def _stored(blob: storage.Blob) -> Stored:
    return Stored(
        name=blob.name,
        size=int(blob.size or 0),
        generation=int(blob.generation),
        crc32c=blob.crc32c or "",
        updated=blob.updated,
        metadata=dict(blob.metadata or {}),
    )


def _no_bucket(error: api.NotFound) -> None:
    """Raise the error again where it is the bucket that is not there, and not the object."""
    if "bucket does not exist" in str(error):
        raise error
