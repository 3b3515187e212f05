"""Several engines at once, and engines that are asked to stop: one load, whole, and nothing left behind."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from engine.errors import Busy
from engine.month import Month
from engine.receipt import State
from tests.conformance.postgres_world import PostgresWorld
from tests.conformance.world import MONTH, ROOT, TRIPS, World, lines, trips

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 3
ROWS = 150_000
# What is tried here are clients; one server stands for both.
pytestmark = pytest.mark.parametrize("world", ["postgres", "folder", "gcs", "bigquery"], indirect=True)


def test_two_engines_on_one_month(world: World) -> None:
    """Of two engines on one month one loads it; the other is busy, or finds it loaded; the rows are there once."""
    for number in range(ROUNDS):
        world.write(lines(*range(100), note=f"r{number}-"))
        processes = [world.start() for _ in range(2)]
        said = [process.communicate(timeout=60) for process in processes]
        assert all(out for out, _ in said), said
        states = sorted(out.split()[0] for out, _ in said)
        assert states in (["busy", "loaded"], ["loaded", "unchanged"]), said
        codes = {process.returncode for process in processes}
        assert codes == ({0, 21} if "busy" in states else {0})
        world.assert_whole(list(range(100)), world.load(), note=f"r{number}-")


def test_two_engines_on_two_months(world: World) -> None:
    """Two engines on two months of a target that has nothing yet both load theirs."""
    months = [Month(2019, 1), Month(2019, 2)]
    for month in months:
        world.write(lines(*range(200)), month)
    processes = [world.start(month=month) for month in months]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out.startswith("loaded")
    assert all(len(world.visible(month) or ()) == 200 for month in months)
    assert [world.load(month).state for month in months] == [State.UNCHANGED] * 2


def test_a_held_month_is_busy(world: World) -> None:
    """Whoever comes while a month is held ends as busy and changes nothing; other months are free."""
    world.write(lines(*range(10)))
    world.write(lines(*range(10)), Month(2019, 2))
    with world.opened() as target:
        target.sink.prepare()
        with target.sink.locked(MONTH):
            result = world.run()
            assert isinstance(result.error, Busy)
            assert result.receipt.state is State.BUSY
            assert world.load(Month(2019, 2)).state is State.LOADED
    assert world.load().state is State.LOADED


@pytest.mark.parametrize("step", ["load", "publish"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing(world: World, number: signal.Signals, code: int, step: str) -> None:
    """Ctrl-C and SIGTERM end a load with their code: the old month stays, or the new one is whole; no remains."""
    # A load that is over before the signal comes shows nothing; on a busy machine, an earlier one is sent.
    for pause in (0.15, 0.05, 0.0) if step == "load" else (0.0,):
        world.reset()
        world.write(lines(*range(100)))
        first = world.load()
        _large(world)
        process, err = _signalled(world, number, step, pause)
        assert "Traceback" not in err
        assert process.returncode in (code, 0, -number), err
        rows = world.visible()
        assert rows is not None
        assert len(rows) in (100, ROWS)
        if len(rows) == 100:
            world.assert_whole(list(range(100)), first)
        assert world.remains() == []
        assert not [path for path in world.settings.spool.rglob("*") if path.is_dir() or ".keys" in path.name]
        assert world.load().rows.total == ROWS
        if process.returncode == code and len(rows) == 100:
            break
    else:
        assert step == "publish", "no signal came while rows were loaded"


def _signalled(world: World, number: signal.Signals, step: str, pause: float) -> tuple[subprocess.Popen[str], str]:
    """Start a load, send it a signal so many seconds after a step began, and return it ended, with what it said."""
    process = _command(world)
    assert process.stderr is not None
    while not process.stderr.readline().startswith(f"engine: {step}"):
        assert process.poll() is None
    time.sleep(pause)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process, err


def test_an_interrupt_inside_the_driver(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever Ctrl-C meets the driver's own code, a statement on its way, the month is whole and nothing left."""
    if not isinstance(world, PostgresWorld):
        pytest.skip("a folder has no driver")
    wait, begun, waits = psycopg.Connection.wait, threading.current_thread(), itertools.count()

    def interrupted(connection: psycopg.Connection[Any], statement: Any, *given: Any, **options: Any) -> Any:  # noqa: ANN401 - as psycopg's
        if threading.current_thread() is begun and next(waits) == at:
            next(statement, None)  # it is sent, and nobody will read its result
            statement.close()
            raise KeyboardInterrupt
        return wait(connection, statement, *given, **options)

    met = before = 0
    for at in itertools.count():
        numbers = list(range(100 + at))
        world.write(lines(*numbers))
        waits = itertools.count()
        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Connection, "wait", interrupted)
            try:
                receipt = world.load()
            except KeyboardInterrupt:
                met += 1
            else:
                break
        assert world.remains() == []
        assert "loading" not in world.states().values()
        there = len(world.visible() or ())
        assert there in (before, len(numbers))
        before = there
    world.assert_whole(numbers, receipt)
    assert met > 20


def _large(world: World) -> Path:
    return world.write([f"{n},2019-01-05 10:00:00,1.50,n{n}" for n in range(ROWS)])


def _command(world: World) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "engine", "ingest", str(world.folder / "trips.toml"), str(MONTH)]
    target = ["--to", world.place.url or "", "--schema", world.place.schema, "--from", str(world.folder / "in")]
    return subprocess.Popen(  # noqa: S603 - our own program
        [*command, *target],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **world.environment(), "ENGINE_HOME": str(world.folder / "home")},
    )


def test_two_datasets_at_once(world: World) -> None:
    """Two engines that make two datasets in one empty target do not get into each other's way."""
    other = world.folder / "other"
    other.mkdir()
    trips(other, TRIPS.replace('"trips"', '"rides"'))
    (other / "trips.toml").rename(other / "rides.toml")
    (other / "rides_tripdata_2019-01.csv").write_text("\n".join(["id,at,fare,note", *lines(*range(50))]) + "\n")
    world.write(lines(*range(100)))
    first = _command(world)
    command = [sys.executable, "-m", "engine", "ingest", str(other / "rides.toml"), str(MONTH), "--from", str(other)]
    second = subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--to", world.place.url or "", "--schema", world.place.schema],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **world.environment(), "ENGINE_HOME": str(world.folder / "home2")},
    )
    for process in (first, second):
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert len(world.visible() or ()) == 100
