"""From a file on disk to identified rows in batches: decode, conform and identify as one lazy Polars query.

Each batch is looked at once on its way to the sink (nulls, rows outside their month). After the last one the whole file
is judged, so that a sink that drained all batches without an error has every row of an acceptable file.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from engine.decode import Layout, Quarantine, Report, batches, scan
from engine.errors import ShrinkRefused, TooManyRejects
from engine.identity import identify
from engine.receipt import Counts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.contract import Dataset
    from engine.month import Month
    from engine.watch import Watch

# Rows of a batch: large enough that its overhead vanishes, small enough that a few of them bound the memory.
BATCH_ROWS = 1 << 16
# Below this share of the loaded rows a replacement needs to be asked for.
SHRINK_LIMIT = 0.9


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """One pass over one file; it can be run once.

    Attributes:
        path: The file.
        layout: What its header says.
        dataset: What it is a month of.
        month: Which month.
        quarantine: Takes its bad rows.
        watch: Told how far it is.
        strict: Whether values that are legal only after rounding are bad.
        max_rejects: Fraction of lines that may be bad; strictly more fails the file.
        at_least: Rows that the file must have; fewer fail it.
        report: Counts of the decode step.
        strays: Rows whose time lies outside the month.
        nulls: Nulls by column.

    """

    path: Path
    layout: Layout
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
        self._judge()

    def again(self) -> Pipeline:
        """Return a pipeline over the same file that has not been run."""
        return replace(self, report=Report(), strays=0, nulls={})

    def counts(self) -> Counts:
        """Return what was counted on the way."""
        return Counts(strays=self.strays, rounded=self.report.rounded, nulls={k: v for k, v in self.nulls.items() if v})

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


def _within(times: pl.Series, month: Month) -> int:
    """Return how many dates or times lie in the month."""
    first, last = month.first_day, month.next().first_day
    if times.dtype == pl.Date:
        return int(times.is_between(first, last, closed="left").sum())
    start, end = (dt.datetime.combine(day, dt.time()) for day in (first, last))
    return int(times.is_between(start, end, closed="left").sum())
