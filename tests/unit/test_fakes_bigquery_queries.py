"""Statements of the fake BigQuery: selections, changes of rows, tables and views."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery

from tests.fakes.bigquery.places import FEBRUARY, JANUARY, LAYOUT, Place, trips

if TYPE_CHECKING:
    from tests.fakes.bigquery import FakeBigQuery

pytest_plugins = ("tests.fakes.bigquery.fixtures",)

NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


def fill(place: Place, table: str, *ids: str, fare: str = "1.50") -> None:
    """Make a table by month, and load January."""
    place.create(table, **LAYOUT)
    place.load(f"{table}$202401", trips(*ids, fare=fare))


def fares(fake: FakeBigQuery, table: str = "t") -> dict[str, Decimal]:
    """Return the fares of all rows by id."""
    return {row[0].decode(): row[2] for row in fake.rows("d", table)}


def counts(job: bigquery.QueryJob) -> tuple[int, int, int]:
    """Return how many rows a job inserted, updated and deleted."""
    stats = job.dml_stats
    assert stats is not None
    return stats.inserted_row_count, stats.updated_row_count, stats.deleted_row_count


def test_parameters(place: Place) -> None:
    """Parameters keep their types, alone and in arrays."""
    scalar = bigquery.ScalarQueryParameter
    found = place.rows(
        "SELECT @s, @d, @i, @b, @t, @n, 'b' IN UNNEST(@many)",
        scalar("s", "STRING", "it's"),
        scalar("d", "DATE", JANUARY),
        scalar("i", "INT64", 7),
        scalar("b", "BYTES", b"\x00\xff"),  # type: ignore[arg-type, unused-ignore]
        scalar("t", "TIMESTAMP", NOON),
        scalar("n", "STRING", None),
        bigquery.ArrayQueryParameter("many", "STRING", ["a", "b"]),
    )
    assert found == [("it's", JANUARY, 7, b"\x00\xff", NOON, None, True)]


def test_a_missing_parameter(place: Place) -> None:
    """A parameter that nobody gave is refused."""
    with pytest.raises(BadRequest, match="Query parameter 'x' not found"):
        place.rows("SELECT @x")


def test_functions(place: Place) -> None:
    """Functions answer as BigQuery's do, in UTC, and columns without a name get one."""
    text = """
        SELECT PARSE_DATE('%Y%m', '202402'), TO_HEX(b'\\x01\\xab'), TO_HEX(MD5('a')), CAST(@t AS STRING),
               TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), @t, DAY) > 0, FORMAT_DATE('%Y-%m', DATE '2024-01-31'),
               SAFE_CAST('x' AS INT64), DATE_TRUNC(DATE '2024-01-31', MONTH) AS month
    """
    job = place.ask(text, bigquery.ScalarQueryParameter("t", "TIMESTAMP", NOON))
    row = next(iter(job.result()))
    expected = (FEBRUARY, "01ab", "0cc175b9c0f1b6a831c399e269772661", "2024-01-01 12:00:00+00", True, "2024-01", None)
    assert tuple(row) == (*expected, JANUARY)
    assert list(row.keys()) == [*(f"f{number}_" for number in range(7)), "month"]


def test_grouping_and_qualify(place: Place) -> None:
    """Rows are grouped, counted and numbered."""
    fill(place, "t", "a", "a", "b")
    assert place.rows("SELECT id, COUNT(*) FROM t GROUP BY id ORDER BY id") == [(b"a", 2), (b"b", 1)]
    text = "SELECT id FROM t WHERE true QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY fare) = 1 ORDER BY id"
    assert place.rows(text) == [(b"a",), (b"b",)]


def test_unknown_names(place: Place) -> None:
    """Tables and columns that are not there, and texts that are no SQL, are refused with the service's words."""
    fill(place, "t", "a")
    with pytest.raises(NotFound, match=r"Not found: Table p:d\.none was not found in location US"):
        place.rows("SELECT * FROM p.d.none")
    with pytest.raises(BadRequest, match="Unrecognized name: nope"):
        place.rows("SELECT nope FROM t")
    with pytest.raises(BadRequest, match="Syntax error"):
        place.rows("SELECT FROM WHERE")
    with pytest.raises(BadRequest, match="must be qualified with a dataset"):
        place.client.query("SELECT * FROM t").result()


def test_insert_update_delete(fake: FakeBigQuery, place: Place) -> None:
    """Statements change rows, and say how many of each kind."""
    fill(place, "t", "a", "b")
    job = place.ask("INSERT INTO t (id, source_month, fare) VALUES (b'c', DATE '2024-02-01', 3)")
    assert (job.num_dml_affected_rows, counts(job)) == (1, (1, 0, 0))
    job = place.ask("UPDATE t SET fare = fare + 1 WHERE source_month = DATE '2024-01-01'")
    assert (job.num_dml_affected_rows, counts(job)) == (2, (0, 2, 0))
    job = place.ask("DELETE FROM t WHERE id = b'b'")
    assert (job.num_dml_affected_rows, counts(job)) == (1, (0, 0, 1))
    assert fares(fake) == {"a": Decimal("2.5"), "c": Decimal(3)}
    assert place.client.get_table(place.name("t")).num_rows == 2


@pytest.mark.parametrize("text", ["DELETE FROM t", "UPDATE t SET fare = 1"])
def test_where_is_wanted(place: Place, text: str) -> None:
    """UPDATE and DELETE must have a WHERE."""
    fill(place, "t", "a")
    with pytest.raises(BadRequest, match="must have a WHERE clause"):
        place.ask(text)


def test_required_columns_stay_filled(place: Place) -> None:
    """A REQUIRED column takes no null."""
    place.create("t", [bigquery.SchemaField("id", "BYTES", "REQUIRED"), bigquery.SchemaField("n", "INT64")])
    with pytest.raises(BadRequest, match="Required field id cannot be null"):
        place.ask("INSERT INTO t (n) VALUES (1)")


MERGE = """
    MERGE t AS T USING (SELECT * FROM s WHERE source_month = DATE '2024-01-01') AS S
    ON T.source_month = DATE '2024-01-01' AND T.id = S.id
"""


@pytest.mark.parametrize("insert", ["INSERT ROW", "INSERT (id, source_month, fare) VALUES (id, source_month, fare)"])
def test_merge_that_inserts(fake: FakeBigQuery, place: Place, insert: str) -> None:
    """An insert-only MERGE adds the rows that the target lacks, and no more when it is repeated."""
    fill(place, "t", "a", fare="1")
    fill(place, "s", "a", "b", "c", fare="2")
    found = [place.ask(f"{MERGE} WHEN NOT MATCHED THEN {insert}").num_dml_affected_rows for _ in range(2)]
    assert found == [2, 0]
    assert fares(fake) == {"a": Decimal(1), "b": Decimal(2), "c": Decimal(2)}


def test_merge_that_does_everything(fake: FakeBigQuery, place: Place) -> None:
    """A MERGE updates, inserts and deletes in one statement."""
    fill(place, "t", "a", "z", fare="1")
    fill(place, "s", "a", "b", fare="2")
    whens = """
        WHEN MATCHED THEN UPDATE SET fare = T.fare + S.fare
        WHEN NOT MATCHED BY TARGET THEN INSERT ROW
        WHEN NOT MATCHED BY SOURCE THEN DELETE
    """
    assert counts(place.ask(MERGE + whens)) == (1, 1, 1)
    assert fares(fake) == {"a": Decimal(3), "b": Decimal(2)}


AMBIGUOUS = "must match at most one source row for each target row"


def test_merge_of_duplicates(fake: FakeBigQuery, place: Place) -> None:
    """A MERGE that would update a row twice is refused, and changes nothing."""
    fill(place, "t", "a", fare="1")
    fill(place, "s", "a", "a", fare="2")
    with pytest.raises(BadRequest, match=AMBIGUOUS):
        place.ask(f"{MERGE} WHEN MATCHED THEN UPDATE SET fare = S.fare WHEN NOT MATCHED THEN INSERT ROW")
    assert fares(fake) == {"a": Decimal(1)}


def test_insert_only_merge_of_duplicates(fake: FakeBigQuery, place: Place) -> None:
    """An insert-only MERGE inserts duplicates of its source, and does not mind those that match."""
    fill(place, "t", "a")
    fill(place, "s", "a", "a", "b", "b")
    assert place.ask(f"{MERGE} WHEN NOT MATCHED THEN INSERT ROW").num_dml_affected_rows == 2
    assert len(fake.rows("d", "t")) == 3


def test_update_from_duplicates(place: Place) -> None:
    """An UPDATE whose FROM has two rows for one is refused."""
    fill(place, "t", "a")
    fill(place, "s", "a", "a")
    with pytest.raises(BadRequest, match=AMBIGUOUS):
        place.ask("UPDATE t SET fare = s.fare FROM s WHERE t.id = s.id")


def test_a_table_by_statement(fake: FakeBigQuery, place: Place) -> None:
    """CREATE TABLE sets what the REST API sets, and IF NOT EXISTS leaves a table alone."""
    text = """
        CREATE TABLE {} d.made (
            id BYTES NOT NULL OPTIONS (description = 'who'), source_month DATE, fare NUMERIC(12, 2)
        )
        PARTITION BY DATE_TRUNC(source_month, MONTH) CLUSTER BY id
        OPTIONS (description = 'trips', labels = [('a', 'b')], require_partition_filter = true)
    """
    place.ask(text.format(""))
    found = place.client.get_table(place.name("made"))
    assert [field.name for field in found.schema] == ["id", "source_month", "fare"]
    assert (found.schema[0].mode, found.schema[0].description, found.schema[2].precision) == ("REQUIRED", "who", 12)
    assert (found.time_partitioning.type_, found.clustering_fields) == ("MONTH", ["id"])
    assert (found.description, found.labels, found.require_partition_filter) == ("trips", {"a": "b"}, True)
    assert place.ask(text.format("IF NOT EXISTS")).ddl_operation_performed == "SKIP"
    with pytest.raises(Conflict):
        place.ask(text.format(""))
    assert fake.rows("d", "made") == []


def test_a_table_from_a_query(place: Place) -> None:
    """CREATE TABLE AS SELECT and CREATE OR REPLACE TABLE make a table with the query's columns."""
    place.ask("CREATE TABLE t AS SELECT 1 AS x, 'a' AS y")
    place.ask("CREATE OR REPLACE TABLE t AS SELECT 2 AS x")
    assert place.rows("SELECT * FROM t") == [(2,)]


def test_drop(place: Place) -> None:
    """DROP TABLE removes a table, and IF EXISTS does not mind one that is not there."""
    fill(place, "t", "a")
    place.ask("DROP TABLE t")
    with pytest.raises(NotFound):
        place.ask("DROP TABLE t")
    assert place.ask("DROP TABLE IF EXISTS t").ddl_operation_performed == "SKIP"


def test_views(place: Place) -> None:
    """A view is made by REST or by statement, is listed as one, and gives the rows of now."""
    fill(place, "t", "a")
    view = bigquery.Table(place.name("v"))
    view.view_query = "SELECT id, fare * 2 AS twice FROM `p.d.t`"
    assert [field.name for field in place.client.create_table(view).schema] == ["id", "twice"]
    place.ask("CREATE VIEW d.w AS SELECT COUNT(*) AS n FROM d.v")
    place.load("t$202401", trips("a", "b"))
    assert place.rows("SELECT * FROM v ORDER BY id") == [(b"a", Decimal(3)), (b"b", Decimal(3))]
    assert place.rows("SELECT n FROM w") == [(2,)]
    assert {one.table_id: one.table_type for one in place.client.list_tables("d")} == {
        "t": "TABLE",
        "v": "VIEW",
        "w": "VIEW",
    }
    with pytest.raises(BadRequest, match="DML statements are not supported over views"):
        place.ask("DELETE FROM v WHERE true")


def test_schema_patches(fake: FakeBigQuery, place: Place) -> None:
    """Columns may be added, and no more REQUIRED; they may not go, nor change their types."""
    field = bigquery.SchemaField
    table = place.create("t", [field("id", "BYTES", "REQUIRED"), field("n", "INT64")])
    place.ask("INSERT INTO t VALUES (b'a', 1)")
    table = place.client.get_table(place.name("t"))
    refused = {
        "Field n is missing in new schema": [field("id", "BYTES", "REQUIRED")],
        "Field n has changed type from INTEGER to STRING": [table.schema[0], field("n", "STRING")],
        "Field n has changed mode from NULLABLE to REQUIRED": [table.schema[0], field("n", "INT64", "REQUIRED")],
        "Cannot add required fields": [*table.schema, field("m", "INT64", "REQUIRED")],
    }
    for words, schema in refused.items():
        table.schema = schema
        with pytest.raises(BadRequest, match=rf"Provided Schema does not match Table p:d\.t\. {words}"):
            place.client.update_table(table, ["schema"])
    table.schema = [field("id", "BYTES"), field("n", "INT64", description="count"), field("m", "STRING")]
    found = place.client.update_table(table, ["schema"])
    assert [(one.name, one.mode, one.description) for one in found.schema] == [
        ("id", "NULLABLE", None),
        ("n", "NULLABLE", "count"),
        ("m", "NULLABLE", None),
    ]
    assert fake.rows("d", "t") == [(b"a", 1, None)]
