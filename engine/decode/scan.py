"""The decode step as a lazy frame: blocks in, checked and typed rows out, rejects and counts aside.

Each block is counted, then parsed on the fast path, or on the careful one where a byte or a value is out of the
ordinary. For each block, and so for the file, lines = rows + quarantined + blank, or the scan fails.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from engine.decode import careful, census, fast, plain
from engine.decode.blocks import Block, Oversize, Reader, Stopped, Torn
from engine.decode.quarantine import first
from engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from engine.decode.blocks import Item
    from engine.decode.header import Layout
    from engine.decode.quarantine import Quarantine
    from engine.decode.report import Report

# Months whose numbers are never plain (2014 has 8.9000000000000004) are not tried for ever.
_PLAIN_TRIES = 8
BLOCK_BYTES = 4 << 20


def scan(
    path: Path,
    layout: Layout,
    *,
    strict: bool,
    report: Report,
    quarantine: Quarantine,
    block_bytes: int = BLOCK_BYTES,
) -> pl.LazyFrame:
    """Return the rows of a file as a lazy frame with the layout's columns; it can be drained once.

    Args:
        path: A CSV file, plain or gzip.
        layout: What `read_layout` said of it.
        strict: Whether a decimal that had to be rounded sends its row to quarantine.
        report: Filled while the frame is drained.
        quarantine: Takes the bad rows.
        block_bytes: How much is decoded at once; the result does not depend on it.

    Raises:
        TornInput: While drained: the file ends inside a row, or its compression ends early. See `batches`.

    """
    schema = {c.name: fast.dtype(c.type) for c in layout.columns}

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch_size
        left = n_rows
        for frame in _frames(path, layout, strict=strict, report=report, quarantine=quarantine, size=block_bytes):
            part = frame if left is None else frame.head(left)
            left = None if left is None else left - part.height
            part = part if predicate is None else part.filter(predicate)
            yield part if with_columns is None else part.select(with_columns)
            if left == 0:
                return

    return register_io_source(source, schema=schema, explain_name="engine-csv")


def batches(frame: pl.LazyFrame, report: Report, *, rows: int | None = None) -> Generator[pl.DataFrame]:
    """Drain a frame that comes from `scan`, in no particular order; the one place that uses Polars' unstable call.

    Args:
        frame: The scan, or any streaming query over it.
        report: The scan's report.
        rows: Rows of a batch, about; None: as they come.

    Raises:
        EngineError: What the scan raised, as it was.

    """
    report.pace.bound()
    with draining(report):
        for batch in frame.collect_batches(chunk_size=rows, maintain_order=False, lazy=True):
            yield batch
            report.pace.taken(batch.height)


@contextmanager
def draining(report: Report) -> Iterator[None]:
    """Raise a scan's own error instead of the one that Polars makes of it, and end its reader in any case."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        if report.failure is not None:
            raise report.failure from error
        raise
    finally:
        report.pace.free()
        if report.stop is not None:
            report.stop()
    if report.failure is not None:  # Polars may end a query without a word
        raise report.failure


def _frames(
    path: Path, layout: Layout, *, strict: bool, report: Report, quarantine: Quarantine, size: int
) -> Iterator[pl.DataFrame]:
    if report.started:
        message = "a scan can be drained once"
        raise EngineError(message, next_step="scan the file again, with a new report and quarantine")
    report.started = True
    decoder = _Decoder(layout, strict=strict, report=report, quarantine=quarantine)
    try:
        with Reader(path, skip_bytes=layout.header_bytes, block_bytes=size) as reader:
            report.stop = reader.stop
            for item, position in reader:
                report.bytes_read = position
                frame = decoder.decode(item)
                if frame.height:
                    report.pace.made(frame.height)
                    yield frame
        report.complete = True
    except Stopped:  # nobody listens any more; whoever still does must not take this for the end of the file
        raise
    except Exception as error:
        report.failure = error
        raise


class _Decoder:
    """Turns one item after the other into rows; knows the number of the next line."""

    def __init__(self, layout: Layout, *, strict: bool, report: Report, quarantine: Quarantine) -> None:
        self._layout = layout
        self._strict = strict
        self._report = report
        self._quarantine = quarantine
        self._line = 2
        self._plain_tries = _PLAIN_TRIES
        self._nothing = pl.DataFrame(schema={c.name: fast.dtype(c.type) for c in layout.columns})
        self._end = b""

    def decode(self, item: Item) -> pl.DataFrame:
        match item:
            case Block():
                return self._block(item.data)
            case Oversize():
                rejects = careful.oversize(item, self._line, self._layout)
                self._count(lines=1, rows=0, blank=0, rejects=rejects)
                self._line += 1
                self._end = item.head[-200:]
                return self._nothing
            case Torn(tail=tail, error=error):
                number = self._line if tail else self._line - 1
                raise careful.torn(tail or self._end, number, self._layout, why=error.message) from error

    def _block(self, data: bytes) -> pl.DataFrame:
        counted = census.take(data)
        self._end = data[-200:]
        parsed = None
        if counted.regular(len(self._layout.fields)) and (not counted.high or _is_utf8(data)):
            parsed = self._parsed(data, counted.lines)
        if parsed is not None:
            self._count(lines=counted.lines, rows=parsed.frame.height, blank=0, rejects=None)
            self._report.rounded += parsed.rounded
            frame = parsed.frame
        else:
            result = careful.parse(data, self._layout, counted=counted, first_line=self._line, strict=self._strict)
            self._report.rounded += result.rounded
            self._count(lines=counted.lines, rows=result.frame.height, blank=result.blank, rejects=result.rejects)
            frame = result.frame
        self._line += counted.lines
        return frame

    def _parsed(self, data: bytes, lines: int) -> fast.Parsed | None:
        """Parse a regular block the plainest way that it allows."""
        if self._plain_tries:
            if (frame := plain.parse(data, self._layout, lines=lines)) is not None:
                return fast.Parsed(frame=frame, rounded=0)
            self._plain_tries -= 1
        return fast.parse(data, self._layout, lines=lines, strict=self._strict)

    def _count(self, *, lines: int, rows: int, blank: int, rejects: pl.DataFrame | None) -> None:
        """Add a block to the report: all its physical lines must have become something."""
        rejected = 0 if rejects is None else rejects.height
        if lines != rows + rejected + blank:
            message = f"{lines} lines became {rows} rows, {rejected} rejects and {blank} blank lines"
            raise EngineError(message, facts={"file": f"{self._layout.name}, from line {self._line}"})
        self._report.lines += lines - blank
        self._report.rows += rows
        self._report.blank += blank
        self._report.quarantined += rejected
        if rejects is not None and rejected:
            self._report.first_rejects.extend(first(rejects, len(self._report.first_rejects)))
            self._quarantine.add(rejects)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
