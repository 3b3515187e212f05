"""A file cut into blocks of whole lines by a thread that reads ahead, in memory that does not grow with file or line.

The thread decompresses while the parser works; a queue of two blocks is all that waits between them. One record is
one line, so a block may be cut at any line end. A line over the limit never sits in memory whole: its beginning is
kept, its length counted. Leaving the context ends the thread and closes the file, wherever the reading stood.
"""

from __future__ import annotations

import itertools
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from engine.decode.census import LINE_LIMIT
from engine.decode.stream import Stream
from engine.errors import TornInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

_PIECE = 1 << 18
_WAIT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines.

    Attributes:
        data: The lines with their ends; only the last line of the file may have none. Never empty.

    """

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversize:
    """One line that is too long to be looked at.

    Attributes:
        head: Its first `LINE_LIMIT` bytes.
        length: Its bytes in all, without the line end.
        ended: Whether it has a line end.

    """

    head: bytes
    length: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Torn:
    """The compressed data broke off.

    Attributes:
        tail: What there is of the line after the last whole one; may be empty.
        error: What was wrong.

    """

    tail: bytes
    error: TornInput


Item = Block | Oversize | Torn


class Stopped(Exception):
    """The consumer of a reader went away."""


def cut(pieces: Iterable[bytes], block_bytes: int) -> Iterator[Item]:
    """Cut a byte stream at line ends into blocks of about `block_bytes`.

    Args:
        pieces: The stream, none of them empty; may raise TornInput, which becomes the last item.
        block_bytes: A block ends with the first piece that makes it this large; longer where a line is.

    """
    source = iter(pieces)
    held: list[bytes] = []
    size = open_line = 0  # bytes held; those of them after the last line end
    while True:
        try:
            piece = next(source, b"")
        except TornInput as error:
            lines, tail = _at_line_end(b"".join(held))
            yield from (Block(lines) for _ in (1,) if lines)
            yield Torn(tail, error)
            return
        if not piece:
            break
        end = piece.rfind(b"\n") + 1
        held.append(piece)
        size += len(piece)
        open_line = len(piece) - end if end else open_line + len(piece)
        if open_line > LINE_LIMIT + 1:  # one more, for it may be a carriage return
            lines, tail = _at_line_end(b"".join(held))
            yield from (Block(lines) for _ in (1,) if lines)
            oversize, rest = _skip(tail, source)
            yield oversize
            source = itertools.chain([rest] if rest else [], source)
            held, size, open_line = [], 0, 0
        elif size >= block_bytes and end:
            yield Block(b"".join([*held[:-1], memoryview(piece)[:end]]))
            held, size = ([piece[end:]], open_line) if open_line else ([], 0)
    if held:
        yield Block(b"".join(held))


def _at_line_end(data: bytes) -> tuple[bytes, bytes]:
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _skip(head: bytes, source: Iterator[bytes]) -> tuple[Oversize, bytes]:
    """Read past the line that begins with `head`; return it and what came after its end."""
    length, last = len(head), head[-1:]
    for piece in source:
        end = piece.find(b"\n")
        if end >= 0:
            last = piece[end - 1 : end] if end else last
            length += end - (last == b"\r")
            return Oversize(head=head[:LINE_LIMIT], length=length, ended=True), piece[end + 1 :]
        length, last = length + len(piece), piece[-1:]
    return Oversize(head=head[:LINE_LIMIT], length=length, ended=False), b""


class Reader:
    """The items of a file, read ahead by a thread; a context manager, iterated once.

    Args:
        path: A CSV file, plain or gzip.
        skip_bytes: Decompressed bytes to leave out at the beginning: the header.
        block_bytes: Size of a block.

    """

    def __init__(self, path: Path, *, skip_bytes: int, block_bytes: int) -> None:
        self._path = path
        self._skip_bytes = skip_bytes
        self._block_bytes = block_bytes
        self._queue: queue.Queue[tuple[Item | BaseException | None, int]] = queue.Queue(2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine-decode-reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Ask the thread to end; it does within a moment, whoever waits for it or not."""
        self._stop.set()

    def __iter__(self) -> Iterator[tuple[Item, int]]:
        """Yield each item and how many bytes of the file on disk had been read by then.

        Raises:
            Stopped: `stop` was called: what came so far is not the whole file.

        """
        while not self._stop.is_set():
            try:
                item, position = self._queue.get(timeout=_WAIT_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item, position
        raise Stopped

    def _run(self) -> None:
        position = 0
        try:
            with Stream(self._path) as stream:
                for item in cut(self._pieces(stream), self._block_bytes):
                    position = stream.position
                    if not self._put(item, position):
                        return
                position = stream.position
        except BaseException as error:  # noqa: BLE001 - the consumer raises it
            self._put(error, position)
        else:
            self._put(None, position)

    def _put(self, item: Item | BaseException | None, position: int) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put((item, position), timeout=_WAIT_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def _pieces(self, stream: Stream) -> Iterator[bytes]:
        left = self._skip_bytes
        size = min(_PIECE, self._block_bytes)
        while piece := stream.read(size):
            if left < len(piece):
                yield piece[left:] if left else piece
            left = max(0, left - len(piece))
