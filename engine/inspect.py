"""A month's file looked at as an ingest would, and nothing written: what it is, what becomes of it, what is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine import files
from engine.contract import ID, normalised
from engine.decode import Quarantine, read_layout
from engine.decode.layout import labels
from engine.decode.peek import era_of, peek
from engine.errors import EngineError
from engine.month import Month
from engine.pipeline import Pipeline
from engine.receipt import Counts, new_load_id

if TYPE_CHECKING:
    from pathlib import Path

    from engine.contract import Dataset
    from engine.decode import Reject
    from engine.decode.peek import Peek
    from engine.sources import Fetched
    from engine.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """One column of a file.

    Attributes:
        name: Its name in the file.
        stored: Its type in the file; empty for CSV.
        column: The contract's column; empty where it is not known, or has no name.
        type: That column's type.
        values: Its first values, as people read them.

    """

    name: str
    stored: str
    column: str
    type: str
    values: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Inspection:
    """What was found.

    Attributes:
        dataset: The dataset's name.
        month: The month.
        file: The file.
        bytes: Its size.
        form: Its format, `csv` or `parquet`; empty where it is neither.
        era: First and last month whose files the contract expects to look like this.
        details: What is worth knowing of its form.
        mapping: Its columns in its order.
        made: Columns that come from the texts of others (`vendor_code`), with their first values.
        lines: Data lines.
        rows: Good rows.
        quarantined: Lines that would go to quarantine.
        counts: Strays, rounded values, nulls, values that the data dictionary does not know.
        first_lines: The first data lines of a CSV file, as they stand.
        first_rejects: The first few lines that would go to quarantine.
        refused: Why an ingest would refuse the file; None: it would not.

    """

    dataset: str
    month: str
    file: str
    bytes: int | None = None
    form: str = ""
    era: tuple[str, str] = ("", "")
    details: tuple[str, ...] = ()
    mapping: list[Mapped] = field(default_factory=list)
    made: list[Mapped] = field(default_factory=list)
    lines: int = 0
    rows: int = 0
    quarantined: int = 0
    first_lines: tuple[str, ...] = ()
    counts: Counts = field(default_factory=Counts)
    first_rejects: list[Reject] = field(default_factory=list)
    refused: EngineError | None = None


def inspect(  # noqa: PLR0913 - keywords, each one word of what is asked
    dataset: Dataset,
    month: Month,
    fetched: Fetched,
    *,
    spool: Path,
    watch: Watch,
    strict: bool = False,
    max_rejects: float | None = None,
    rows: int = 3,
) -> Inspection:
    """Look at a file.

    Args:
        dataset: What it is a month of.
        month: Which month.
        fetched: The file.
        spool: Folder for temporary files.
        watch: Told how far it is.
        strict: As for an ingest.
        max_rejects: As for an ingest.
        rows: How many rows to show.

    Returns:
        What was found; an error that an ingest would end with is part of it.

    """
    found = Inspection(dataset=dataset.name, month=str(month), file=fetched.info.url, bytes=fetched.info.bytes)
    watch.step("read", fetched.info.bytes)
    try:
        head = peek(fetched.path, fetched.path.name)
        found.first_lines = head.lines[:rows]
        _headed(found, head, dataset, month)
        layout = read_layout(fetched.path, dataset, month, name=fetched.path.name)
        with files.scratch(spool / f"inspect-{new_load_id()}") as scratch:
            pipeline = Pipeline(
                path=fetched.path,
                layout=layout,
                dataset=dataset,
                month=month,
                quarantine=Quarantine(scratch / "rejects"),
                watch=watch,
                strict=strict,
                max_rejects=dataset.contract.policy.max_rejects if max_rejects is None else max_rejects,
            )
            try:
                _read(found, pipeline, rows)
            finally:
                pipeline.quarantine.close()
    except EngineError as error:
        found.refused = error.within(state="nothing was written")
    return found


def _headed(found: Inspection, head: Peek, dataset: Dataset, month: Month) -> None:
    today = dt.datetime.now(tz=dt.UTC)
    last = max(month, Month(today.year, today.month).next())
    begin, end = era_of(dataset, month, head.form, last=last)
    found.form, found.details, found.era = head.form, head.details, (str(begin), str(end))
    known = labels(dataset, month, head.form)
    stored = head.stored or ("",) * len(head.names)
    for name, kind in zip(head.names, stored, strict=True):
        column = known.get(normalised(name))
        found.mapping.append(
            Mapped(
                name=name, stored=kind, column=column.name if column else "", type=str(column.type) if column else ""
            )
        )


def _read(found: Inspection, pipeline: Pipeline, rows: int) -> None:
    """Drain the file; keep its first rows and its counts."""
    shown: dict[str, tuple[str, ...]] = {}
    try:
        for batch in pipeline.batches():
            if not shown and batch.height:
                head = batch.drop(ID).head(rows)
                shown = {name: tuple(_text(value) for value in head[name]) for name in head.columns}
    finally:
        report = pipeline.report
        found.lines, found.rows, found.quarantined = report.lines, report.rows, report.quarantined
        found.counts, found.first_rejects = pipeline.counts(), list(report.first_rejects)
        for at, one in enumerate(found.mapping):
            found.mapping[at] = Mapped(
                name=one.name, stored=one.stored, column=one.column, type=one.type, values=shown.get(one.column, ())
            )
        mapped = {one.column for one in found.mapping}
        found.made = [
            Mapped(name="", stored="", column=c.name, type=str(c.type), values=shown.get(c.name, ()))
            for c in pipeline.layout.columns
            if c.name not in mapped
        ]


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a frame holds
    return "" if value is None else str(value)
