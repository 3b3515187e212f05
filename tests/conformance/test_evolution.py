"""A contract that grows: new columns reach the target, and no old month is rewritten and no old id changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow.dataset as ds

from engine.contract import ID
from engine.month import Month
from engine.receipt import State
from tests.conformance.folder_world import FolderWorld
from tests.conformance.postgres_world import PostgresWorld
from tests.conformance.world import TRIPS, World, lines, trips

if TYPE_CHECKING:
    from engine.contract import Dataset

OLD, NEW, OLDER = Month(2019, 1), Month(2019, 2), Month(2018, 12)
# The identity names its columns, as every contract that means to grow does.
SHORT = TRIPS + '[identity]\ncolumns = ["id", "at", "fare", "note"]\n'
LONG = SHORT + '[[columns]]\nname = "tip"\ntype = "decimal(10,2)"\nsince = "2019-02"\ndescription = "Later"\n'


def grown(world: World) -> Dataset:
    """Return the dataset with a column more."""
    folder = world.folder / "grown"
    folder.mkdir(exist_ok=True)
    return trips(folder, LONG)


def new_month(world: World, month: Month = NEW) -> None:
    """Write a month that has the new column; it is empty in its second row."""
    path = world.write([], month)
    path.write_text("id,at,fare,note,tip\n1,2019-02-01 10:00:00,1.50,a,0.25\n2,2019-02-02 10:00:00,1.50,b,\n")


def prints(world: World) -> object:
    """Return what differs once the old month's rows were written anew."""
    return world.prints(OLD)


def test_a_new_column_leaves_old_months_alone(world: World) -> None:
    """After a month with a new column, the old one has its rows, its ids and its bytes, and both verify."""
    world.dataset = trips(world.folder, SHORT)
    world.write(lines(*range(50)))
    first = world.load(OLD)
    ids, before = world.stored(OLD)[ID].to_list(), prints(world)
    world.dataset = grown(world)
    new_month(world)
    second = world.load(NEW)
    assert (second.state, second.rows.loaded) == (State.LOADED, 2)
    assert second.contract != first.contract
    assert second.identity == first.identity
    assert world.stored(OLD)[ID].to_list() == ids
    assert prints(world) == before
    assert world.verified(OLD).agree
    assert world.verified(NEW, against_source=True).agree
    assert world.load(OLD).state is State.UNCHANGED


def test_an_older_month_after_a_newer_one(world: World) -> None:
    """A month without the new column loads after one that has it, with the ids that it would have had before."""
    world.dataset = trips(world.folder, SHORT)
    world.write(lines(*range(50)))
    world.load(OLD)
    ids = sorted(world.stored(OLD)[ID].to_list())
    world.dataset = grown(world)
    new_month(world)
    world.load(NEW)
    world.write(lines(*range(50)), OLDER)
    receipt = world.load(OLDER)
    assert receipt.rows.loaded == 50
    assert sorted(world.stored(OLDER)[ID].to_list()) == ids
    assert world.load(OLD, force=True).state is State.LOADED
    assert sorted(world.stored(OLD)[ID].to_list()) == ids
    assert world.verified(OLDER).agree


def test_a_row_without_the_new_value_keeps_its_id(world: World) -> None:
    """Where the new column is null an id is what it was; where it is not, it is another."""
    world.dataset = grown(world)
    new_month(world)
    world.load(NEW)
    long = {row["note"]: row[ID] for row in world.stored(NEW).iter_rows(named=True)}
    other = world.folder / "short"
    other.mkdir()
    world.dataset = trips(other, SHORT)
    world.write(["1,2019-02-01 10:00:00,1.50,a", "2,2019-02-02 10:00:00,1.50,b"], NEW)
    world.load(NEW, allow_shrink=True)
    short = {row["note"]: row[ID] for row in world.stored(NEW).iter_rows(named=True)}
    assert long["b"] == short["b"]
    assert long["a"] != short["a"]


def test_readers_see_one_table(world: World) -> None:
    """Whoever reads all months finds the new column in all of them: null where it is older than the column."""
    world.dataset = trips(world.folder, SHORT)
    world.write(lines(*range(50)))
    world.load(OLD)
    world.dataset = grown(world)
    new_month(world)
    world.load(NEW)
    if isinstance(world, PostgresWorld):
        rows = world.query("SELECT source_month::text, count(*), count(tip) FROM trips_tripdata GROUP BY 1 ORDER BY 1")
        assert rows == [("2019-01-01", 50, 0), ("2019-02-01", 2, 1)]
        comment = "SELECT col_description('trips_tripdata'::regclass, attnum) FROM pg_attribute WHERE attname = 'tip'"
        assert ("Later",) in world.query(f"{comment} AND attrelid = 'trips_tripdata'::regclass")
        return
    if not isinstance(world, FolderWorld):
        assert len(world.visible(OLD) or ()) + len(world.visible(NEW) or ()) == 52
        return
    files = world.root / "trips"
    lazy = pl.scan_parquet(files / "*/*.parquet", missing_columns="insert", extra_columns="ignore")
    newest_first = sorted(files.glob("*/*.parquet"), reverse=True)
    frame = pl.scan_parquet(newest_first, missing_columns="insert").collect()
    assert (frame.height, frame["tip"].count()) == (52, 1)
    assert lazy.select(pl.len()).collect().item() == 52
    query = f"SELECT count(*), count(tip) FROM read_parquet('{files}/*/*.parquet', union_by_name = true)"  # noqa: S608 - ours
    assert duckdb.execute(query).fetchall() == [(52, 1)]
    schemas = [ds.dataset(path).schema for path in newest_first]
    table = ds.dataset(files, schema=schemas[0], partitioning="hive").to_table()
    assert (table.num_rows, table.num_rows - table["tip"].null_count) == (52, 1)
