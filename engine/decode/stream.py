"""The bytes of a file on disk, decompressed where its first bytes say gzip (RFC 1952), whatever its name says.

A gzip file may have several members (RFC 1952, 2.2). One that ends early, or whose checksum or length is wrong, raises
after every byte that could be read was handed out, so that the last line can still be shown.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from isal import igzip, isal_zlib

from engine.errors import TornInput

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

GZIP_MAGIC = b"\x1f\x8b"
_BROKEN = (EOFError, igzip.BadGzipFile, isal_zlib.error, zlib.error)


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
        plain = cast("BinaryIO", self._file)
        self._data = cast("BinaryIO", igzip.IGzipFile(fileobj=self._file, mode="rb")) if self.compressed else plain
        self._name = path.name

    def read(self, size: int) -> bytes:
        """Return at least one and at most `size` bytes of content; none at the end.

        Raises:
            TornInput: The compressed data end early or are damaged.

        """
        try:
            return self._data.read1(size)  # type: ignore[attr-defined, no-any-return]  # both kinds have it
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
