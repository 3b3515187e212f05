"""Months of each era in which a sample is looked at, and what of a file stands before its first row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.catalog import find
from engine.month import Month
from engine.sample import write_sample
from tests.unit.decoded import Decoded

if TYPE_CHECKING:
    from pathlib import Path

    from engine.contract import Form

# First and last months of each form, and of eras within one.
CSV = {
    "yellow": "2009-01 2009-10 2009-11 2010-01 2010-08 2010-09 2011-01 2012-08 2012-09 2013-12 2014-01 2014-12 2015-01"
    " 2015-06 2015-07 2016-06 2016-07 2016-12 2017-01 2018-12 2019-01 2021-07",
    "green": "2013-08 2013-12 2014-01 2014-12 2015-01 2015-06 2015-07 2015-12 2016-01 2016-06 2016-07 2016-12 2017-01"
    " 2018-12 2019-01 2021-07",
    "fhv": "2015-01 2016-12 2017-01 2017-06 2017-07 2017-12 2018-01 2018-12 2019-01 2021-07",
    "fhvhv": "2019-02 2019-12 2020-05 2021-07",
}
PARQUET = {
    "yellow": "2021-08 2022-12 2023-01 2023-02 2024-12 2025-01 2026-03",
    "green": "2021-08 2022-12 2023-01 2024-12 2025-01",
    "fhv": "2021-08 2023-01 2023-02 2025-01",
    "fhvhv": "2021-08 2021-12 2022-01 2023-01 2023-02 2025-01",
}


def months(table: dict[str, str]) -> list[tuple[str, Month]]:
    """Return the pairs of dataset and month of a table."""
    return [(name, Month.parse(month)) for name, listed in table.items() for month in listed.split()]


def before_rows(data: bytes) -> bytes:
    """Return the header of a CSV file with all line ends up to the first row."""
    end = data.index(b"\n") + 1
    return data[: len(data) - len(data[end:].lstrip(b"\r\n"))]


def decoded(
    folder: Path, dataset: str, month: Month, *, rows: int = 3000, rejects: float = 0.0, form: Form | None = None
) -> Decoded:
    """Write a sample and decode it as an ingest would."""
    path = write_sample(dataset, month, rows=rows, folder=folder, rejects=rejects, form=form)
    return Decoded(folder, path.read_bytes(), of=find(dataset), month=month)
