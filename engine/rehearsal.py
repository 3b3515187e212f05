"""A load of one made-up line, in the time that the file takes to come.

Libraries load parts of themselves at first use and compiled kernels come from their cache: a quarter of a second in
which a load decodes nothing. Downloading a file, or taking its checksum, leaves the interpreter to others; so that is
when one line goes the way that the month's lines will go.

Guarantee: nothing but time depends on it. It sees neither the file nor the target, and what fails in it, fails in
silence: the load itself meets the same and says so.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import polars as pl

from engine import files
from engine.contract import ID
from engine.decode import CsvLayout, Quarantine
from engine.decode.layout import as_stored
from engine.identity import Checksum
from engine.pipeline import Pipeline
from engine.watch import Nobody

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.contract import Column, Dataset
    from engine.month import Month

_PLAIN = {"int": "1", "decimal": "1", "float": "1", "bool": "true"}


@contextmanager
def rehearsal(dataset: Dataset, month: Month, folder: Path) -> Iterator[None]:
    """Rehearse a load in a thread while the body of the `with` runs; over when both are.

    Args:
        dataset: What is loaded.
        month: Which month.
        folder: For temporary files, nobody else's; made now and removed at the end.

    """
    thread = threading.Thread(target=_rehearse, args=(dataset, month, folder), name="engine-rehearsal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _rehearse(dataset: Dataset, month: Month, folder: Path) -> None:
    with suppress(Exception), files.scratch(folder):
        path = folder / "line.csv"
        columns = tuple(as_stored(c) for c in dataset.contract.columns if c.published_in(month))
        path.write_text(",".join(_value(c, month) for c in columns) + "\n", encoding="utf-8")
        pipeline = Pipeline(
            path=path,
            layout=_layout(path, columns),
            dataset=dataset,
            month=month,
            quarantine=Quarantine(folder / "rejects"),
            watch=Nobody(),
        )
        # Not by `batches`: a streaming query has threads of its own, and each keeps memory (30 MB of a load's peak).
        row = pipeline.frame().collect(engine="in-memory")
        Checksum().add(row[ID])
        row.to_arrow(compat_level=pl.CompatLevel.oldest())


def _layout(path: Path, columns: tuple[Column, ...]) -> CsvLayout:
    return CsvLayout(
        name=path.name,
        form="csv",
        columns=columns,
        parsed=columns,
        fields=columns,
        header="",
        header_bytes=0,
        line_end="\n",
        compressed=False,
    )


def _value(column: Column, month: Month) -> str:
    """Return a value as the month's file will have it."""
    if column.type.kind in ("date", "datetime"):
        return month.first_day.strftime(column.time_format)
    return _PLAIN.get(column.type.kind, "N")
