"""Real files, as they were published and as they were spoilt, decoded whole."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from engine.catalog import find
from engine.errors import BadInput
from engine.month import Month
from tests.unit.decoded import Decoded

DATA = Path("../shared/data")
REAL = [
    ("yellow", "yellow/yellow_tripdata_2015-01.csv", 1999),
    ("yellow", "yellow/yellow_tripdata_2019-01.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-02.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-03.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-04.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-05.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-06.csv.gz", 10_000),
    ("green", "green/green_tripdata_2020-04.csv.gz", 35_612),
    ("green", "green/green_tripdata_2020-05.csv.gz", 57_360),
    ("green", "green/green_tripdata_2020-06.csv.gz", 63_109),
]


def real(tmp_path: Path, name: str, file: str) -> Decoded:
    """Decode one of the shared files."""
    path = DATA / file
    if not path.exists():
        pytest.skip("the shared data are not here")
    month = Month.parse(file.partition("tripdata_")[2][:7])
    return Decoded(tmp_path, path.read_bytes(), of=find(name), month=month)


@pytest.mark.parametrize(("name", "file", "rows"), REAL)
def test_real_months_are_read_whole(tmp_path: Path, name: str, file: str, rows: int) -> None:
    """Every published line becomes a row."""
    found = real(tmp_path, name, file)
    assert (found.report.rows, found.report.quarantined, found.report.rounded) == (rows, 0, 0)


def test_a_real_row_is_what_stands_in_the_file(tmp_path: Path) -> None:
    """First line of the 2019-01 sample, value by value."""
    row = real(tmp_path, "yellow", "yellow/yellow_tripdata_2019-01.csv.gz").frame.row(0)
    times = (dt.datetime(2019, 1, 15, 3, 36, 12), dt.datetime(2019, 1, 15, 3, 42, 19))  # noqa: DTZ001 - wall clock
    money = [Decimal(v) for v in ("6.50", "0.50", "0.50", "1.95", "0.00", "0.30", "9.75")]
    assert row == (1, *times, 1, 1.0, 1, "N", 230, 48, 1, *money, None)


def test_the_torn_file_names_its_last_line(tmp_path: Path) -> None:
    """The cut CSV is refused at line 3275."""
    with pytest.raises(BadInput, match="line 3275") as caught:
        real(tmp_path, "yellow", "bad/yellow_tripdata_2021-01.torn.csv")
    assert caught.value.facts["found"].endswith("116,166,2,8,0.5,0.5,0,0,0.3")


def test_a_spreadsheets_dates_are_rejects_with_the_expected_format(tmp_path: Path) -> None:
    """All rows of the file that a spreadsheet saved are in quarantine."""
    found = real(tmp_path, "yellow", "bad/yellow_tripdata_2021-01.excel-dates.csv")
    assert found.report.rows == 0
    reason = "expected %Y-%m-%d %H:%M:%S, found '01/01/2021 0:30'"
    assert found.rejects[0][:3] == (2, "tpep_pickup_datetime", reason)
