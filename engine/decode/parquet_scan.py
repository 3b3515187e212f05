"""A Parquet file's rows, batch by batch: as stored, made what the contract says, bad rows aside.

Rows are counted by the footer, which no reader of pages writes; a batch that a page lacks fails the file. A thread
reads ahead by one batch, through a small buffer, so memory depends on neither the file nor its row groups.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from engine.decode import conform, dictionary
from engine.decode.parquet_footer import opened
from engine.decode.quarantine import FRAME_SCHEMA, first
from engine.decode.recode import recoded
from engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.contract import Column
    from engine.decode.layout import ParquetLayout
    from engine.decode.quarantine import Quarantine
    from engine.decode.report import Report

BATCH_ROWS = 1 << 16
_RAW_BYTES = 1 << 16


def frames(
    path: Path, layout: ParquetLayout, *, strict: bool, report: Report, quarantine: Quarantine
) -> Iterator[pl.DataFrame]:
    """Yield the good rows in the layout's columns, some frames empty; see `engine.decode.scan`."""
    size, row = path.stat().st_size, 1
    batch = _Batch(layout, strict=strict)
    for stored in _stored(path, layout):
        good, rejects, rounded = batch.judged(stored, row)
        rejected = 0 if rejects is None else rejects.height
        where = f"{layout.name}, from row {row}"
        report.count(lines=stored.height, rows=good.height, blank=0, rejected=rejected, where=where)
        if rejects is not None:
            report.first_rejects.extend(first(rejects, len(report.first_rejects)))
            quarantine.add(rejects)
        row += stored.height
        report.rounded += rounded
        report.bytes_read = size * (row - 1) // layout.rows
        yield recoded(good, layout, report.outside)
    if row - 1 != layout.rows:
        message = "the Parquet file has another number of rows than its footer says"
        raise BadInput(message, facts={"file": layout.name, "footer": f"{layout.rows:,}", "found": f"{row - 1:,}"})


def _stored(path: Path, layout: ParquetLayout) -> Iterator[pl.DataFrame]:
    """Yield the file's columns as it stores them, under the names of the parsed columns, one batch read ahead."""
    with opened(path, layout.name) as file, ThreadPoolExecutor(1, "parquet-pages") as reader:
        batches = file.iter_batches(BATCH_ROWS, columns=list(layout.sources))
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            table = pa.Table.from_batches([batch]).select(list(layout.sources))
            frame = pl.from_arrow(table.rename_columns([c.name for c in layout.parsed]))
            if isinstance(frame, pl.DataFrame):
                yield frame


class _Batch:
    """Judges the rows of one batch after the other."""

    def __init__(self, layout: ParquetLayout, *, strict: bool) -> None:
        self._layout = layout
        self._strict = strict

    def judged(self, stored: pl.DataFrame, first_row: int) -> tuple[pl.DataFrame, pl.DataFrame | None, int]:
        """Return the good rows in the parsed columns, the bad ones as rejects, and how many values were rounded.

        Args:
            stored: The batch.
            first_row: The number of its first row in the file, from 1.

        """
        made: list[pl.Series] = []
        found: list[tuple[Column, pl.Series, str]] = []
        rounded = 0
        for column in self._layout.parsed:
            one = conform.conformed(stored[column.name], column, strict=self._strict)
            made.append(one.series)
            rounded += one.rounded
            if one.bad is not None:
                found.append((column, one.bad, one.reason))
            if not column.nullable and one.series.null_count():
                found.append((column, one.series.is_null(), "no value, and the column must have one"))
            if self._strict and dictionary.speaks_of(column):
                unknown = dictionary.unknown(one.series, column)
                found += [(column, unknown, dictionary.REASON)] if unknown.any() else []
        frame = pl.DataFrame(made)
        if not found:
            return frame, None, rounded
        return self._sorted(frame, stored, found, first_row, rounded)

    def _sorted(
        self,
        frame: pl.DataFrame,
        stored: pl.DataFrame,
        found: list[tuple[Column, pl.Series, str]],
        first_row: int,
        rounded: int,
    ) -> tuple[pl.DataFrame, pl.DataFrame, int]:
        bad = pl.select(pl.any_horizontal([test.alias(str(n)) for n, (_, test, _) in enumerate(found)])).to_series()
        rejects = []
        left = bad
        for column, test, reason in found:
            mine = test & left
            left = left & ~mine
            if mine.any():
                shown = conform.shown(stored[column.name].filter(mine)).alias("shown")
                words = pl.format(reason, "shown") if "{}" in reason else pl.lit(reason)
                at = mine.arg_true().cast(pl.Int64) + first_row
                part = pl.DataFrame([at.alias("line"), shown]).with_columns(
                    pl.lit(column.name).alias("column"), words.alias("reason")
                )
                rejects.append(part.with_columns(_raw(stored.filter(mine))).select(FRAME_SCHEMA.names()))
        good = frame.filter(~bad)
        if rounded:  # bad rows do not count
            rounded = self._rounded(stored.filter(~bad))
        return good, pl.concat(rejects).sort("line"), rounded

    def _rounded(self, stored: pl.DataFrame) -> int:
        decimals = [c for c in self._layout.parsed if c.type.kind == "decimal"]
        return sum(conform.conformed(stored[c.name], c, strict=False).rounded for c in decimals)


def _raw(rows: pl.DataFrame) -> pl.Series:
    """Return rows as a line of CSV each, for whoever looks at rejects."""
    texts = [conform.shown(rows[name]).alias(name) for name in rows.columns]
    return (
        pl.DataFrame(texts)
        .select(pl.concat_str(pl.all(), separator=",").str.slice(0, _RAW_BYTES))
        .to_series()
        .alias("raw")
    )
