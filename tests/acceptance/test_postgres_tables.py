"""Main tables in databases of other people: their indexes, constraints, columns and views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.errors import TableMismatch
from engine.month import Month
from engine.receipt import State
from tests.conformance.world import MONTH, TRIPS, lines, trips

if TYPE_CHECKING:
    from tests.conformance.postgres_world import PostgresWorld

PARTITION = "trips_tripdata_2019_02"


def _begun(world: PostgresWorld, *statements: str) -> None:
    """Load one month, then do what users do to their table."""
    world.write(lines(*range(30)))
    world.load()
    for statement in statements:
        world.query(statement)
    world.write(lines(*range(40)), Month(2019, 2))


INDEXES = {
    "plain": "CREATE INDEX plain ON trips_tripdata (at)",
    "unique": "CREATE UNIQUE INDEX only_once ON trips_tripdata (source_month, unique_row_id)",
    "expression": "CREATE INDEX by_day ON trips_tripdata (date_trunc('day', at), lower(note || ' {x} %s %'))",
    "partial": "CREATE INDEX dear ON trips_tripdata (fare DESC) INCLUDE (id) WHERE fare > 1 AND note <> 'a''b'",
    "quoted": 'CREATE INDEX "Odd "" name, %s {y}" ON trips_tripdata USING brin (at) WITH (pages_per_range = 8)',
    "key": "ALTER TABLE trips_tripdata ADD CONSTRAINT pk PRIMARY KEY (source_month, unique_row_id)",
    "constraint": 'ALTER TABLE trips_tripdata ADD CONSTRAINT "u n" UNIQUE (id, source_month)',
}


@pytest.mark.parametrize("kind", INDEXES)
def test_indexes_of_users_are_on_new_partitions(world: PostgresWorld, kind: str) -> None:
    """An index that a user made on the parent is built before a new month is attached, and attached with it."""
    _begun(world, INDEXES[kind])
    world.load(Month(2019, 2))
    rows = world.query(
        "SELECT count(*), count(DISTINCT i.inhparent), bool_and(x.indisvalid) FROM pg_index x "
        "JOIN pg_inherits i ON i.inhrelid = x.indexrelid WHERE x.indrelid = %s::regclass",
        PARTITION,
    )
    assert rows == [(1, 1, True)]
    (total,) = world.query("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", PARTITION)[0]
    assert total == 2, "the id's own index and the user's, none of them twice"


def test_checks_of_users_hold_for_new_months(world: PostgresWorld) -> None:
    """A CHECK on the parent holds for a new month; one that its rows break refuses the month in clear words."""
    _begun(world, "ALTER TABLE trips_tripdata ADD CONSTRAINT \"Fair %s {}\" CHECK (fare < 100 AND note <> '%')")
    world.load(Month(2019, 2))
    world.write(lines(*range(40), fare="500.00"), Month(2019, 3))
    result = world.run(Month(2019, 3))
    assert isinstance(result.error, TableMismatch)
    assert "Fair" in str(result.error)
    assert world.visible(Month(2019, 3)) is None
    assert world.remains() == []


def test_a_unique_index_that_rows_break_refuses_the_month(world: PostgresWorld) -> None:
    """Rows that a user's unique index does not allow leave the month as it was, with the server's reason."""
    _begun(world, "CREATE UNIQUE INDEX one_note ON trips_tripdata (note, source_month)")
    world.write([*lines(*range(20)), *lines(3, fare="9.99")], Month(2019, 2))
    result = world.run(Month(2019, 2))
    assert isinstance(result.error, TableMismatch)
    assert "one_note" in str(result.error) or "n3" in str(result.error)
    assert world.visible(Month(2019, 2)) is None
    assert world.remains() == []


def test_a_column_of_a_user_stays(world: PostgresWorld) -> None:
    """A nullable column that a user added is null in new months and survives replacing and appending."""
    _begun(world, 'ALTER TABLE trips_tripdata ADD COLUMN "My Note" varchar(20) COLLATE "C"')
    world.load(Month(2019, 2))
    world.write(lines(*range(29), note="x"))
    world.load()
    world.write(lines(50))
    world.load(mode="append")
    assert world.query('SELECT count(*), count("My Note") FROM trips_tripdata') == [(70, 0)]
    assert world.verified().agree


def test_a_generated_column_of_a_user_is_computed(world: PostgresWorld) -> None:
    """A column that the server computes is computed for new months, or the month is refused in clear words."""
    _begun(world, "ALTER TABLE trips_tripdata ADD COLUMN cents bigint GENERATED ALWAYS AS (fare * 100) STORED")
    result = world.run(Month(2019, 2))
    if result.error is None:
        assert world.query("SELECT DISTINCT cents FROM trips_tripdata") == [(150,)]
    else:
        assert isinstance(result.error, TableMismatch)
        assert world.visible(Month(2019, 2)) is None


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE trips_tripdata (id bigint)",
        "CREATE TABLE trips_tripdata (id bigint, source_month date) PARTITION BY RANGE (source_month)",
        "CREATE TABLE trips_tripdata (id bigint, source_month date) PARTITION BY LIST (id)",
        "CREATE VIEW trips_tripdata AS SELECT 1 AS id",
    ],
)
def test_a_table_that_is_not_ours_is_refused(world: PostgresWorld, table: str) -> None:
    """A main table that is not partitioned by list on `source_month` is left alone."""
    world.query(table)
    world.write(lines(*range(30)))
    result = world.run()
    assert isinstance(result.error, TableMismatch)
    assert result.error.exit_code == 13
    assert world.remains() == []


def test_a_column_of_another_type_is_refused(world: PostgresWorld) -> None:
    """A main table whose column has another type than the contract's is left alone."""
    _begun(world, "ALTER TABLE trips_tripdata ALTER COLUMN note TYPE varchar(9)")
    result = world.run(Month(2019, 2))
    assert isinstance(result.error, TableMismatch)
    assert "character varying(9)" in str(result.error)


def test_a_partition_in_the_way_is_refused(world: PostgresWorld) -> None:
    """A table that has the partition's name already, or a default partition with rows of the month, is in the way."""
    _begun(world, f"CREATE TABLE {PARTITION} (id bigint)")
    result = world.run(Month(2019, 2))
    assert isinstance(result.error, TableMismatch)
    world.query(f"DROP TABLE {PARTITION}")
    assert world.load(Month(2019, 2)).state is State.LOADED


def test_a_view_on_a_partition_is_in_the_way(world: PostgresWorld) -> None:
    """A view that depends on a month's own table keeps it from being replaced; the old month stays."""
    _begun(world, "CREATE VIEW mine AS SELECT * FROM trips_tripdata_2019_01")
    world.write(lines(*range(31)))
    result = world.run()
    assert isinstance(result.error, TableMismatch)
    assert "mine" in str(result.error)
    assert len(world.visible() or ()) == 30
    assert world.remains() == []


def test_tables_and_columns_are_described(world: PostgresWorld) -> None:
    """The main table and its columns carry the descriptions of the dataset, quotes and all."""
    world.dataset = trips(world.folder, TRIPS.replace("A number; it", 'It\'s a \\"number\\"; it'))
    world.write(lines(1))
    world.load()
    table, column, added = world.query(
        "SELECT obj_description(c.oid), col_description(c.oid, 1), col_description(c.oid, a.attnum) "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'unique_row_id' "
        "WHERE c.oid = 'trips_tripdata'::regclass"
    )[0]
    assert table.startswith("Four columns")
    assert world.dataset.contract.identity_label in table
    assert column == 'It\'s a "number"; it need not be unique'
    assert "row-identity" in added


def test_the_new_table_is_analysed(world: PostgresWorld) -> None:
    """A month has statistics from the moment on at which it is visible."""
    world.write(lines(*range(500)))
    world.load()
    rows = world.query("SELECT reltuples::int FROM pg_class WHERE oid = 'trips_tripdata_2019_01'::regclass")
    assert rows == [(500,)]
    assert world.query("SELECT count(*) > 3 FROM pg_stats WHERE tablename = 'trips_tripdata_2019_01'") == [(True,)]


def test_constants_are_kept_in_the_catalogue(world: PostgresWorld) -> None:
    """`filename` and `source_month` are defaults in the catalogue: right in every row, stored in none of them."""
    world.write(lines(*range(1000), 5, 5))
    world.load()
    rows = world.query("SELECT filename, source_month, count(*) FROM trips_tripdata GROUP BY 1, 2")
    assert rows == [("trips_tripdata_2019-01.csv", MONTH.first_day, 1002)]
    missing = world.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'trips_tripdata_2019_01'::regclass AND atthasmissing"
    )
    assert {name for (name,) in missing} == {"filename", "source_month"}
