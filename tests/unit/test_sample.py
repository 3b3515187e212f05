"""Samples: alike every time, like published months, and bad only where asked."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import resource
from typing import TYPE_CHECKING

import polars as pl
import pytest

from engine import catalog
from engine.errors import UsageError
from engine.month import Month
from engine.sample import bad_rows, known, write_sample

if TYPE_CHECKING:
    from pathlib import Path

MONTH = Month(2019, 1)
ROWS = 20_000


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("ascii")


def _frame(path: Path) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())), infer_schema_length=None)


@pytest.mark.parametrize("dataset", ["yellow", "green"])
def test_every_line_has_every_field_and_ends_alike(dataset: str, tmp_path: Path) -> None:
    """A clean sample has exactly the rows that were asked for, each with all fields and CRLF at its end."""
    text = _text(write_sample(dataset, MONTH, rows=ROWS, folder=tmp_path))
    lines = text.split("\r\n")
    assert lines.pop() == ""
    assert len(lines) == ROWS + 1
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    assert "\n" not in "".join(lines)


@pytest.mark.parametrize("dataset", ["yellow", "green"])
def test_columns_are_those_of_the_contract(dataset: str, tmp_path: Path) -> None:
    """The contract of the dataset knows each column, and expects no other in that month."""
    frame = _frame(write_sample(dataset, MONTH, rows=10, folder=tmp_path))
    expected = [c.name for c in catalog.find(dataset).contract.columns if c.published_in(MONTH)]
    assert sorted(name.lower() for name in frame.columns) == sorted(expected)


def test_every_shipped_dataset_has_samples() -> None:
    """There is a profile for each dataset."""
    assert known() == sorted(path.stem for path in catalog.paths())


@pytest.mark.parametrize(
    ("dataset", "digest"),
    [
        ("yellow", "feae7a6ad01643101a1eb7ccebab2eb14e73d1326185b7fc0b457ff2d7af9ae6"),
        ("green", "0b4a884bc49d4cb62970a3fe025b8d3d90094f10764e363e30ee0539bf36f0ba"),
    ],
)
def test_bytes_of_2019_stay(dataset: str, digest: str, tmp_path: Path) -> None:
    """Documents show checksums of samples of 2019: equal arguments write what they wrote when those were made."""
    path = write_sample(dataset, MONTH, rows=20_000, folder=tmp_path, seed=3, rejects=0.01, compress=False)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_same_arguments_same_bytes(tmp_path: Path) -> None:
    """The file depends on its arguments alone; another seed or month is another file."""
    first = write_sample("yellow", MONTH, rows=1000, folder=tmp_path / "a").read_bytes()
    assert write_sample("yellow", MONTH, rows=1000, folder=tmp_path / "b").read_bytes() == first
    assert write_sample("yellow", MONTH, rows=1000, folder=tmp_path / "c", seed=1).read_bytes() != first
    assert write_sample("yellow", MONTH.next(), rows=1000, folder=tmp_path / "d").read_bytes() != first


def test_plain_and_compressed_hold_the_same(tmp_path: Path) -> None:
    """Compression changes nothing but the file's name and size."""
    plain = write_sample("green", MONTH, rows=1000, folder=tmp_path, compress=False)
    packed = write_sample("green", MONTH, rows=1000, folder=tmp_path)
    assert plain.read_text("ascii") == _text(packed).replace("\r\n", "\n")
    assert {path.name for path in tmp_path.iterdir()} == {"green_tripdata_2019-01.csv", "green_tripdata_2019-01.csv.gz"}


def test_month_has_the_dirt_of_real_ones(tmp_path: Path) -> None:
    """Clocks of other months and years, voided fares, trips without distance or passengers, and empty fields occur."""
    frame = _frame(write_sample("yellow", MONTH, rows=200_000, folder=tmp_path))
    months = set(frame["tpep_pickup_datetime"].str.head(7))
    assert {"2018-12", "2019-01", "2019-02"} <= months
    assert {month[:4] for month in months} & {"2001", "2008", "2041", "2088"}
    assert frame["fare_amount"].min() == pytest.approx(-60, abs=60)
    for column in ("trip_distance", "passenger_count"):
        assert frame.filter(pl.col(column) == 0).height > 0
    assert frame["VendorID"].null_count() > 0
    assert 0 < frame["congestion_surcharge"].null_count() < frame.height


def test_month_without_dirt_is_clean(tmp_path: Path) -> None:
    """Without dirt every pickup lies in its month, every amount is positive and every trip moves."""
    frame = _frame(write_sample("yellow", MONTH, rows=50_000, folder=tmp_path, dirty=False))
    assert set(frame["tpep_pickup_datetime"].str.head(7)) == {"2019-01"}
    assert frame.filter((pl.col("fare_amount") <= 0) | (pl.col("trip_distance") <= 0)).height == 0
    assert frame["VendorID"].null_count() == 0


def test_numbers_hang_together(tmp_path: Path) -> None:
    """Totals are sums, fares follow distance, only cards tip, some zones are busy, and evenings beat early mornings."""
    frame = _frame(write_sample("yellow", Month(2019, 3), rows=100_000, folder=tmp_path, dirty=False))
    parts = ["fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"]
    twice = pl.when(pl.col("VendorID") == 1).then(0).otherwise(pl.col("congestion_surcharge"))
    assert frame.filter((pl.sum_horizontal(parts) + twice - pl.col("total_amount")).abs() > 0.001).height == 0
    assert frame.select(pl.corr("trip_distance", "fare_amount")).item() > 0.9
    assert frame.filter((pl.col("tip_amount") > 0) & (pl.col("payment_type") != 1)).height == 0
    zones = frame["PULocationID"].value_counts(sort=True)["count"]
    assert zones.head(26).sum() > 0.5 * frame.height
    hours = frame["tpep_pickup_datetime"].str.slice(11, 2)
    assert hours.eq("18").sum() > 4 * hours.eq("04").sum()


@pytest.mark.parametrize("rows", [500, 10_000])
def test_any_length_covers_the_month(rows: int, tmp_path: Path) -> None:
    """A short sample runs through the month as a long one does: every day has trips, and none is a heap."""
    frame = _frame(write_sample("yellow", MONTH, rows=rows, folder=tmp_path, dirty=False))
    assert frame["tpep_pickup_datetime"].str.slice(8, 2).n_unique() == 31
    assert max(frame["tpep_pickup_datetime"].value_counts()["count"].to_list()) <= 5


@pytest.mark.parametrize("rejects", [0.0, 0.0005, 0.01, 1.0])
def test_bad_rows_are_as_many_as_asked(rejects: float, tmp_path: Path) -> None:
    """Exactly the announced number of rows is unreadable: short, long, letters in a number, a spreadsheet's date."""
    rows = 140_001  # more than one stretch
    lines = _text(write_sample("yellow", MONTH, rows=rows, folder=tmp_path, rejects=rejects)).split("\r\n")[1:-1]
    fields = [line.split(",") for line in lines]
    bad = [f for f in fields if len(f) != 18 or not (f[3] == "" or f[3].isdigit()) or "/" in f[1]]
    assert len(lines) == rows
    assert len(bad) == bad_rows(rows, rejects) == round(rows * rejects)
    if rejects == 1.0:
        assert {len(f) for f in fields} == {16, 18, 19}


def test_empty_month_is_a_header(tmp_path: Path) -> None:
    """No rows: the header stands alone."""
    assert _text(write_sample("yellow", MONTH, rows=0, folder=tmp_path)).count("\n") == 1


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    """A month of ten times as many rows needs no more memory."""
    write_sample("yellow", MONTH, rows=300_000, folder=tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_sample("yellow", MONTH, rows=1_500_000, folder=tmp_path)
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kilobytes < 64_000


@pytest.mark.parametrize(
    ("dataset", "month", "rows", "rejects"),
    [
        ("bikes", MONTH, 1, 0.0),
        ("yellow", Month(2008, 12), 1, 0.0),
        ("fhvhv", Month(2019, 1), 1, 0.0),
        ("yellow", MONTH, -1, 0.0),
        ("yellow", MONTH, 1, 1.5),
    ],
)
def test_what_makes_no_sense_is_refused(dataset: str, month: Month, rows: int, rejects: float, tmp_path: Path) -> None:
    """Unknown datasets, months that were never published and impossible numbers are refused, and nothing is written."""
    with pytest.raises(UsageError):
        write_sample(dataset, month, rows=rows, folder=tmp_path, rejects=rejects)
    assert not list(tmp_path.iterdir())


def test_fields_are_plain_csv(tmp_path: Path) -> None:
    """Python's own reader sees the same fields as a split at commas: nothing is quoted."""
    text = _text(write_sample("green", Month(2020, 5), rows=500, folder=tmp_path))
    assert list(csv.reader(io.StringIO(text))) == [line.split(",") for line in text.split("\r\n")[:-1]]
