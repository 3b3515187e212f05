"""What docs/costs.md says is what its program computes, and the program counts bytes as BigQuery does."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from benchmarks import costs
from benchmarks.costs import PerRow, backfill, kept, logical_bytes, report

DOCUMENT = (Path(__file__).parents[2] / "docs" / "costs.md").read_text()
# Of the generated month of 7,667,792 rows.
PER_ROW = PerRow(table=250.0, ids=18.0, parquet=31.5, csv=90.0, gz=22.7)


def test_the_document_shows_what_is_computed() -> None:
    """Both tables stand in the document, line by line, and the sizes of a row that they come from."""
    for line in report(PER_ROW).splitlines():
        assert line in DOCUMENT.splitlines()
    sizes = rf"{PER_ROW.table} in the table, {PER_ROW.ids} of them the id; {PER_ROW.parquet} as Parquet"
    assert sizes in DOCUMENT
    assert f"{PER_ROW.csv} as CSV, {PER_ROW.gz} as the published" in DOCUMENT
    assert f"{costs.REQUESTS} a month" in DOCUMENT


def test_the_document_shows_the_prices() -> None:
    """Each price that is multiplied stands in the table of prices."""
    prices = [
        costs.QUERY_PER_TIB,
        costs.WRITE_API_PER_GIB,
        costs.READ_API_PER_TIB,
        costs.TABLE_PER_GIB_MONTH,
        costs.OBJECT_PER_GB_MONTH,
        costs.REQUESTS_PER_THOUSAND,
    ]
    shown = [float(text) for text in re.findall(r"^\| .* \| \$([\d.]+) a", DOCUMENT, flags=re.MULTILINE)]
    assert shown == prices


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([1, None, 3], dtype=pl.Int32), 16),
        (pl.Series([1.5, None]), 8),
        (pl.Series([Decimal("1.25"), None], dtype=pl.Decimal(10, 2)), 16),
        (pl.Series(["N", "", None]), 3 + 2),
        (pl.Series(["\u00e9"]), 4),
        (pl.Series([bytes(16)]), 18),
        (pl.Series([dt.datetime(2019, 1, 1), None]), 8),  # noqa: DTZ001 - DATETIME has no zone
        (pl.Series([dt.date(2019, 1, 1)]), 8),
    ],
)
def test_bytes_as_billed(values: pl.Series, expected: int) -> None:
    """Numbers and times take 8 bytes, NUMERIC 16, texts and bytes their length and 2, nulls nothing."""
    assert logical_bytes(values) == expected


def test_only_the_course_grows_with_the_table() -> None:
    """What a month costs is the same in an empty table and in a full one, but for the course's flow."""
    one = {cost.way: cost for cost in costs.costs(PER_ROW, [3e6])}
    two = {cost.way: cost for cost in costs.costs(PER_ROW, [3e6, 3e6])}
    for way, cost in two.items():
        grown = cost.queried - 2 * one[way].queried
        assert (grown > 0) is (way.startswith("the course")), way


def test_what_is_kept_is_proportional() -> None:
    """The backfill's rows are the years' rows."""
    assert sum(backfill()) == pytest.approx(140.1e6)
    assert len(backfill()) == 36
    assert kept(PER_ROW, 2e6)[0][1] == 2 * kept(PER_ROW, 1e6)[0][1]
