"""Names of schemas, tables and columns: two of them stay apart, odd ones work, and none is ever run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from engine.errors import UsageError
from engine.receipt import State
from engine.targets import Place
from tests.conformance.world import TRIPS, lines, trips

if TYPE_CHECKING:
    from tests.conformance.postgres_world import PostgresWorld


def test_two_datasets_share_a_schema(world: PostgresWorld) -> None:
    """Two datasets in one schema share ledger and rejects and nothing else."""
    world.write([*lines(*range(9)), "x,2019-01-01 10:00:00,1.00,n"])
    world.load()
    rides = trips(world.folder, TRIPS.replace('"trips"', '"rides"'))
    world.write([*lines(*range(19)), "y,2019-01-01 10:00:00,1.00,n"], name="rides_tripdata_2019-01.csv")
    world.load(dataset=rides)
    assert world.query("SELECT count(*) FROM trips_tripdata UNION ALL SELECT count(*) FROM rides_tripdata") == [
        (9,),
        (19,),
    ]
    assert len(world.rejects()) == 2
    world.write([*lines(*range(18)), "z,2019-01-01 10:00:00,1.00,n"], name="rides_tripdata_2019-01.csv")
    world.load(dataset=rides)
    assert sorted(raw[0] for *_, raw in world.rejects()) == ["x", "z"]
    assert sorted(world.states().values()) == ["loaded", "loaded", "superseded"]


def test_another_table_is_another_target(world: PostgresWorld) -> None:
    """`--table` names a second main table with a month, a lock and a ledger of its own."""
    world.write(lines(*range(9)))
    place = Place(url=world.url, schema=world.schema, table="other")
    assert world.load().state is world.load(to=place).state is State.LOADED
    assert world.query("SELECT count(*) FROM other") == [(9,)]
    assert sorted(world.states().values()) == ["loaded", "loaded"]


@pytest.mark.parametrize("name", ['"; DROP TABLE victim; --', "a'b", "Ünï {x}", 'Up "and" down', "a.b"])
def test_names_are_only_ever_names(world: PostgresWorld, name: str) -> None:
    """Whatever stands in --schema and --table is a name: quoted, never run; odd names just work."""
    world.query("CREATE TABLE victim (id int)")
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))
    world.write(lines(*range(9)))
    place = Place(url=world.url, schema=name, table=name)
    for mode in ("replace", "append"):
        world.load(to=place, mode=mode, force=True)
    with psycopg.connect(world.url) as connection:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name, name))).fetchone()
    assert row == (9,)
    assert world.query("SELECT count(*) FROM victim") == [(0,)]
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def test_dataset_files_cannot_smuggle_statements(world: PostgresWorld) -> None:
    """Column and table names of a dataset file are checked; its file name and descriptions are values only."""
    for old, new in (
        ('name = "note"', 'name = "note\\"; DROP TABLE victim; --"'),
        ('"trips"', '"t; DROP TABLE victim"'),
    ):
        with pytest.raises(UsageError):
            trips(world.folder, TRIPS.replace(old, new))
    evil = TRIPS.replace("[policy]", 'file = "{dataset}_{month}\'); DROP TABLE victim; --.csv"\n[policy]')
    world.query("CREATE TABLE victim (id int)")
    world.dataset = trips(world.folder, evil.replace("A number", "'); DROP TABLE victim; --"))
    path = world.write(lines(*range(9)), name="any.csv")
    world.load(location=path)
    assert world.query("SELECT DISTINCT filename FROM trips_tripdata") == [
        ("trips_2019-01'); DROP TABLE victim; --.csv",)
    ]
    assert world.query("SELECT count(*) FROM victim") == [(0,)]


@pytest.mark.parametrize("name", ["", "a%sb", "x" * 64])
def test_names_that_would_be_cut_are_refused(world: PostgresWorld, name: str) -> None:
    """A table name that PostgreSQL would cut or that no statement can hold is refused before anything is done."""
    world.write(lines(*range(9)))
    assert isinstance(world.run(to=Place(url=world.url, schema=name)).error, UsageError)
    if name:
        assert isinstance(world.run(to=Place(url=world.url, table=name)).error, UsageError)
    assert isinstance(world.run(to=Place(url=world.url, schema=world.schema, table="y" * 53)).error, UsageError)
    world.load(to=Place(url=world.url, schema=world.schema, table="y" * 52))
    assert world.run(to=Place(url=world.url, schema=world.schema, table="y" * 52), force=True).error is None
