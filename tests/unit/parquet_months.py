"""A small dataset with a column of each type, and Parquet files of it: for the tests of Parquet months."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine import catalog
from engine.decode import ParquetLayout, Quarantine, Report, batches, read_layout, scan
from engine.month import Month

if TYPE_CHECKING:
    from pathlib import Path

TOML = """
[dataset]
name = "d"
[[columns]]
name = "n"
type = "int16"
nullable = false
[[columns]]
name = "at"
type = "datetime"
[[columns]]
name = "fare"
type = "decimal(6,2)"
[[columns]]
name = "flag"
type = "text"
codes = { values = { 0 = "N", 1 = "Y" }, until = "2014-12" }
allowed = { values = ["N", "Y"] }
[[columns]]
name = "miles"
type = "float64"
[[columns]]
name = "day"
type = "date"
[[columns]]
name = "ok"
type = "bool"
[[columns]]
name = "vendor"
type = "int16"
codes = { values = { CMT = 1 }, rest = "vendor_code", until = "2014-12" }
[[columns]]
name = "vendor_code"
type = "text"
[[columns]]
name = "fee"
type = "decimal(6,2)"
since = "2025-01"
"""
NOON = dt.datetime(2019, 1, 2, 12)  # noqa: DTZ001 - wall clock
JANUARY = Month(2019, 1)
ROW: dict[str, Any] = {
    "n": pa.array([7], pa.int64()),
    "at": pa.array([NOON], pa.timestamp("us")),
    "fare": pa.array([8.9000000000000004], pa.float64()),
    "flag": pa.array(["N"], pa.string()),
    "miles": pa.array([1.5], pa.float64()),
    "day": pa.array([NOON.date()], pa.date32()),
    "ok": pa.array([True], pa.bool_()),
    "vendor": pa.array([2], pa.int64()),
}
MEANT = (7, NOON, Decimal("8.90"), "N", 1.5, NOON.date(), True, 2)


def written(folder: Path, columns: dict[str, Any], **options: Any) -> Path:  # noqa: ANN401 - the writer's own
    """Write columns as a Parquet file."""
    (folder / "d.toml").write_text(TOML)
    path = folder / "d_tripdata_2019-01.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return path


def drained(path: Path, *, strict: bool = False, month: Month = JANUARY) -> tuple[pl.DataFrame, Report]:
    """Return a file's rows and its report."""
    layout = read_layout(path, catalog.load(path.with_name("d.toml")), month, name=path.name)
    assert isinstance(layout, ParquetLayout)
    report = Report()
    lf = scan(path, layout, strict=strict, report=report, quarantine=Quarantine(path.with_name("rejects")))
    return pl.concat(list(batches(lf, report))), report
