"""The real files beside the repository: good ones load everywhere with their own line counts, bad ones fail."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Engine

GOOD = [
    ("yellow", "2015-01", "yellow_tripdata_2015-01.csv"),
    *(("yellow", f"2019-0{n}", f"yellow_tripdata_2019-0{n}.csv.gz") for n in range(1, 7)),
    *(("green", f"2020-0{n}", f"green_tripdata_2020-0{n}.csv.gz") for n in (4, 5, 6)),
]


def _data_lines(path: Path) -> int:
    """Count lines with something in them, without the header: the count that no parser makes."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return sum(1 for line in content.split(b"\n") if line.strip()) - 1


PARQUET = {"2021-01": 76_518, "2022-01": 62_495, "2023-02": 64_809, "2025-11": 46_912}
BACKFILLS = [("yellow", "2015-01", "2015-01"), ("yellow", "2019-01", "2019-06"), ("green", "2020-04", "2020-06")]


@pytest.mark.parametrize("kind", ["folder", "database"])
def test_good_files_load_and_verify(engine: Engine, shared_data: Path, database_url: str, kind: str) -> None:
    """Each real month has as many rows as its file has lines, and agrees with the file row by row."""
    to = "out" if kind == "folder" else database_url
    receipts = []
    for dataset, first, last in BACKFILLS:
        words = ("backfill", dataset, first, last, "--from", shared_data / dataset, "--to", to)
        found = engine.run(*words, "--output", "json")
        assert found.code == 0, found.err
        receipts += found.object["receipts"]
    assert [receipt["state"] for receipt in receipts] == ["loaded"] * len(GOOD)
    for receipt, (dataset, month, name) in zip(receipts, GOOD, strict=True):
        lines = _data_lines(shared_data / dataset / name)
        rows = receipt["rows"]
        assert (rows["lines"], rows["loaded"], rows["quarantined"]) == (lines, lines, 0), name
        proof = engine.call("verify", dataset, month, "--to", to, "--against-source", "--output", "json")
        assert proof.code == 0, proof.err
        assert proof.object["rows"] == lines


@pytest.mark.parametrize("kind", ["folder", "database"])
def test_official_parquet_loads_and_verifies(engine: Engine, shared_data: Path, database_url: str, kind: str) -> None:
    """Each complete official Parquet month loads with the rows of its footer, latest first, and agrees with it."""
    to = "out" if kind == "folder" else database_url
    source = shared_data / "parquet"
    for month in sorted(PARQUET, reverse=True):
        found = engine.call("ingest", "green", month, "--from", source, "--to", to, "--output", "json")
        assert found.code == 0, found.err
        rows = found.object["rows"]
        assert (rows["lines"], rows["loaded"], rows["quarantined"]) == (PARQUET[month], PARQUET[month], 0)
        assert found.object["source"]["url"].endswith(f"green_tripdata_{month}.parquet")
        proof = engine.call("verify", "green", month, "--to", to, "--against-source", "--output", "json")
        assert proof.code == 0, proof.err
        again = engine.call("ingest", "green", month, "--from", source, "--to", to, "--output", "json")
        assert again.object["state"] == "unchanged"


@pytest.mark.parametrize(
    ("name", "month", "code", "said"),
    [
        (
            "yellow_tripdata_2021-01.torn.csv",
            "2021-01",
            11,
            ["TornInput", "breaks off at line 3275", "found     1,2021-01-01 03:38:27"],
        ),
        (
            "yellow_tripdata_2021-01.excel-dates.csv",
            "2021-01",
            12,
            ["line 2, tpep_pickup_datetime: expected %Y-%m-%d %H:%M:%S, found '01/01/2021 0:30'", "line 4,"],
        ),
        ("yellow_tripdata_2024-01_TRUNCATED.parquet", "2024-01", 11, ["a Parquet file without its footer"]),
    ],
    ids=["torn", "spreadsheet", "parquet"],
)
def test_bad_files_fail(engine: Engine, shared_data: Path, name: str, month: str, code: int, said: list[str]) -> None:
    """A damaged file ends with its code, says where and what, and leaves no row."""
    found = engine.call("ingest", "yellow", month, "--from", shared_data / "bad" / name, "--to", "out")
    assert found.code == code
    for words in said:
        assert words in found.err
    assert not list((engine.folder / "out").rglob("*.parquet"))


def test_a_bad_file_does_not_replace_a_good_month(engine: Engine, shared_data: Path, text: str) -> None:
    """After a torn file for a loaded month, the month is what it was."""
    good = shared_data / "yellow" / "yellow_tripdata_2019-01.csv.gz"
    assert engine.call("ingest", "yellow", "2019-01", "--from", good, "--to", "out").code == 0
    (engine.folder / "torn.csv").write_text(text[:-30])
    assert engine.call("ingest", "yellow", "2019-01", "--from", "torn.csv", "--to", "out").code == 11
    proof = engine.call("verify", "yellow", "2019-01", "--to", "out", "--against-source", "--from", good)
    assert proof.code == 0, proof.err
