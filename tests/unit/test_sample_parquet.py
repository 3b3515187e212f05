"""Samples as Parquet: the official schema of the month, the values of the CSV, bad rows, and bounded memory."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq
import pytest

from engine.errors import UsageError
from engine.month import Month
from engine.sample import bad_rows, write_sample
from tests.unit.sampled import CSV, PARQUET, decoded, months

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("dataset", "month"), months(CSV), ids=str)
def test_csv_and_parquet_hold_the_same(dataset: str, month: Month, tmp_path: Path) -> None:
    """For equal arguments every column that both formats have holds equal values, row by row."""
    csv, parquet = (decoded(tmp_path, dataset, month, form=form).frame for form in ("csv", "parquet"))
    both = [name for name in csv.columns if name in parquet.columns]
    assert len(both) >= 3
    for name in both:
        one, other = (
            frame[name].replace("", None) if frame[name].dtype == pl.String else frame[name] for frame in (csv, parquet)
        )
        assert one.equals(other), name


def test_a_month_of_2019_has_the_18_columns_and_an_empty_fee(tmp_path: Path) -> None:
    """Yellow 2019-01 as Parquet is the CSV and one column that holds nothing."""
    month = Month(2019, 1)
    csv, parquet = (decoded(tmp_path, "yellow", month, form=form).frame for form in ("csv", "parquet"))
    assert csv.equals(parquet.drop("airport_fee"))
    assert csv.width == 18
    assert parquet["airport_fee"].null_count() == parquet.height


@pytest.mark.parametrize("month", ["2021-01", "2022-01", "2023-02", "2025-11"])
def test_schema_is_that_of_the_official_file(month: str, tmp_path: Path, shared_data: Path) -> None:
    """Names, order and types of green equal those of the published Parquet."""
    real = pq.read_schema(shared_data / "parquet" / f"green_tripdata_{month}.parquet")
    path = write_sample("green", Month.parse(month), rows=100, folder=tmp_path, form="parquet")
    made = pq.read_schema(path)
    assert [(field.name, str(field.type)) for field in made] == [(field.name, str(field.type)) for field in real]


def test_names_and_types_drift(tmp_path: Path) -> None:
    """The fee changes its name in 2023-02, ids their width, and the fee of the relief zone comes in 2025."""
    schemas = {
        month: pq.read_schema(write_sample("yellow", Month.parse(month), rows=10, folder=tmp_path))
        for month in ("2021-08", "2023-01", "2023-02", "2024-12", "2025-01")
    }
    assert [s.names[18] for s in schemas.values()] == ["airport_fee"] * 2 + ["Airport_fee"] * 3
    assert [str(s.field("VendorID").type) for s in schemas.values()] == ["int64"] * 2 + ["int32"] * 3
    assert ["cbd_congestion_fee" in s.names for s in schemas.values()] == [False] * 4 + [True]


def test_parquet_is_the_default_where_no_csv_exists(tmp_path: Path) -> None:
    """Up to 2021-07 a sample is a CSV, then Parquet; a CSV of a later month is refused, as it was never published."""
    assert write_sample("fhv", Month(2021, 7), rows=5, folder=tmp_path).name == "fhv_tripdata_2021-07.csv.gz"
    assert write_sample("fhv", Month(2021, 8), rows=5, folder=tmp_path).name == "fhv_tripdata_2021-08.parquet"
    with pytest.raises(UsageError, match="no such file was ever published"):
        write_sample("fhv", Month(2021, 8), rows=5, folder=tmp_path, form="csv")


def test_equal_arguments_are_equal_bytes(tmp_path: Path) -> None:
    """A Parquet depends on its arguments alone."""
    one, two, three = (
        write_sample("fhvhv", Month(2023, 3), rows=2000, folder=tmp_path / str(n), seed=seed).read_bytes()
        for n, seed in enumerate((1, 1, 2))
    )
    assert one == two != three


@pytest.mark.parametrize("rejects", [0.05, 1.0])
@pytest.mark.parametrize(("dataset", "month"), [*months(CSV), *months(PARQUET)], ids=str)
def test_bad_rows_are_bad_in_every_form(dataset: str, month: Month, rejects: float, tmp_path: Path) -> None:
    """As many rows as announced are in quarantine, and no other."""
    found = decoded(tmp_path, dataset, month, rows=1000, rejects=rejects)
    assert found.report.quarantined == bad_rows(1000, rejects)
    assert found.report.lines == 1000


def test_row_groups_are_of_the_official_size_and_memory_is_bounded(tmp_path: Path) -> None:
    """Row groups have 1,048,576 rows; three times as many rows need no more memory."""
    write_sample("green", Month(2023, 3), rows=1_100_000, folder=tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = write_sample("green", Month(2023, 3), rows=3_200_000, folder=tmp_path)
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    footer = pq.read_metadata(path)
    sizes = [footer.row_group(n).num_rows for n in range(footer.num_row_groups)]
    assert sizes == [1_048_576, 1_048_576, 1_048_576, 54_272]
    assert footer.row_group(0).column(0).compression == "ZSTD"
    assert grown_kilobytes < 200_000
