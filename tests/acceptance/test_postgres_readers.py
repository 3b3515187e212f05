"""What people who read notice of a load: nothing before it is whole, and never for long."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from engine.errors import Busy
from engine.month import Month
from engine.receipt import State
from tests.conformance.postgres_world import PostgresWorld, postgres_world
from tests.conformance.world import MONTH, TRIPS, lines, trips

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

FEBRUARY = Month(2019, 2)


@pytest.fixture
def world(postgres_url: str, tmp_path: Path) -> Iterator[PostgresWorld]:
    """Give a schema with one loaded month."""
    with postgres_world(postgres_url, tmp_path) as world:
        world.place = replace(world.place, lock_wait_seconds=0.3)
        world.write(lines(*range(30)))
        world.load()
        yield world


@pytest.fixture
def reader(world: PostgresWorld) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Give a connection in the middle of a transaction that has read the main table."""
    with psycopg.connect(world.url) as connection:
        connection.execute("SELECT set_config('search_path', %s, false)", [world.schema])
        assert _count(connection) == 30
        yield connection


def _count(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    row = connection.execute("SELECT count(*) FROM trips_tripdata").fetchone()
    assert row is not None
    return int(row[0])


def test_a_first_load_and_a_long_reader(world: PostgresWorld, reader: psycopg.Connection[tuple[Any, ...]]) -> None:
    """A first load neither waits for an open reader nor makes it wait; the reader sees the month once it is whole."""
    world.write(lines(*range(50)), FEBRUARY)
    started = time.monotonic()
    assert world.load(FEBRUARY).state is State.LOADED
    assert time.monotonic() - started < 5
    assert _count(reader) == 80


def test_an_append_and_a_long_reader(world: PostgresWorld, reader: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Appending waits for no reader."""
    world.write(lines(*range(60)))
    assert world.load(mode="append").rows.loaded == 30
    assert _count(reader) == 60


def test_a_replacement_waits_for_readers(world: PostgresWorld, reader: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Behind an open reader a replacement ends as busy with the old month in place, and succeeds once it is gone."""
    first = world.states()
    world.write(lines(*range(40), note="x"))
    result = world.run()
    assert isinstance(result.error, Busy)
    assert (result.error.exit_code, result.receipt.state) == (21, State.BUSY)
    assert _count(reader) == 30
    assert world.remains() == []
    assert world.states().items() >= first.items()
    reader.rollback()
    receipt = world.load()
    world.assert_whole(list(range(40)), receipt, note="x")


def test_a_replacement_goes_on_when_the_reader_ends(
    world: PostgresWorld, reader: psycopg.Connection[tuple[Any, ...]]
) -> None:
    """A reader that ends within the time to wait only delays a replacement."""
    world.place = replace(world.place, lock_wait_seconds=20.0)
    world.write(lines(*range(40), note="x"))
    timer = threading.Timer(1.0, reader.rollback)
    timer.start()
    receipt = world.load()
    timer.join()
    world.assert_whole(list(range(40)), receipt, note="x")


def test_a_new_column_waits_for_readers(world: PostgresWorld, reader: psycopg.Connection[tuple[Any, ...]]) -> None:
    """A column that the main table lacks is added only when no reader is in the way; other readers never queue long."""
    text = TRIPS + '[[columns]]\nname = "tip"\ntype = "decimal(10,2)"\n'
    world.dataset = trips(world.folder, text + '[identity]\ncolumns = ["id", "at", "fare", "note"]\n')
    path = world.write([], FEBRUARY)
    path.write_text("id,at,fare,note,tip\n1,2019-02-01 10:00:00,1.00,n,0.25\n")
    started = time.monotonic()
    result = world.run(FEBRUARY)
    assert time.monotonic() - started < 10
    assert isinstance(result.error, Busy)
    reader.rollback()
    assert world.load(FEBRUARY).rows.total == 1
    assert world.query("SELECT tip::text, count(*) FROM trips_tripdata GROUP BY 1 ORDER BY 1") == [
        ("0.25", 1),
        (None, 30),
    ]


def test_readers_never_see_a_part(world: PostgresWorld) -> None:
    """While months come, are replaced and grow, every count that a reader gets is one of a whole month."""
    seen: set[tuple[int, int]] = set()
    done = threading.Event()
    errors: list[Exception] = []

    def read() -> None:
        try:
            with psycopg.connect(world.url, autocommit=True) as connection:
                connection.execute("SELECT set_config('search_path', %s, false)", [world.schema])
                while not done.is_set():
                    row = connection.execute(
                        "SELECT count(*) FILTER (WHERE source_month = %s), count(*) FILTER (WHERE source_month = %s) "
                        "FROM trips_tripdata",
                        [MONTH.first_day, FEBRUARY.first_day],
                    ).fetchone()
                    assert row is not None
                    seen.add((row[0], row[1]))
        except (psycopg.Error, AssertionError) as error:
            errors.append(error)

    world.place = replace(world.place, lock_wait_seconds=20.0)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        world.write(lines(*range(3000)), FEBRUARY)
        world.load(FEBRUARY)
        for rows in (2000, 2500):
            world.write(lines(*range(rows)))
            world.load()
        world.write(lines(*range(2600)))
        world.load(mode="append")
    finally:
        done.set()
        thread.join()
    assert not errors
    assert {january for january, _ in seen} <= {30, 2000, 2500, 2600}
    assert {february for _, february in seen} <= {0, 3000}
