"""Bytes on their way to disk, with their checksums: at no time more than a few windows of them are in memory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import google_crc32c

from tests.fakes.gcs.calls import WINDOW, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from email.message import Message
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A file that never changes again.

    Attributes:
        path: Where it lies.
        size: Its bytes.
        crc32c: Big-endian, in base64.
        md5: In base64; None: composed objects have none.

    """

    path: Path
    size: int
    crc32c: str
    md5: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """The checksums that a client says its bytes have, in base64; None: it says nothing."""

    crc32c: str | None = None
    md5: str | None = None

    @classmethod
    def of(cls, attributes: Mapping[str, object], headers: Message[str, str]) -> Expected:
        """Collect what an object's resource and the request's headers say; headers win."""
        found = {"crc32c": attributes.get("crc32c"), "md5": attributes.get("md5Hash")}
        found["md5"] = headers.get("Content-MD5", found["md5"])
        for part in headers.get("X-Goog-Hash", "").split(","):
            kind, _, value = part.strip().partition("=")
            found[kind] = value
        return cls(**{kind: str(found[kind]) for kind in ("crc32c", "md5") if found[kind]})

    def check(self, content: Content) -> None:
        """Refuse content that is not what was sent."""
        if self.crc32c not in (None, content.crc32c):
            message = f'Provided CRC32C "{self.crc32c}" doesn\'t match calculated CRC32C "{content.crc32c}".'
            raise invalid(message)
        if content.md5 is not None and self.md5 not in (None, content.md5):
            raise invalid(f'Provided MD5 hash "{self.md5}" doesn\'t match calculated MD5 hash "{content.md5}".')


class Shelf:
    """A folder of content.

    MD5 is the slowest step of an upload, so another thread computes it, at most one window behind.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashing = ThreadPoolExecutor(max_workers=4, thread_name_prefix="md5")
        folder.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """End its threads; files stay."""
        self._hashing.shutdown()

    def path(self) -> Path:
        """Return a path that nobody uses."""
        return self._folder / uuid.uuid4().hex

    def begin(self, *, with_md5: bool = True) -> Incoming:
        """Begin a file."""
        return Incoming(self.path(), self._hashing if with_md5 else None)

    def keep(self, windows: Iterable[bytes], *, with_md5: bool = True) -> Content:
        """Write a whole file; where that fails, nothing is left."""
        incoming = self.begin(with_md5=with_md5)
        try:
            for window in windows:
                incoming.write(window)
        except BaseException:
            incoming.discard()
            raise
        return incoming.finish()

    @contextlib.contextmanager
    def links(self) -> Iterator[list[Content]]:
        """Give a list whose content goes away at the end of the block."""
        parts: list[Content] = []
        try:
            yield parts
        finally:
            for part in parts:
                part.path.unlink()

    def link(self, content: Content) -> Content:
        """Return the same content under another path, at no cost."""
        path = self.path()
        os.link(content.path, path)
        return Content(path=path, size=content.size, crc32c=content.crc32c, md5=content.md5)


class Incoming:
    """A file that grows; used by one thread at a time."""

    def __init__(self, path: Path, hashing: ThreadPoolExecutor | None) -> None:
        self.size = 0
        self._path = path
        self._file = path.open("wb", buffering=0)
        self._crc32c = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hashing = hashing
        self._behind: Future[None] | None = None

    def write(self, window: bytes) -> None:
        """Append bytes."""
        if self._hashing is not None:
            if self._behind is not None:
                self._behind.result()
            self._behind = self._hashing.submit(self._md5.update, window)
        self._crc32c = google_crc32c.extend(self._crc32c, window)
        self._file.write(window)
        self.size += len(window)

    def finish(self) -> Content:
        """Close the file, which is complete."""
        self._file.close()
        if self._behind is not None:
            self._behind.result()
        md5 = None if self._hashing is None else base64.b64encode(self._md5.digest()).decode()
        crc32c = base64.b64encode(self._crc32c.to_bytes(4, "big")).decode()
        return Content(path=self._path, size=self.size, crc32c=crc32c, md5=md5)

    def discard(self) -> None:
        """Close the file and remove it."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def windows_of(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the bytes of several files, one after another."""
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while window := file.read(WINDOW):
                yield window
