"""`engine inspect`: what a file is, what becomes of it, what is refused; and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Engine

HEADER = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,store_and_fwd_flag,"
    "PULocationID,DOLocationID,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,improvement_surcharge,"
    "total_amount"
)
ROW = "1,2016-08-10 06:56:05,2016-08-10 06:59:53,1,.50,1,N,263,236,1,4.5,1,0.5,2.7,0,0.3,9,,"
STRAY = "4,2008-08-10 06:56:05,2016-08-10 06:59:53,1,.50,1,N,263,236,1,4.5,1,0.5,2.7,0,0.3,9,,"


def written(engine: Engine, name: str, rows: list[str]) -> None:
    """Write a file with the header of 2016-07 to 2018."""
    (engine.folder / name).write_text("\r\n".join([HEADER, *rows]) + "\r\n", newline="")


def untouched(engine: Engine) -> bool:
    """Tell that there is no target, and no file beside the one that was looked at."""
    return not (engine.home / "postgres").exists() and len(list(engine.folder.iterdir())) == 1


def test_a_file_whose_name_tells_what_it_is(engine: Engine) -> None:
    """Header, era, mapping, types, first rows and counts are shown, and nothing is written."""
    written(engine, "yellow_tripdata_2016-08.csv", [ROW, STRAY])
    found = engine.call("inspect", "yellow_tripdata_2016-08.csv")
    assert found.code == 0, found.err
    for words in (
        "yellow 2016-08",
        "era         2016-07 to 2016-12",
        "17 names over 19 fields",
        " 4  passenger_count        passenger_count        int16",
        "2016-08-10 06:56:05",
        "2 lines = 2 rows + 0 to quarantine",
        "strays      1 outside the month",
        "unknown     vendorid 1",
        "an ingest would load this file",
    ):
        assert words in found.out
    assert untouched(engine)


def test_json_has_the_same(engine: Engine) -> None:
    """One object with stable keys."""
    written(engine, "yellow_tripdata_2016-08.csv", [ROW, STRAY])
    found = engine.call("inspect", "yellow_tripdata_2016-08.csv", "--output", "json").object
    assert (found["dataset"], found["month"], found["form"], found["era"]) == (
        "yellow",
        "2016-08",
        "csv",
        ["2016-07", "2016-12"],
    )
    assert (found["lines"], found["rows"], found["quarantined"], found["refused"]) == (2, 2, 0, "")
    assert found["counts"]["outside"] == {"vendorid": 1}
    assert [one["column"] for one in found["mapping"]][:2] == ["vendorid", "tpep_pickup_datetime"]
    assert found["mapping"][16]["values"] == ["9.00", "9.00"]


def test_what_would_be_refused_is_shown_with_its_code(engine: Engine) -> None:
    """The same bytes as another month: the mapping is shown, the fault is named, and the code is an ingest's."""
    written(engine, "yellow_tripdata_2017-08.csv", [ROW])
    found = engine.call("inspect", "yellow_tripdata_2017-08.csv")
    assert found.code == 13
    assert "an ingest would refuse this file" in found.out
    assert f"as it is     {ROW}" in found.out.replace("as it is    ", "as it is     ")
    assert "HeaderMismatch: yellow 2017-08 does not match its contract" in found.err
    assert "nothing was written" in found.err
    assert untouched(engine)


def test_bad_rows_are_shown(engine: Engine) -> None:
    """Lines that would go to quarantine are named, and too many of them are what would end an ingest."""
    written(engine, "yellow_tripdata_2016-08.csv", [ROW, ROW.replace(",1,N,", ",x,N,")])
    found = engine.call("inspect", "yellow_tripdata_2016-08.csv")
    assert found.code == 12
    assert "line 3, ratecodeid: not an int16: 'x'" in found.out
    allowed = engine.call("inspect", "yellow_tripdata_2016-08.csv", "--max-rejects", "0.5")
    assert allowed.code == 0


def test_a_month_by_its_name(engine: Engine) -> None:
    """A dataset and a month are looked for where an ingest would look."""
    written(engine, "yellow_tripdata_2016-08.csv", [ROW])
    assert engine.call("inspect", "yellow", "2016-08", "--from", ".").code == 0
    assert engine.call("inspect", "yellow", "2016-09", "--from", ".").code == 10


def test_a_file_of_any_name(engine: Engine) -> None:
    """Where the name does not tell, dataset and month are named; without them the command says so."""
    written(engine, "trips.csv", [ROW])
    assert engine.call("inspect", "trips.csv", "2016-08", "--dataset", "yellow").code == 0
    for words in (
        ("trips.csv",),
        ("trips.csv", "2016-08"),
        ("nothing",),
        ("yellow",),
        ("trips.csv", "--dataset", "yellow"),
    ):
        found = engine.call("inspect", *words)
        assert found.code == 2, words
        assert "engine inspect" in found.err


@pytest.mark.parametrize("month", ["2021-01", "2022-01", "2023-02", "2025-11"])
def test_official_parquet(engine: Engine, shared_data: Path, month: str) -> None:
    """An official file shows how each column is stored and what it becomes."""
    found = engine.call("inspect", shared_data / "parquet" / f"green_tripdata_{month}.parquet")
    assert found.code == 0, found.err
    assert "stored as" in found.out
    assert "timestamp[us]" in found.out
    assert ("cbd_congestion_fee" in found.out) == (month == "2025-11")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("yellow_tripdata_2021-01.torn.csv", 11),
        ("yellow_tripdata_2021-01.excel-dates.csv", 12),
        ("yellow_tripdata_2024-01_TRUNCATED.parquet", 11),
    ],
)
def test_bad_files_end_with_their_code(engine: Engine, shared_data: Path, name: str, code: int) -> None:
    """A torn, a spreadsheet's and a cut file end as an ingest of them would."""
    found = engine.call("inspect", shared_data / "bad" / name, name[16:23], "--dataset", "yellow")
    assert found.code == code, found.err
    assert "an ingest would refuse this file" in found.out


def test_the_contract_is_shown(engine: Engine) -> None:
    """`datasets show` lists sources, columns with their months and names, and the known faults; --toml the file."""
    found = engine.call("datasets", "show", "yellow")
    for words in ("vendor_name (to 2009-12)", "1..265", "from 2016-07", "from 2011-01", "2 fields without a name"):
        assert words in found.out
    assert "[[columns]]" in engine.call("datasets", "show", "fhvhv", "--toml").out
    assert {"fhv", "fhvhv", "green", "yellow"} <= set(engine.call("datasets").out.split())
