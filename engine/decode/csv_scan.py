"""A CSV file's rows, block by block: counted, then parsed on the fast path, or on the careful one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from engine.decode import careful, census, dictionary, dtypes, fast, plain, quotes
from engine.decode.blocks import Block, Oversize, Reader, Torn
from engine.decode.quarantine import first
from engine.decode.recode import recoded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.decode.blocks import Item
    from engine.decode.layout import CsvLayout
    from engine.decode.quarantine import Quarantine
    from engine.decode.report import Report

# Months whose numbers are never plain (2014 has 8.9000000000000004) are not tried for ever.
_PLAIN_TRIES = 8


def frames(
    path: Path, layout: CsvLayout, *, strict: bool, report: Report, quarantine: Quarantine, size: int
) -> Iterator[pl.DataFrame]:
    """Yield the good rows in the layout's columns, some frames empty; see `engine.decode.scan`."""
    decoder = _Decoder(layout, strict=strict, report=report, quarantine=quarantine)
    with Reader(path, skip_bytes=layout.header_bytes, block_bytes=size) as reader:
        report.stop = reader.stop
        for item, position in reader:
            report.bytes_read = position
            yield decoder.decode(item)


class _Decoder:
    """Turns one item after the other into rows; knows the number of the next line."""

    def __init__(self, layout: CsvLayout, *, strict: bool, report: Report, quarantine: Quarantine) -> None:
        self._layout = layout
        self._strict = strict
        self._report = report
        self._quarantine = quarantine
        self._line = 2
        self._plain_tries = _PLAIN_TRIES
        self._nothing = pl.DataFrame(schema={c.name: dtypes.dtype(c.type) for c in layout.columns})
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
        parsed = self._regular(data, counted)
        if parsed is not None:
            self._count(lines=counted.lines, rows=parsed.frame.height, blank=0, rejects=None)
            rounded, frame = parsed.rounded, parsed.frame
        else:
            result = careful.parse(data, self._layout, counted=counted, first_line=self._line, strict=self._strict)
            self._count(lines=counted.lines, rows=result.frame.height, blank=result.blank, rejects=result.rejects)
            rounded, frame = result.rounded, result.frame
        self._report.rounded += rounded
        self._line += counted.lines
        return recoded(frame, self._layout, self._report.outside)

    def _regular(self, data: bytes, counted: census.Census) -> fast.Parsed | None:
        """Parse a block whose every line has the same form; None where something needs a closer look."""
        fields = len(self._layout.fields)
        if counted.high and not _is_utf8(data):
            return None
        if counted.regular(fields):
            return self._parsed(data, counted.lines)
        if counted.quoted_throughout(fields) and (bare := quotes.removed(data)) is not None:
            parsed = self._parsed(bare, counted.lines)
            return None if parsed is None else quotes.with_empty_texts(parsed, self._layout)
        return None

    def _parsed(self, data: bytes, lines: int) -> fast.Parsed | None:
        """Parse a regular block the plainest way that it allows."""
        parsed = None
        if self._plain_tries:
            if (frame := plain.parse(data, self._layout, lines=lines)) is not None:
                parsed = fast.Parsed(frame=frame, rounded=0)
            else:
                self._plain_tries -= 1
        parsed = parsed or fast.parse(data, self._layout, lines=lines, strict=self._strict)
        if self._strict and parsed is not None and dictionary.finds_unknown(parsed.frame, self._layout.parsed):
            return None
        return parsed

    def _count(self, *, lines: int, rows: int, blank: int, rejects: pl.DataFrame | None) -> None:
        rejected = 0 if rejects is None else rejects.height
        where = f"{self._layout.name}, from line {self._line}"
        self._report.count(lines=lines, rows=rows, blank=blank, rejected=rejected, where=where)
        if rejects is not None and rejected:
            self._report.first_rejects.extend(first(rejects, len(self._report.first_rejects)))
            self._quarantine.add(rejects)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
