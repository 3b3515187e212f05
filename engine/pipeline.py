"""From a file on disk to identified rows in batches: decode, conform and identify as one lazy Polars query.

Each batch is looked at once on its way to the sink (nulls, rows outside their month). After the last one the whole file
is judged, so that a sink that drained all batches without an error has every row of an acceptable file.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.contract import ID
from engine.decode import CsvLayout, ParquetLayout, Quarantine, Report, batches, scan
from engine.errors import EngineError, ShrinkRefused, TooManyRejects
from engine.identity import Checksum, identify, repeated
from engine.identity.arrays import id_bytes
from engine.idset import halves
from engine.receipt import Counts
from engine.spill import KeySpill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.contract import Dataset
    from engine.month import Month
    from engine.watch import Watch

# Rows of a batch: large enough that its overhead vanishes, small enough that a few of them bound the memory.
BATCH_ROWS = 1 << 16
# Below this share of the loaded rows a replacement needs to be asked for.
SHRINK_LIMIT = 0.9
# Ids of identical rows that are held at once: 64 MB and a little more for each row beyond the second.
_KEYS_AT_ONCE = 1 << 21


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """One pass over one file; it can be run once.

    Attributes:
        path: The file.
        layout: What its head says.
        dataset: What it is a month of.
        month: Which month.
        quarantine: Takes its bad rows.
        watch: Told how far it is.
        strict: Whether values are bad that are legal only after rounding, or that the data dictionary does not know.
        max_rejects: Fraction of lines that may be bad; strictly more fails the file.
        at_least: Rows that the file must have; fewer fail it.
        report: Counts of the decode step.
        strays: Rows whose time lies outside the month.
        nulls: Nulls by column.

    """

    path: Path
    layout: CsvLayout | ParquetLayout
    dataset: Dataset
    month: Month
    quarantine: Quarantine
    watch: Watch
    strict: bool = False
    max_rejects: float = 0.001
    at_least: int = 0
    report: Report = field(default_factory=Report)
    strays: int = 0
    nulls: dict[str, int] = field(default_factory=dict)

    def frame(self) -> pl.LazyFrame:
        """Return the rows as a lazy query: the layout's columns and `unique_row_id`."""
        rows = scan(self.path, self.layout, strict=self.strict, report=self.report, quarantine=self.quarantine)
        return identify(rows, self.dataset.contract, self.layout.columns)

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield all rows, in no particular order.

        Raises:
            TooManyRejects: After the last batch.
            ShrinkRefused: After the last batch.
            BadInput: The file is torn.

        """
        for batch in batches(self.frame(), self.report, rows=BATCH_ROWS):
            self._observe(batch)
            yield batch
            self.watch.progress(self.report.bytes_read, self.report.rows)
        if not self.report.complete:  # a signal that came inside a call of Polars ends the query without a word
            message = "reading ended before the file did"
            raise EngineError(message, next_step="run the command again")
        self._judge()

    def again(self) -> Pipeline:
        """Return a pipeline over the same file that has not been run."""
        return replace(self, report=Report(), strays=0, nulls={})

    def counts(self) -> Counts:
        """Return what was counted on the way."""
        nulls = {name: count for name, count in self.nulls.items() if count}
        return Counts(strays=self.strays, rounded=self.report.rounded, nulls=nulls, outside=dict(self.report.outside))

    def _observe(self, batch: pl.DataFrame) -> None:
        for column in self.layout.columns:
            self.nulls[column.name] = self.nulls.get(column.name, 0) + batch[column.name].null_count()
        if self.dataset.time and self.dataset.time in batch.columns:
            inside = _within(batch[self.dataset.time], self.month)
            self.strays += len(batch) - inside - batch[self.dataset.time].null_count()

    def _judge(self) -> None:
        report = self.report
        if report.quarantined > self.max_rejects * report.lines:
            raise self._too_many()
        if report.rows < self.at_least * SHRINK_LIMIT:
            message = "the new file has far fewer rows than the loaded month"
            raise ShrinkRefused(
                message,
                facts={"loaded": f"{self.at_least:,} rows", "file": f"{report.rows:,} rows"},
                next_step="if that is right, run the command again with --allow-shrink",
            )

    def _too_many(self) -> TooManyRejects:
        report = self.report
        share = 100 * report.quarantined / report.lines
        shown = "\n".join(
            f"line {r.line}{f', {r.column}' if r.column else ''}: {r.reason}" for r in report.first_rejects
        )
        message = f"{report.quarantined:,} of {report.lines:,} lines are bad ({share:.3g} %)"
        return TooManyRejects(
            message,
            facts={"file": self.layout.name, "allowed": f"{100 * self.max_rejects:.3g} %", "first": shown},
            next_step="mend the file, or allow more with --max-rejects",
        )


def unique_ids(pipeline: Pipeline, spool: Path) -> Checksum:
    """Return the checksum of the ids that the file's rows have once they are loaded: identical rows are numbered.

    Args:
        pipeline: Has not been run; is run here, and once more where the file has identical rows.
        spool: A file for keys; nobody else uses it.

    """
    checksum, keys = Checksum(), KeySpill(spool)
    try:
        for batch in pipeline.batches():
            ids = id_bytes(batch[ID])
            checksum.add(ids)
            keys.add(ids)
        repeats = keys.repeated()
    finally:
        keys.close()
    for key in range(0, len(repeats), _KEYS_AT_ONCE):
        _number(checksum, pipeline.again(), repeats[key : key + _KEYS_AT_ONCE])
    return checksum


def _number(checksum: Checksum, pipeline: Pipeline, keys: NDArray[np.uint64]) -> None:
    """Put the ids of identical rows in the place of their digests."""
    found = [ids[np.isin(halves(ids)[0], keys)] for ids in (id_bytes(batch[ID]) for batch in pipeline.batches())]
    digests, counts = np.unique(np.concatenate(found), axis=0, return_counts=True)
    every = np.repeat(digests, counts, axis=0)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    checksum.subtract(every)
    checksum.add(repeated(every, np.arange(len(every)) - starts))


def _within(times: pl.Series, month: Month) -> int:
    """Return how many dates or times lie in the month."""
    first, last = month.first_day, month.next().first_day
    if times.dtype == pl.Date:
        return int(times.is_between(first, last, closed="left").sum())
    start, end = (dt.datetime.combine(day, dt.time()) for day in (first, last))
    return int(times.is_between(start, end, closed="left").sum())
