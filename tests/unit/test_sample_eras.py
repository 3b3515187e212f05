"""Samples of every era: their heads are those of the real files, and all their rows are rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl
import pytest

from engine import catalog
from engine.decode import Quarantine, Report, batches, read_layout, scan
from engine.month import Month
from engine.sample import write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from engine.contract import Form

ROWS = 2000
_NAME = re.compile(r"(\w+)_tripdata_(\d{4}-\d{2})\.csv")
# A number of 17 digits is another number each time; what is compared is how it is written.
_SHAPES = [
    (re.compile(rb"-?\d*\.\d{10,}"), b"L"),
    (re.compile(rb"-?\d*\.?\d+"), b"9"),
    (re.compile(rb"9[-: 9]+9"), b"T"),
]
OFFICIAL = [
    ("yellow", ["2011-05", "2019-01", "2021-08", "2023-02", "2025-03"]),
    ("green", ["2014-01", "2021-01", "2025-03"]),
    ("fhv", ["2015-01", "2024-01"]),
    ("fhvhv", ["2019-02", "2025-03"]),
]


def head(content: bytes) -> bytes:
    """Return everything before the first row."""
    at = content.index(b"\n") + 1
    return content[: at + len(content[at:]) - len(content[at:].lstrip(b"\r\n"))]


def decoded(path: Path, dataset: str, month: str) -> tuple[pl.DataFrame, Report]:
    """Return a sample's rows, in no particular order, and the report."""
    layout = read_layout(path, catalog.find(dataset), Month.parse(month), name=path.name)
    report = Report()
    lf = scan(path, layout, strict=False, report=report, quarantine=Quarantine(path.with_name("rejects")))
    return pl.concat(list(batches(lf, report))), report


def test_heads_and_rows_are_those_of_real_files(shared_data: Path, tmp_path: Path) -> None:
    """For all 151 heads: a sample is the same up to the first row, and its rows are as long and decode."""
    for real in sorted((shared_data / "heads").glob("*.csv")):
        found = _NAME.fullmatch(real.name)
        assert found is not None
        dataset, month = found[1], found[2]
        path = write_sample(dataset, Month.parse(month), rows=ROWS, folder=tmp_path, compress=False)
        content, wanted = path.read_bytes(), real.read_bytes()
        assert head(content) == head(wanted), real.name
        rows, model = content[len(head(content)) :].split(b"\r\n"), wanted[len(head(wanted)) :].split(b"\r\n")
        assert rows.pop() == b""
        assert {row.count(b",") for row in rows} == {model[0].count(b",")}, real.name
        assert {row.startswith(b'"') for row in rows} == {model[0].startswith(b'"')}
        frame, report = decoded(path, dataset, month)
        assert (frame.height, report.quarantined, report.lines) == (ROWS, 0, ROWS), report.first_rejects
        path.unlink()


@pytest.mark.parametrize("month", ["2009-03", "2011-05", "2014-11", "2015-05", "2016-03"])
def test_numbers_are_written_as_in_their_year(month: str, shared_data: Path, tmp_path: Path) -> None:
    """Coordinates have the digits of a printed double, and money of 2009 to 2014 does where it must."""
    path = write_sample("yellow", Month.parse(month), rows=ROWS, folder=tmp_path, compress=False)

    def shape(content: bytes) -> set[bytes]:
        rows = content[len(head(content)) :].split(b"\r\n")[:-1]
        for pattern, letter in _SHAPES:
            rows = [pattern.sub(letter, row) for row in rows]
        return {field for row in rows for field in row.split(b",") if field in (b"L", b"T", b"9")}

    assert shape(path.read_bytes()) == shape((shared_data / "heads" / f"yellow_tripdata_{month}.csv").read_bytes())


@pytest.mark.parametrize(("dataset", "month"), [(d, m) for d, months in OFFICIAL for m in months])
def test_official_parquet(dataset: str, month: str, tmp_path: Path) -> None:
    """A month of any year can be had as the official Parquet, and all of its rows are rows."""
    path = write_sample(dataset, Month.parse(month), rows=ROWS, folder=tmp_path, form="parquet")
    assert path.name == f"{dataset}_tripdata_{month}.parquet"
    frame, report = decoded(path, dataset, month)
    assert (frame.height, report.quarantined) == (ROWS, 0), report.first_rejects


def test_parquet_has_the_schema_of_real_files(shared_data: Path, tmp_path: Path) -> None:
    """Names and types of green's columns are those of the official files, month by month."""
    for month in ("2021-01", "2022-01", "2023-02", "2025-11"):
        path = write_sample("green", Month.parse(month), rows=10, folder=tmp_path, form="parquet")
        real = pl.read_parquet_schema(shared_data / "parquet" / path.name)
        assert pl.read_parquet_schema(path) == real, month


@pytest.mark.parametrize(("dataset", "month"), [("yellow", "2019-01"), ("green", "2020-05")])
def test_both_formats_hold_the_same_values(dataset: str, month: str, tmp_path: Path) -> None:
    """The CSV and the Parquet of equal arguments are one month: equal in every column that both have."""
    forms: tuple[Form, ...] = ("csv", "parquet")
    frames = []
    for form in forms:
        path = write_sample(dataset, Month.parse(month), rows=ROWS, folder=tmp_path, form=form)
        frames.append(decoded(path, dataset, month)[0])
    names = [name for name in frames[0].columns if name in frames[1].columns]
    assert len(names) == len(frames[0].columns)
    ordered = [frame.select(names).sort(names) for frame in frames]
    assert ordered[0].equals(ordered[1])
    assert all(frames[1][name].null_count() == ROWS for name in frames[1].columns if name not in names)


@pytest.mark.parametrize(
    ("dataset", "month", "form"),
    [
        ("yellow", "2009-05", "csv"),
        ("yellow", "2016-08", "csv"),
        ("green", "2014-05", "csv"),
        ("fhv", "2016-05", "csv"),
        ("fhv", "2018-05", "csv"),
        ("fhvhv", "2019-05", "csv"),
        ("yellow", "2023-05", "parquet"),
        ("fhv", "2023-05", "parquet"),
    ],
)
def test_bad_rows_are_bad_in_every_form(dataset: str, month: str, form: Form, tmp_path: Path) -> None:
    """Exactly the announced number of rows goes to quarantine, whatever the file looks like."""
    path = write_sample(dataset, Month.parse(month), rows=ROWS, folder=tmp_path, rejects=0.05, form=form)
    frame, report = decoded(path, dataset, month)
    assert (report.quarantined, frame.height) == (ROWS // 20, ROWS - ROWS // 20)
