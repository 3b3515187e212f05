"""A process that dies at any step leaves the old month or the new one, and the next run finds nothing in its way."""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import pytest

from engine.errors import Busy
from engine.receipt import State
from tests.conformance.postgres_world import PostgresWorld
from tests.conformance.world import MONTH, World, lines

if TYPE_CHECKING:
    from engine.receipt import Receipt

BAD = "x,2019-01-01 10:00:00,1.00,n"
# The most steps of an ingest; a run that takes more has changed so much that this suite wants a look.
MOST_STEPS = 120


# What is killed here is the client; one server stands for both.
pytestmark = pytest.mark.parametrize("world", ["postgres", "folder", "gcs", "bigquery"], indirect=True)


def _numbers(rows: list[tuple[object, ...]] | None) -> Counter[object] | None:
    return None if rows is None else Counter(row[3] for row in rows)


def _notes(numbers: range, note: str = "n") -> Counter[object]:
    return Counter(f"{note}{n}" for n in numbers)


@pytest.mark.parametrize("scenario", ["first", "replace", "append"])
def test_a_load_killed_at_any_step(world: World, scenario: str) -> None:
    """SIGKILL before each step: readers see the old or the new month, and the next run ends with the new one."""
    mode = "append" if scenario == "append" else "replace"

    def begin() -> None:
        world.reset()
        if scenario != "first":
            world.write([*lines(*range(100)), BAD])
            world.load()
        world.write(_new(scenario))

    old = None if scenario == "first" else _notes(range(100))
    new = {"first": _notes(range(100)), "replace": _notes(range(5, 100), "x"), "append": _notes(range(130))}[scenario]
    # Whoever comes after a dead holder of a lease waits for as long as it says itself.
    world.place = replace(world.place, lease_seconds=0.2)
    with _Killer(world, mode) as killer:
        begin()
        steps = killer.run(0)
        assert 5 < steps < MOST_STEPS
        for step in range(1, steps + 1):
            begin()
            killer.run(step)
            _check_repair(world, step, mode, (old, new))


class _Killer:
    """Runs ingests that die before a step.

    Args:
        world: Where.
        mode: How they load.

    """

    def __init__(self, world: World, mode: str) -> None:
        self._process = world.start("--serve", pipe=True)
        self._mode = mode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0

    def run(self, step: int) -> int:
        """Run one and return its number of steps; 0 where it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{self._mode} {step}\n")
        self._process.stdin.flush()
        steps = 0
        while not (line := self._process.stdout.readline()).startswith("ended"):
            assert line, "the process that serves has died"
            steps = int(line.split()[-1])
        assert line.split()[-1] == str(-signal.SIGKILL if step else 0)
        return steps


def _new(scenario: str) -> list[str]:
    return {
        "first": [*lines(*range(100)), BAD],
        "replace": [*lines(*range(5, 100), note="x"), BAD, BAD],
        "append": [*lines(*range(50, 130)), BAD, BAD],
    }[scenario]


def _check_repair(world: World, step: int, mode: str, expected: tuple[Counter[object] | None, Counter[object]]) -> None:
    old, new = expected
    seen = _numbers(world.visible())
    assert seen in (old, new), step
    receipt = _repaired(world, mode)
    assert receipt.state in (State.LOADED, State.UNCHANGED), step
    assert _numbers(world.visible()) == new, step
    world.assert_consistent(receipt)
    bad = {"replace": Counter([BAD] * sum(BAD in line for line in _lines(world))), "append": Counter([BAD] * 3)}[mode]
    assert Counter(row[3] for row in world.rejects()) == bad, step
    if isinstance(world, PostgresWorld):
        assert world.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)], step


def _repaired(world: World, mode: str) -> Receipt:
    """Load; a database frees a dead client's lock once it is done with that client's last statement."""
    deadline = time.monotonic() + 10
    result = world.run(mode=mode)
    while isinstance(result.error, Busy) and isinstance(world, PostgresWorld) and time.monotonic() < deadline:
        time.sleep(0.05)
        result = world.run(mode=mode)
    assert result.error is None, result.error
    return result.receipt


def _lines(world: World) -> list[str]:
    return (world.folder / "in" / f"trips_tripdata_{MONTH}.csv").read_text().splitlines()
