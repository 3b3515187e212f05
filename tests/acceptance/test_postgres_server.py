"""Servers as they are met in the wild: behind a pooler, named by PG* variables, and gone in the middle of a load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from engine.errors import UsageError
from engine.receipt import State
from engine.targets import Place
from tests.conformance.postgres_world import PostgresWorld, postgres_world
from tests.conformance.world import MONTH, ROOT, lines, settings_in, trips
from tests.servers import LocalServer, installed, open_folder, pooler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 300_000


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """Give a server that a test may stop."""
    if (programs := installed()) is None:
        pytest.skip("no PostgreSQL is installed beside the embedded one")
    with open_folder() as folder:
        server = LocalServer(programs, folder)
        server.start()
        yield server
        server.stop(signal.SIGQUIT)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PostgresWorld]:
    """Give a schema on the server that the test may stop, where it asks for one, else on the usual one."""
    stoppable = "server" in request.fixturenames
    url = request.getfixturevalue("server").url if stoppable else request.getfixturevalue("postgres_url")
    with postgres_world(url, tmp_path) as world:
        yield world


def _engine(world: PostgresWorld, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "engine", "ingest", str(world.folder / "trips.toml"), str(MONTH)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "ENGINE_"))}
    return subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--from", str(world.folder / "in"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**kept, "ENGINE_HOME": str(world.folder / "home"), **environment},
    )


def test_a_pooler_is_refused(server: LocalServer, world: PostgresWorld) -> None:
    """A pooler in transaction mode is refused in clear words, and nothing is made behind it."""
    world.write(lines(*range(10)))
    with open_folder() as folder, pooler(server.url, folder) as url:
        result = world.run(to=Place(url=url, schema=world.schema))
    assert isinstance(result.error, UsageError)
    assert "pooler" in str(result.error)
    assert world.visible() is None
    assert world.states() == {}


def _variables(url: str) -> dict[str, str]:
    """Return the PG* variables that say what a URL says."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD"}
    address = psycopg.conninfo.conninfo_to_dict(url)
    return {variable: str(address[name]) for name, variable in names.items() if address.get(name)}


def test_pg_variables_name_the_target(postgres_url: str, world: PostgresWorld) -> None:
    """Without --to, PGHOST and its like name the server, for the rows as for the ledger."""
    world.write(lines(*range(10)))
    variables = _variables(postgres_url)
    for state in ("loaded", "unchanged"):
        process = _engine(world, "--schema", world.schema, "--output", "json", **variables)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert f'"state": "{state}"' in out
    assert len(world.visible() or ()) == 10
    assert not (world.folder / "home" / "postgres").exists(), "no embedded server was made"


def test_pg_variables_name_the_target_that_is_verified(
    postgres_url: str, world: PostgresWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --to, a month is also read back from the server that PGHOST and its like name."""
    world.write(lines(*range(10)))
    world.load()
    for variable, value in _variables(postgres_url).items():
        monkeypatch.setenv(variable, value)
    world.place = Place(schema=world.schema)
    world.settings = replace(world.settings, postgres_named=True)
    assert world.verified(against_source=True).agree


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGINT], ids=["crash", "shutdown"])
def test_a_server_that_stops_in_the_middle(server: LocalServer, world: PostgresWorld, number: signal.Signals) -> None:
    """A server that goes away during a load ends it with exit code 20; the next run finds and clears what is left."""
    world.write(lines(*range(100)))
    first = world.load()
    world.write([f"{n},2019-01-05 10:00:00,1.50,n{n}" for n in range(ROWS)])
    process = _engine(world, "--to", world.url, "--schema", world.schema)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("engine: load"):
        assert process.poll() is None
    while not world.remains():
        assert process.poll() is None
    server.stop(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 20, err
    assert "Traceback" not in err
    server.start()
    assert len(world.visible() or ()) == 100
    receipt = world.load()
    assert (receipt.state, receipt.rows.total) == (State.LOADED, ROWS)
    world.assert_consistent(receipt)
    assert world.states()[first.load_id] == "superseded"


def test_a_connection_that_is_ended(world: PostgresWorld) -> None:
    """An administrator who ends our connections ends the load with exit code 20, and nothing of it is seen."""
    world.write([f"{n},2019-01-05 10:00:00,1.50,n{n}" for n in range(ROWS)])
    process = _engine(world, "--to", world.url, "--schema", world.schema)
    while not world.remains():
        assert process.poll() is None
    world.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'engine'")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 20, err
    assert "Traceback" not in err
    assert world.visible() is None
    world.assert_consistent(world.load())


def test_nobody_answers(tmp_path: Path) -> None:
    """A server that is not there is exit code 20, without the password of its URL."""
    url = "postgresql://somebody:secret-word@127.0.0.1:1/nowhere"
    world = PostgresWorld(folder=tmp_path, dataset=trips(tmp_path), settings=settings_in(tmp_path), url=url)
    world.write(lines(*range(10)))
    result = world.run()
    assert result.error is not None
    assert result.error.exit_code == 20
    assert "secret-word" not in str(result.error)
