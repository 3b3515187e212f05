"""Each exit code that decided.md promises, reached as users reach it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from engine.month import Month
from engine.sample import write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Engine

YELLOW = ("ingest", "yellow", "2019-01")


def test_0_loaded_then_unchanged_then_verified(engine: Engine, months: Path) -> None:
    """A load, the same load again and a verification all end with 0 and say which of the three it was."""
    first = engine.run(*YELLOW, "--from", months, "--to", "out")
    again = engine.run(*YELLOW, "--from", months, "--to", "out")
    proof = engine.run("verify", "yellow", "2019-01", "--to", "out", "--against-source")
    assert (first.code, again.code, proof.code) == (0, 0, 0)
    assert "loaded" in first.out.splitlines()[0]
    assert "unchanged" in again.out.splitlines()[0]
    assert "verified: 2,000 rows" in proof.out


def test_1_what_nobody_foresaw_is_named_with_a_traceback(engine: Engine, tmp_path: Path) -> None:
    """A defect ends with 1, its traceback and a request to report it."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import engine.catalog\ndef find(*_):\n    raise ZeroDivisionError('a defect')\nengine.catalog.find = find\n"
    )
    found = engine.run(*YELLOW, PYTHONPATH=f"{broken}{os.pathsep}{engine.environment()['PYTHONPATH']}")
    assert found.code == 1
    assert "Traceback" in found.err
    assert "EngineError: yellow 2019-01: unexpected ZeroDivisionError: a defect" in found.err
    assert "next      please report this" in found.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ingest", "yellow"), "Missing argument 'MONTH'"),
        (("ingest", "yellow", "2019-13"), "2019-13 is not a month"),
        (("ingest", "yellow", "Jan 2019"), "'Jan 2019' is not a month"),
        (("ingest", "blue", "2019-01"), "there is no dataset 'blue'"),
        (("ingest", "yellow", "2019-01", "--to", "s3://bucket/x"), "there is no kind of target s3://"),
        (("ingest", "yellow", "2019-01", "--from", "nowhere", "--to", "out"), "there is no such file or folder"),
        (("ingest", "yellow", "2019-01", "--max-rejects", "2"), "'--max-rejects'"),
        (("backfill", "yellow", "2019-02", "2019-01", "--to", "out"), "2019-02 is after 2019-01"),
        (("psql", "--to", "out", "-c", "SELECT 1"), "out is no database"),
        (("frobnicate",), "No such command"),
    ],
)
def test_2_usage(engine: Engine, words: tuple[str, ...], said: str) -> None:
    """A command that makes no sense ends with 2, says why on stderr, and makes nothing."""
    found = engine.call(*words)
    assert found.code == 2
    assert said in found.err
    assert found.out == ""
    assert not list(engine.folder.iterdir())


def test_10_not_published(engine: Engine, months: Path) -> None:
    """A month that the source does not have ends with 10 and is told apart from a failure."""
    found = engine.run("ingest", "yellow", "2019-02", "--from", months, "--to", "out", "--output", "json")
    assert found.code == 10
    assert found.object["state"] == "not_published"
    assert "NotPublished: yellow 2019-02" in found.err
    assert "looked    yellow_tripdata_2019-02.csv.gz, yellow_tripdata_2019-02.csv" in found.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"{header}\r\n", "the file has a header and no data"),
        (b"<!DOCTYPE html>\n<html><body>Not Found</body></html>\n", "it is a web page or XML"),
        (b"PK\x03\x04" + bytes(200), "it is a zip archive"),
        (b"\x1f\x8b\x08\x00" + bytes(40), "the compressed file is damaged"),
    ],
    ids=["empty", "header alone", "web page", "zip", "broken gzip"],
)
def test_11_no_csv(engine: Engine, text: str, content: bytes, said: str) -> None:
    """What is no CSV with rows ends with 11, says what it is, and leaves no trace in the target."""
    file = engine.folder / "yellow_tripdata_2019-01.csv"
    file.write_bytes(content.replace(b"{header}", text.splitlines()[0].encode()))
    found = engine.call(*YELLOW, "--from", file, "--to", "out")
    assert found.code == 11, found.err
    assert said in found.err
    assert not list((engine.folder / "out").rglob("*.parquet"))


def test_11_torn(engine: Engine, text: str) -> None:
    """A file that ends inside a row ends with 11 and names the line, whatever share of bad rows is allowed."""
    file = engine.folder / "torn.csv"
    file.write_text(text[: len(text) // 2].rstrip("\r\n")[:-20])
    last = file.read_text().count("\n") + 1
    found = engine.run(*YELLOW, "--from", file, "--to", "out", "--max-rejects", "1")
    assert found.code == 11
    assert f"TornInput: yellow 2019-01: the file breaks off at line {last}" in found.err


def test_11_shrink(engine: Engine, months: Path) -> None:
    """Far fewer rows do not replace a loaded month unless that is asked for."""
    write_sample("yellow", Month(2019, 1), rows=100, folder=engine.folder / "small", seed=5)
    assert engine.call(*YELLOW, "--from", months, "--to", "out").code == 0
    refused = engine.call(*YELLOW, "--from", "small", "--to", "out")
    assert refused.code == 11
    assert "--allow-shrink" in refused.err
    assert engine.call("verify", "yellow", "2019-01", "--to", "out").code == 0
    assert engine.call(*YELLOW, "--from", "small", "--to", "out", "--allow-shrink").code == 0


def test_12_too_many_rejects(engine: Engine) -> None:
    """More bad rows than allowed end with 12 and the first of them; allowing them loads the rest."""
    write_sample("yellow", Month(2019, 1), rows=1_000, folder=engine.folder, seed=2, rejects=0.05)
    refused = engine.call(*YELLOW, "--from", ".", "--to", "out")
    assert refused.code == 12
    assert "TooManyRejects: yellow 2019-01" in refused.err
    assert "allowed   0.1 %" in refused.err
    allowed = engine.call(*YELLOW, "--from", ".", "--to", "out", "--max-rejects", "0.2", "--output", "json")
    assert allowed.code == 0
    rows = allowed.object["rows"]
    assert rows["quarantined"] > 0
    assert rows["lines"] == rows["loaded"] + rows["quarantined"]
    assert list((engine.folder / "out" / "_engine" / "rejects").rglob("*.parquet"))


def test_13_unknown_column(engine: Engine, text: str) -> None:
    """A column that the contract does not know ends with 13: where, expected, found, state, next."""
    (engine.folder / "x.csv").write_text(text.replace("congestion_surcharge", "airport_fee", 1))
    found = engine.run(*YELLOW, "--from", "x.csv", "--to", "out")
    assert found.code == 13
    lines = found.err[found.err.index("HeaderMismatch") :].splitlines()
    assert lines[0] == "HeaderMismatch: yellow 2019-01 does not match its contract"
    assert [line[:12].strip() for line in lines[1:7]] == ["file", "expected", "found", "state", "next", ""]
    assert lines[1].endswith("x.csv, line 1, column 18")
    assert lines[2].endswith("congestion_surcharge")
    assert lines[3].endswith("airport_fee")
    assert lines[6].strip() == "engine ingest yellow 2019-01 --from x.csv --to out"
    assert not list((engine.folder / "out").rglob("*.parquet"))


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid"])
def test_20_no_such_server(engine: Engine, months: Path, host: str) -> None:
    """A database that does not answer ends with 20 within seconds, without the password in the message."""
    begun = time.monotonic()
    url = f"postgresql://me:hunter2@{host}/taxi"
    found = engine.run(*YELLOW, "--from", months, "--to", url, "--output", "json")
    assert found.code == 20
    assert time.monotonic() - begun < 20
    assert "TargetUnreachable: yellow 2019-01: PostgreSQL cannot be reached" in found.err
    assert found.object["state"] == "failed"
    assert "hunter2" not in found.out + found.err


def test_21_busy(engine: Engine, months: Path, database_url: str) -> None:
    """A replacement that an open reader holds up ends with 21 after the wait, and the old month stays."""
    write_sample("yellow", Month(2019, 1), rows=1_990, folder=engine.folder, seed=7)
    assert engine.run(*YELLOW, "--from", months, "--to", database_url).code == 0
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM yellow_tripdata")  # its transaction stays open
        found = engine.run(*YELLOW, "--from", ".", "--to", database_url, "--lock-wait", "0.3", "--output", "json")
        assert found.code == 21
        assert found.object["state"] == "busy"
        assert reader.execute("SELECT count(*) FROM yellow_tripdata").fetchone() == (2_000,)
    assert engine.run(*YELLOW, "--from", ".", "--to", database_url).code == 0


def test_30_differences(engine: Engine, months: Path, database_url: str) -> None:
    """A changed cell and a missing row end with 30 and are shown against the source."""
    assert engine.run(*YELLOW, "--from", months, "--to", database_url).code == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE yellow_tripdata SET fare_amount = fare_amount + 0.01 "
            "WHERE unique_row_id = (SELECT min(unique_row_id::text)::uuid FROM yellow_tripdata)"
        )
        connection.execute(
            "DELETE FROM yellow_tripdata "
            "WHERE unique_row_id = (SELECT max(unique_row_id::text)::uuid FROM yellow_tripdata)"
        )
    alone = engine.run("verify", "yellow", "2019-01", "--to", database_url, "--output", "json")
    assert alone.code == 30
    assert alone.object["state"] == "different"
    assert alone.object["counts"] == {"changed": 1}
    assert (alone.object["rows"], alone.object["expected_rows"]) == (1_999, 2_000)
    whole = engine.run(
        "verify", "yellow", "2019-01", "--to", database_url, "--from", months, "--against-source", "--output", "json"
    )
    assert whole.code == 30
    assert whole.object["counts"] == {"changed": 1, "extra": 1, "missing": 2}


def test_30_nothing_to_verify(engine: Engine) -> None:
    """A month that was never loaded cannot be verified, and that says how to load it."""
    found = engine.run("verify", "yellow", "2019-01", "--to", "out")
    assert found.code == 30
    assert "the ledger knows no loaded month" in found.err
    assert "next      engine ingest yellow 2019-01 --to out" in found.err
    assert not list(engine.folder.iterdir())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_130_143_interrupted(engine: Engine, number: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM in a load end it with their codes; nothing is visible, and the next run loads all."""
    rows = 600_000
    write_sample("yellow", Month(2019, 1), rows=rows, folder=engine.folder)
    process = engine.start(*YELLOW, "--from", ".", "--to", "out", "--output", "json")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("engine: load"):
            break
    time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert '"state": "failed"' in out
    assert f"Interrupted: yellow 2019-01: stopped by {'Ctrl-C' if code == 130 else 'SIGTERM'}" in err
    assert not list((engine.folder / "out").rglob("*.parquet"))
    assert not list((engine.home / "cache" / "spool").glob("*"))
    again = engine.run(*YELLOW, "--from", ".", "--to", "out", "--output", "json")
    assert (again.code, again.object["rows"]["total"]) == (0, rows)
