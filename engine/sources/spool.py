"""Where downloads are kept: resumed after a cut, used again after a failed load, never half there.

    <spool>/<key>.lock                     held by the one engine that writes below; stays, since removing it would race
    <spool>/<key>/<file>.part              what has arrived, beside <file>.json: validators of exactly these bytes
    <spool>/<key>/<checksum>/<file>        a complete file, never changed, beside info.json: its `SourceInfo`

The key is a digest of the URL without credentials. A complete file is moved in place at once, after it is on the disk
(fsync). Readers hold a shared lock on it, so that one engine's `discard` never takes it from another; every lock dies
with its process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import filelock

from engine import files
from engine.errors import Busy, UsageError
from engine.receipt import SourceInfo
from engine.sources.source import Fetched, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.sources.source import Progress

_log = logging.getLogger(__name__)

_INFO = "info.json"


class Hold:
    """A shared lock on a complete file, from `Entry.find` or `Entry.keep` until its use ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def end(self, wanted: bool) -> None:  # noqa: FBT001 - the signature of `Fetched.on_done`
        """Give the lock up; where the file is not wanted and nobody else reads or writes here, remove it."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            if not wanted:
                self._remove(descriptor)
        finally:
            os.close(descriptor)

    def _remove(self, descriptor: int) -> None:
        place = self.path.parent
        with (
            contextlib.suppress(filelock.Timeout, BlockingIOError),  # another engine needs it
            _lock(place.parent).acquire(timeout=0),
        ):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(place, ignore_errors=True)
            with contextlib.suppress(OSError):  # something else is there
                place.parent.rmdir()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One URL's place in the spool.

    Attributes:
        folder: Holds the part and the complete files.
        name: The file's name.

    """

    folder: Path
    name: str

    @classmethod
    def of(cls, spool: Path, url: str, name: str) -> Entry:
        """Return the entry of a URL (without credentials)."""
        return cls(folder=spool / hashlib.sha256(url.encode()).hexdigest()[:20], name=name)

    @contextlib.contextmanager
    def locked(self, timeout_seconds: float) -> Iterator[None]:
        """Hold the entry, so that no other engine on this machine writes it.

        Raises:
            Busy: Another engine held it for longer than `timeout_seconds`.
            UsageError: The spool cannot be written.

        """
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            lock = _lock(self.folder)
            with contextlib.suppress(filelock.Timeout):
                lock.acquire(timeout=0)
            if not lock.is_locked:
                _log.info("waiting for another engine on this machine, which downloads the same file")
                lock.acquire(timeout=timeout_seconds)
            self.folder.mkdir(exist_ok=True)
        except filelock.Timeout as error:
            message = "another engine on this machine downloads the same file"
            raise Busy(message, facts={"spool": str(self.folder)}) from error
        except OSError as error:
            message = f"the spool cannot be written: {error.strerror}"
            raise UsageError(
                message, facts={"spool": str(self.folder)}, next_step="set ENGINE_HOME to a folder that can be written"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def find(self, seen: SourceInfo, progress: Progress) -> Fetched | None:
        """Return the complete file that was seen, if it is here and still has its checksum."""
        for record in sorted(self.folder.glob(f"*/{_INFO}")):
            try:
                info = _info(record)
                hold = Hold(record.with_name(self.name))
            except (OSError, ValueError, TypeError):
                continue  # removed just now, or not ours
            if info is not None and info.unchanged_since(seen) and self._intact(hold.path, info, progress):
                return self._fetched(hold, info)
            hold.end(wanted=True)
        return None

    def keep(self, part: Path, info: SourceInfo) -> Fetched:
        """Move a complete, synced part to its place."""
        place = self.folder / str(info.sha256)[:20]
        place.mkdir(exist_ok=True)
        files.write_json(place / _INFO, dataclasses.asdict(info))
        part.replace(place / self.name)
        return self._fetched(Hold(place / self.name), info)

    @staticmethod
    def _intact(path: Path, info: SourceInfo, progress: Progress) -> bool:
        with path.open("rb") as file:
            return sha256(file, progress, info.bytes) == info.sha256

    @staticmethod
    def _fetched(hold: Hold, info: SourceInfo) -> Fetched:
        return Fetched(path=hold.path, info=info, temporary=True, on_done=hold.end)


def clean(spool: Path, older_than_seconds: float) -> int:
    """Remove what no run came back for: parts and complete files that nobody writes, reads, or wrote lately.

    Args:
        spool: The folder; it need not exist.
        older_than_seconds: Age of an entry's last change.

    Returns:
        Bytes removed.

    """
    oldest, freed = time.time() - older_than_seconds, 0
    for folder in spool.glob("*/"):
        lock = _lock(folder)
        with contextlib.suppress(filelock.Timeout, OSError), lock.acquire(timeout=0):
            aged = folder.stat().st_mtime <= oldest
            for place in [folder, *folder.glob("*/")]:
                freed += _clean(place, oldest)
            if aged:
                folder.rmdir()
    return freed


def _clean(place: Path, oldest: float) -> int:
    """Remove the files of one folder, and the folder below an entry; nothing where one of them is young or read.

    A young folder stays also where it is empty: somebody has made it to write into.
    """
    aged = place.stat().st_mtime <= oldest
    files = [(path, path.stat()) for path in place.iterdir() if path.is_file()]
    if any(status.st_mtime > oldest for _, status in files):
        return 0
    with contextlib.ExitStack() as stack:
        for path, _ in files:
            file = stack.enter_context(path.open("rb"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
        for path, _ in files:
            path.unlink(missing_ok=True)
    if aged:
        with contextlib.suppress(OSError):
            place.rmdir()
    return sum(status.st_size for _, status in files)


def _lock(folder: Path) -> filelock.FileLock:
    return filelock.FileLock(folder.with_name(f"{folder.name}.lock"))


def _info(record: Path) -> SourceInfo:
    return SourceInfo(**json.loads(record.read_text(encoding="utf-8")))
