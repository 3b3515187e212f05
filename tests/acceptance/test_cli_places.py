"""Where things come from and go to: HTTP, folders, the embedded server, homes that cannot be written, own datasets."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import duckdb
import psycopg
import pytest

from tests.command_line import COMMAND
from tests.faulty_http import Fault, Published, faulty_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Engine
    from tests.faulty_http import FaultyServer

YELLOW = ("ingest", "yellow", "2019-01")
BIKES = """
[dataset]
name = "bikes"
table = "bike_trips"
file = "trips-{month}.csv"
time = "started"
description = "Rides of a bike-sharing scheme"

[[columns]]
name = "started"
type = "datetime"
nullable = false
aliases = ["start time"]

[[columns]]
name = "station"
type = "text"

[[columns]]
name = "price"
type = "decimal(8,2)"
"""
RIDES = "Start Time,Station,Price\n2024-05-01 08:00:00,Nørrebro,12.50\n2024-05-01 08:00:00,Nørrebro,12.50\n"


@pytest.fixture
def mirror(months: Path) -> Iterator[FaultyServer]:
    """Give an HTTP server that publishes yellow 2019-01."""
    with faulty_server() as server:
        name = "yellow_tripdata_2019-01.csv.gz"
        server.publish(f"/{name}", Published(content=(months / name).read_bytes()))
        yield server


def test_http_month_and_its_unchanged_second_time(engine: Engine, mirror: FaultyServer) -> None:
    """A month is one HEAD and one GET; the same month again is one HEAD and nothing else."""
    first = engine.run(*YELLOW, "--from", mirror.url, "--to", "out", "--output", "json")
    assert (first.code, first.object["state"], first.object["rows"]["total"]) == (0, "loaded", 2_000)
    assert first.object["source"]["etag"] == '"one"'
    assert mirror.methods() == ["HEAD", "GET"]
    mirror.requests.clear()
    again = engine.run(*YELLOW, "--from", mirror.url, "--to", "out", "--output", "json")
    assert (again.code, again.object["state"]) == (0, "unchanged")
    assert mirror.methods() == ["HEAD"]


def test_http_404_is_not_published(engine: Engine, mirror: FaultyServer) -> None:
    """A 404 ends with 10 at once: it is an answer and needs no second try."""
    found = engine.call("ingest", "yellow", "2019-02", "--from", mirror.url, "--to", "out")
    assert found.code == 10
    assert "NotPublished: yellow 2019-02" in found.err
    assert not (engine.folder / "out").exists()


def test_http_503_and_a_cut_connection_are_tried_again(engine: Engine, mirror: FaultyServer) -> None:
    """A busy server and a download that breaks off cost time, not the month."""
    mirror.script["HEAD"] = [Fault(status=503, headers={"Retry-After": "0"})]
    mirror.script["GET"] = [Fault(status=503, headers={"Retry-After": "0"}), Fault(cut_after=10_000)]
    found = engine.run(*YELLOW, "--from", mirror.url, "--to", "out", "--output", "json")
    assert (found.code, found.object["rows"]["total"]) == (0, 2_000)
    assert "attempt 1" in found.err
    assert mirror.methods().count("GET") == 3
    assert "range" in mirror.requests[-1].headers


def test_http_changed_bytes_replace_the_month(engine: Engine, mirror: FaultyServer, months: Path) -> None:
    """Another ETag with other bytes makes the month new; verify agrees with what is published now."""
    assert engine.call(*YELLOW, "--from", mirror.url, "--to", "out").code == 0
    other = (months / "yellow_tripdata_2019-03.csv.gz").read_bytes()
    mirror.publish("/yellow_tripdata_2019-01.csv.gz", Published(content=other, etag='"two"'))
    found = engine.call(*YELLOW, "--from", mirror.url, "--to", "out", "--output", "json")
    assert (found.code, found.object["state"]) == (0, "loaded")
    assert engine.call("verify", "yellow", "2019-01", "--to", "out", "--against-source").code == 0


@pytest.mark.parametrize("to", ["folder", "database", "embedded"])
def test_dry_run_changes_nothing(engine: Engine, months: Path, database_url: str, to: str) -> None:
    """A dry run says what would be done, and makes no folder, no file, no table and no server."""
    place = {"folder": ["--to", "out"], "database": ["--to", database_url], "embedded": []}[to]
    found = engine.run(*YELLOW, "--from", months, *place, "--dry-run")
    assert found.code == 0
    assert found.out.startswith("yellow 2019-01  would be loaded\n")
    assert not list(engine.folder.iterdir())
    assert not engine.home.exists()
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert tables.fetchall() == []


def test_dry_run_of_a_loaded_month_says_so(engine: Engine, months: Path) -> None:
    """Where nothing would be done, a dry run says that."""
    assert engine.call(*YELLOW, "--from", months, "--to", "out").code == 0
    assert "unchanged" in engine.call(*YELLOW, "--from", months, "--to", "out", "--dry-run").out


def test_psql_reaches_the_embedded_server(resident: Engine) -> None:
    """One query runs on the server that starts by itself; psql's own flags and its exit code pass through."""
    count = resident.run("psql", "-At", "-c", "SELECT count(*) FROM yellow_tripdata")
    assert (count.code, count.out) == (0, "2000\n")
    assert resident.run("psql", "-At", ENGINE_COMMAND="SELECT 7").out == "7\n"
    assert resident.run("psql", "-At", "-c", "SELECT 1", "-c", "SELECT 2").out == "1\n2\n"
    assert resident.run("psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT nothing").code == 1


def test_ctrl_c_in_psql_cancels_the_query(resident: Engine) -> None:
    """Ctrl-C goes to psql, as in a session of its own: the query ends with PostgreSQL's word, not the engine's."""
    process = subprocess.Popen(  # noqa: S603 - the command under test
        [*COMMAND, "psql", "-c", "\\echo ready", "-c", "SELECT pg_sleep(60)"],
        cwd=resident.folder,
        env=resident.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)  # the query, too, has begun
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert "canceling statement due to user request" in err
    assert process.returncode == 1


def test_embedded_month_is_verified_and_listed(resident: Engine, months: Path) -> None:
    """Without --to, every command means the same embedded server."""
    assert resident.run("verify", "yellow", "2019-01", "--against-source", "--from", months).code == 0
    assert resident.run("status", "yellow").out.splitlines()[1].split()[:4] == ["yellow", "2019-01", "loaded", "2,000"]


def test_pg_variables_name_the_target(engine: Engine, months: Path, database_url: str) -> None:
    """PGHOST and its kin choose the server where --to does not."""
    with psycopg.connect(database_url) as connection:
        info = connection.info
        variables = {"PGHOST": info.host, "PGPORT": str(info.port), "PGUSER": info.user, "PGDATABASE": info.dbname}
        password = {"PGPASSWORD": info.password} if info.password else {}
    found = engine.run(*YELLOW, "--from", months, **variables, **password)
    assert found.code == 0, found.err
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM yellow_tripdata").fetchone() == (2_000,)


def test_home_that_cannot_be_written(engine: Engine, months: Path, tmp_path: Path) -> None:
    """With a home and a cache that nobody can write, a month still goes into a folder."""
    blocked = tmp_path / "file"
    blocked.touch()
    variables = {"ENGINE_HOME": "", "HOME": str(blocked), "XDG_CACHE_HOME": "", "TMPDIR": str(tmp_path)}
    found = engine.run(*YELLOW, "--from", months, "--to", "out", **variables)
    assert found.code == 0, found.err
    assert engine.run("verify", "yellow", "2019-01", "--to", "out", **variables).code == 0


def test_engine_home_that_cannot_be_used(engine: Engine, months: Path, tmp_path: Path) -> None:
    """An ENGINE_HOME that is no folder is a usage error that names it."""
    blocked = tmp_path / "file"
    blocked.touch()
    found = engine.run(*YELLOW, "--from", months, ENGINE_HOME=str(blocked))
    assert found.code == 2
    assert "ENGINE_HOME cannot be used" in found.err
    assert f"path      {blocked}" in found.err


def test_target_folder_that_is_a_file(engine: Engine, months: Path) -> None:
    """A target that cannot be a folder ends with 20 and what the operating system says."""
    (engine.folder / "out").touch()
    found = engine.call(*YELLOW, "--from", months, "--to", "out")
    assert found.code == 20
    assert "the target folder cannot be read or written" in found.err


def test_own_dataset_by_path_and_by_folder(engine: Engine, database_url: str) -> None:
    """A user's TOML works by its path and through ENGINE_DATASETS; equal rows stay two, with two ids."""
    (engine.folder / "bikes.toml").write_text(BIKES)
    (engine.folder / "trips-2024-05.csv").write_text(RIDES)
    by_path = engine.run("ingest", "./bikes.toml", "2024-05", "--from", ".", "--to", "out", "--output", "json")
    assert by_path.code == 0, by_path.err
    assert by_path.object["rows"]["total"] == 2
    files = str(engine.folder / "out" / "bikes" / "month=2024-05" / "data.parquet")
    columns = "count(DISTINCT unique_row_id), min(station), min(price)::VARCHAR, min(filename)"
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {columns} FROM read_parquet(?)", [files]).fetchone()  # noqa: S608 - above
    assert found == (2, "Nørrebro", "12.50", "trips-2024-05.csv")
    named = {"ENGINE_DATASETS": str(engine.folder)}
    by_name = engine.run("ingest", "bikes", "2024-05", "--from", ".", "--to", database_url, **named)
    assert by_name.code == 0, by_name.err
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*), sum(price)::text FROM bike_trips").fetchone() == (2, "25.00")
    assert engine.run("verify", "bikes", "2024-05", "--to", database_url, "--against-source", **named).code == 0
    assert "bike_trips" in engine.run("datasets", **named).out


def test_own_dataset_with_a_mistake(engine: Engine) -> None:
    """A mistake in a TOML file ends with 2 and names file and key."""
    (engine.folder / "bikes.toml").write_text(BIKES.replace('type = "text"', 'type = "varchar"'))
    found = engine.call("ingest", "bikes.toml", "2024-05", "--from", ".", "--to", "out")
    assert found.code == 2
    assert "there is no type 'varchar'" in found.err
    assert "file      bikes.toml" in found.err


def test_schema_and_table_by_flag(engine: Engine, months: Path, database_url: str) -> None:
    """Rows and ledger go to the schema and table that are named."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "Raw data"')
    place = ("--to", database_url, "--schema", "Raw data", "--table", "trips")
    assert engine.call(*YELLOW, "--from", months, *place).code == 0
    assert engine.call("verify", "yellow", "2019-01", *place).code == 0
    listed = engine.call("status", "--to", database_url, "--schema", "Raw data").out
    assert "2,000" in listed
    with psycopg.connect(database_url) as connection:
        assert connection.execute('SELECT count(*) FROM "Raw data".trips').fetchone() == (2_000,)
