"""The bytes of a file on disk, decompressed where its first bytes say gzip (RFC 1952), whatever its name says.

A gzip file may have several members (RFC 1952, 2.2) and zeros after the last one. One that ends early raises only after
every byte that could be read was handed out, so that the last line can still be shown; one that is damaged raises at
the piece of data in which that shows: checksum and length of each member are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self, cast

from isal import igzip_lib

from engine.errors import TornInput

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path
    from types import TracebackType

GZIP_MAGIC = b"\x1f\x8b"
_INPUT_BYTES = 1 << 17
# isal's stubs say that this is an exception; it is a class of exceptions.
_DAMAGED: Final = cast("type[Exception]", igzip_lib.IsalError)


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
        self._members = _Members(self._file) if self.compressed else None

    def read(self, size: int) -> bytes:
        """Return at least one and at most `size` bytes of content; none at the end.

        Raises:
            TornInput: The compressed data end early or are damaged.

        """
        return self._file.read1(size) if self._members is None else self._members.read(size)

    @property
    def position(self) -> int:
        """Bytes of the file on disk read so far."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Members:
    """The content of a gzip file's members, one after the other."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._input = b""
        self._member = _member()

    def read(self, size: int) -> bytes:
        while True:
            if self._member.eof and not self._next():
                return b""
            if self._member.needs_input and not self._input:
                self._input = self._file.read(_INPUT_BYTES)
                if not self._input:
                    message = "the compressed file ends early"
                    raise TornInput(message)
            given, self._input = self._input, b""
            try:
                piece = self._member.decompress(given, size)
            except _DAMAGED as error:
                message = "the compressed file is damaged"
                raise TornInput(message, facts={"reason": str(error)}) from error
            if piece:
                return piece

    def _next(self) -> bool:
        """Go on to the next member; False where there is none."""
        self._input = self._member.unused_data.lstrip(b"\0")
        while not self._input and (more := self._file.read(_INPUT_BYTES)):
            self._input = more.lstrip(b"\0")
        self._member = _member()
        return bool(self._input)


def _member() -> igzip_lib.IgzipDecompressor:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
