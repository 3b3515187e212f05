"""What our fake BigQuery and two emulators that others wrote all do: the same questions, the same answers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from google.api_core.exceptions import AlreadyExists, BadRequest, Conflict, NotFound, OutOfRange, PreconditionFailed
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types as storage

from tests import emulators_bigquery as emulators
from tests.fakes.bigquery import FakeBigQuery, places
from tests.fakes.bigquery.clients import append, appending, pending_stream, read_all
from tests.fakes.bigquery.places import FEBRUARY, JANUARY, LAYOUT, Place, trips

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS, LOCAL, BQEMULATOR = "ours", "local-bigquery", "bqemulator"
MERGE = """
    MERGE t AS T USING (SELECT * FROM s WHERE source_month = DATE '2024-01-01') AS S
    ON T.source_month = DATE '2024-01-01' AND T.id = S.id
"""

INSERT = "WHEN NOT MATCHED THEN INSERT (id, source_month, fare) VALUES (id, source_month, fare)"


@pytest.fixture(params=[OURS, LOCAL, BQEMULATOR], scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    """Name the server that is asked."""
    return str(request.param)


@pytest.fixture(scope="module")
def endpoints(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[emulators.Endpoints]:
    """Run a server of each kind."""
    folder = tmp_path_factory.mktemp("bigquery")
    if kind == OURS:
        with FakeBigQuery(folder=folder) as fake:
            yield emulators.Endpoints(url=fake.url, grpc_address=fake.grpc_address)
        return
    with emulators.running(emulators.LOCAL_BIGQUERY if kind == LOCAL else emulators.BQEMULATOR, folder) as found:
        yield found


@pytest.fixture
def place(endpoints: emulators.Endpoints) -> Iterator[Place]:
    """Give a new dataset."""
    with places.place(endpoints.url, endpoints.grpc_address) as found:
        yield found


def unable(kind: str, reasons: dict[str, str]) -> None:
    """Skip where an emulator cannot what is asked, and say so."""
    if kind in reasons:
        pytest.skip(f"{kind} {reasons[kind]}")


def fill(place: Place, table: str, *ids: str, fare: str = "1.50") -> None:
    """Make a table by month, and load January."""
    place.create(table, **LAYOUT)
    place.load(table, trips(*ids, fare=fare), "WRITE_APPEND")


def test_tables(place: Place) -> None:
    """A table is made once, found with its layout, and missed where it is not."""
    place.create("t", **LAYOUT)
    found = place.client.get_table(place.name("t"))
    assert (found.time_partitioning.field, found.clustering_fields) == ("source_month", ["id"])
    with pytest.raises(Conflict, match="Already Exists"):
        place.create("t")
    with pytest.raises(NotFound, match="Not found"):
        place.client.get_table(place.name("none"))


def test_if_match(place: Place, kind: str) -> None:
    """A change gives a new etag and keeps other settings, and one that knows an old etag is refused."""
    unable(kind, {BQEMULATOR: "does not check If-Match"})
    old = place.create("t", labels={"a": "b"})
    fresh = place.client.get_table(place.name("t"))
    fresh.description = "new"
    changed = place.client.update_table(fresh, ["description"])
    assert (changed.etag != old.etag, changed.labels) == (True, {"a": "b"})
    with pytest.raises(PreconditionFailed):
        place.client.update_table(old, ["description"])


def test_labels_in_listings(place: Place, kind: str) -> None:
    """A listing shows labels."""
    unable(kind, {BQEMULATOR: "lists no labels"})
    place.create("t", labels={"a": "b"})
    assert [(one.table_id, one.labels) for one in place.client.list_tables(place.dataset)] == [("t", {"a": "b"})]


def test_deletion_of_datasets(place: Place, kind: str) -> None:
    """A dataset with tables is deleted only with its contents."""
    unable(kind, {BQEMULATOR: "says that it is not found"})
    place.create("t")
    with pytest.raises(BadRequest, match="is still in use"):
        place.client.delete_dataset(place.dataset)
    place.client.delete_dataset(place.dataset, delete_contents=True)


def test_loads(place: Place) -> None:
    """A load appends its rows and says how many."""
    place.create("t", **LAYOUT)
    assert place.load("t", trips("a", "b"), "WRITE_APPEND").output_rows == 2
    assert place.rows("SELECT id, fare FROM t ORDER BY id") == [(b"a", Decimal("1.5")), (b"b", Decimal("1.5"))]


def test_loads_replace(place: Place) -> None:
    """WRITE_TRUNCATE replaces the rows of a whole table."""
    fill(place, "t", "a")
    place.load("t", trips("b"))
    assert place.rows("SELECT id FROM t") == [(b"b",)]


def test_loads_that_do_not_fit(place: Place) -> None:
    """Values of another type, and columns that the table lacks, are refused, and nothing is loaded."""
    fill(place, "t", "a")
    for rows in (
        trips("b").set_column(2, "fare", pa.array(["x"])),
        trips("c").append_column("tip", pa.array([1])),
    ):
        with pytest.raises(BadRequest):
            place.load("t", rows, "WRITE_APPEND")
    assert place.rows("SELECT id FROM t") == [(b"a",)]


def test_new_columns(place: Place, kind: str) -> None:
    """A load adds a column where the job allows it."""
    unable(kind, {BQEMULATOR: "adds no columns"})
    fill(place, "t", "a")
    wider = trips("b").append_column("tip", pa.array([1]))
    place.load("t", wider, "WRITE_APPEND", schema_update_options=["ALLOW_FIELD_ADDITION"])
    assert place.rows("SELECT id, tip FROM t ORDER BY id") == [(b"a", None), (b"b", 1)]


def test_inferred_types(place: Place, kind: str) -> None:
    """A load makes a table with the types that Parquet's become."""
    unable(kind, {BQEMULATOR: "loads only into tables that are there"})
    civil, zoned = pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("us", "UTC"))
    place.load("t", pa.table({"civil": civil, "zoned": zoned, "fixed": pa.array([b"ab"], pa.binary(2))}))
    schema = place.client.get_table(place.name("t")).schema
    assert [field.field_type for field in schema] == ["DATETIME", "TIMESTAMP", "BYTES"]


def test_one_partition(place: Place, kind: str) -> None:
    """WRITE_TRUNCATE into a partition replaces exactly its rows."""
    unable(kind, {LOCAL: "takes table$YYYYMM for another table", BQEMULATOR: "refuses table$YYYYMM"})
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a"))
    place.load("t$202402", trips("b", month=FEBRUARY))
    place.load("t$202401", trips("c"))
    assert place.rows("SELECT id FROM t ORDER BY id") == [(b"b",), (b"c",)]


def test_ids_of_jobs(place: Place, kind: str) -> None:
    """A job's id is used once."""
    unable(kind, {BQEMULATOR: "accepts a used id"})
    name = f"job_{place.dataset}"
    place.client.query("SELECT 1", job_id=name, job_retry=None).result()
    with pytest.raises(Conflict, match="Already Exists: Job"):
        place.client.query("SELECT 1", job_id=name, job_retry=None)


def test_parameters(place: Place) -> None:
    """Parameters keep their types."""
    noon, scalar = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC), bigquery.ScalarQueryParameter
    given = (scalar("s", "STRING", "it's"), scalar("d", "DATE", JANUARY), scalar("t", "TIMESTAMP", noon))
    assert place.rows("SELECT @s, @d, @t", *given) == [("it's", JANUARY, noon)]


def test_functions(place: Place, kind: str) -> None:
    """Functions on dates and bytes answer as BigQuery's do."""
    unable(kind, {BQEMULATOR: "cannot read literals of bytes"})
    text = "SELECT PARSE_DATE('%Y%m', '202402'), TO_HEX(b'\\x01\\xab'), TO_HEX(MD5('a'))"
    assert place.rows(text) == [(FEBRUARY, "01ab", "0cc175b9c0f1b6a831c399e269772661")]


def test_qualify(place: Place) -> None:
    """QUALIFY keeps the first row of each group."""
    fill(place, "t", "a", "a", "b")
    text = "SELECT id FROM t WHERE true QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY fare) = 1 ORDER BY id"
    assert place.rows(text) == [(b"a",), (b"b",)]


def test_merge_that_inserts(place: Place) -> None:
    """An insert-only MERGE adds the rows that the target lacks, and no more when it is repeated."""
    fill(place, "t", "a")
    fill(place, "s", "a", "b")
    assert [place.ask(MERGE + INSERT).num_dml_affected_rows for _ in range(2)] == [1, 0]
    assert place.rows("SELECT id FROM t ORDER BY id") == [(b"a",), (b"b",)]


def test_insert_row(place: Place, kind: str) -> None:
    """INSERT ROW inserts all columns of the source."""
    unable(kind, {BQEMULATOR: "does not know INSERT ROW"})
    fill(place, "t", "a")
    fill(place, "s", "a", "b")
    assert place.ask(f"{MERGE} WHEN NOT MATCHED THEN INSERT ROW").num_dml_affected_rows == 1


def test_merge_of_duplicates(place: Place, kind: str) -> None:
    """A MERGE that would update a row twice is refused, and changes nothing."""
    unable(kind, {BQEMULATOR: "updates with either row"})
    fill(place, "t", "a", fare="1")
    fill(place, "s", "a", "a", fare="2")
    with pytest.raises(BadRequest, match="must match at most one source row for each target row"):
        place.ask(f"{MERGE} WHEN MATCHED THEN UPDATE SET fare = S.fare")
    assert place.rows("SELECT fare FROM t") == [(Decimal(1),)]


def test_update_and_delete(place: Place) -> None:
    """UPDATE and DELETE say how many rows they changed."""
    fill(place, "t", "a", "b", "c")
    assert place.ask("UPDATE t SET fare = 9 WHERE id IN (b'a', b'b')").num_dml_affected_rows == 2
    assert place.ask("DELETE FROM t WHERE fare = 9").num_dml_affected_rows == 2
    assert place.rows("SELECT id FROM t") == [(b"c",)]


def test_required_filter(place: Place, kind: str) -> None:
    """A table that requires a filter is not read without one."""
    unable(kind, {BQEMULATOR: "knows no required filter"})
    place.create("f", **LAYOUT, require_partition_filter=True)
    with pytest.raises(BadRequest, match="without a filter over column"):
        place.rows("SELECT * FROM f")
    assert place.rows("SELECT * FROM f WHERE source_month = '2024-01-01'") == []


def test_create_table(place: Place, kind: str) -> None:
    """CREATE TABLE sets partitioning and clustering."""
    unable(kind, {BQEMULATOR: "shows no partitioning of tables made by a statement"})
    text = "(id BYTES NOT NULL, m DATE) PARTITION BY DATE_TRUNC(m, MONTH) CLUSTER BY id"
    place.ask(f"CREATE TABLE IF NOT EXISTS {place.dataset}.made {text}")
    found = place.client.get_table(place.name("made"))
    assert (found.time_partitioning.type_, found.clustering_fields) == ("MONTH", ["id"])


def test_views(place: Place) -> None:
    """A view gives the rows of now."""
    fill(place, "t", "a")
    view = "CREATE VIEW {0}.v AS SELECT COUNT(*) AS n FROM {0}.t"
    place.ask(view.format(place.dataset))
    place.load("t", trips("b"), "WRITE_APPEND")
    assert place.rows("SELECT n FROM v") == [(2,)]


def test_columns_stay(place: Place, kind: str) -> None:
    """A column cannot be taken out of a schema."""
    unable(kind, {BQEMULATOR: "takes any schema"})
    table = place.create("t")
    table.schema = table.schema[:1]
    with pytest.raises(BadRequest, match="Provided Schema does not match Table"):
        place.client.update_table(table, ["schema"])


def test_copies(place: Place) -> None:
    """A copy has the rows of its source."""
    fill(place, "t", "a", "b")
    place.client.copy_table(place.name("t"), place.name("u")).result()
    assert place.client.get_table(place.name("u")).num_rows == 2


def test_pages(place: Place) -> None:
    """Rows come in pages, in the order of the query."""
    text = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x ORDER BY x DESC"
    assert [row.x for row in place.client.query(text).result(page_size=10)] == list(range(25, 0, -1))


def test_read_api(place: Place) -> None:
    """A read session gives the columns and rows that were asked for."""
    fill(place, "t", "a", "b")
    found = read_all(place.storage.read, place.path("t"), columns=["source_month", "id"], where="id = b'a'")
    assert found.to_pylist() == [{"source_month": JANUARY, "id": b"a"}]


def test_write_api(place: Place, kind: str) -> None:
    """Pending rows appear with their commit, offsets are taken once, and a stream is committed once."""
    unable(kind, {BQEMULATOR: "takes no Arrow rows"})
    place.create("t", **LAYOUT)
    rows, stream = trips("a", "b").to_batches()[0], pending_stream(place.storage.write, place.path("t"))
    with appending(place.storage.write, stream, rows.schema) as connection:
        assert append(connection, rows, 0).append_result.offset == 0
        with pytest.raises(AlreadyExists):
            append(connection, rows, 0)
        with pytest.raises(OutOfRange):
            append(connection, rows, 7)
    assert place.storage.write.finalize_write_stream(name=stream).row_count == 2
    assert place.rows("SELECT COUNT(*) FROM t") == [(0,)]
    asked = storage.BatchCommitWriteStreamsRequest(parent=place.path("t"), write_streams=[stream])
    answers = [place.storage.write.batch_commit_write_streams(asked) for _ in range(2)]
    assert [len(answer.stream_errors) for answer in answers] == [0, 1]
    assert place.rows("SELECT COUNT(*) FROM t") == [(2,)]
