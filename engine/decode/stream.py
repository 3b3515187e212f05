"""The bytes of a file on disk, decompressed where its first bytes say gzip (RFC 1952), whatever its name says.

A gzip file may have several members (RFC 1952, 2.2). One that ends early, or whose checksum or length is wrong, raises
after every byte that could be read was handed out, so that the last line can still be shown.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Self, cast

from isal import igzip, isal_zlib

from engine.errors import TornInput

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path
    from types import TracebackType

GZIP_MAGIC = b"\x1f\x8b"
_BROKEN = cast("tuple[type[Exception], ...]", (EOFError, gzip.BadGzipFile, isal_zlib.error, zlib.error))


def _gunzip(file: BufferedReader) -> BufferedReader:
    return cast("BufferedReader", igzip.IGzipFile(fileobj=file, mode="rb"))  # type: ignore[no-untyped-call]


class Stream:
    """A file's content from its beginning; a context manager that closes the file.

    Args:
        path: A plain or gzip file.

    Attributes:
        compressed: Whether it is gzip.

    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.compressed = self._file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        self._file.seek(0)
        self._data: BufferedReader = _gunzip(self._file) if self.compressed else self._file
        self._name = path.name

    def read(self, size: int) -> bytes:
        """Return at least one and at most `size` bytes of content; none at the end.

        Raises:
            TornInput: The compressed data end early or are damaged.

        """
        try:
            return self._data.read1(size)
        except _BROKEN as error:
            message = "the compressed file is damaged or ends early"
            raise TornInput(message, facts={"file": self._name, "found": str(error)}) from error

    @property
    def position(self) -> int:
        """Bytes of the file on disk read so far."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        if self.compressed:
            self._data.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
