"""Load jobs of the fake BigQuery: Parquet from uploads and from gs:// names."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery

from tests.fakes.bigquery.clients import parquet
from tests.fakes.bigquery.places import FEBRUARY, JANUARY, LAYOUT, SCHEMA, Place, running, trips
from tests.fakes.gcs import FakeGCS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.bigquery import FakeBigQuery

pytest_plugins = ("tests.fakes.bigquery.fixtures",)

NOW = dt.datetime(2024, 1, 1, 12, 30, 0, 5)  # noqa: DTZ001 - DATETIME has no zone


def ids(fake: FakeBigQuery, table: str = "t") -> list[str]:
    """Return the ids of all rows."""
    return sorted(row[0].decode() for row in fake.rows("d", table))


def test_inferred_types(fake: FakeBigQuery, place: Place) -> None:
    """A load makes a table whose types are those that Parquet's become, and nanoseconds become integers."""
    rows = pa.table(
        {
            "civil": pa.array([NOW], pa.timestamp("us")),
            "zoned": pa.array([NOW], pa.timestamp("us", "UTC")),
            "millis": pa.array([NOW.replace(microsecond=0)], pa.timestamp("ms")),
            "nanos": pa.array([5_000], pa.timestamp("ns")),
            "fixed": pa.array([b"ab"], pa.binary(2)),
            "bytes": pa.array([b"abc"], pa.binary()),
            "text": pa.array(["é"], pa.large_string()),
            "day": pa.array([JANUARY]),
            "small": pa.array([1], pa.int8()),
            "real": pa.array([0.5], pa.float32()),
            "yes": pa.array([True]),
            "money": pa.array([Decimal("1.50")], pa.decimal128(12, 2)),
        }
    )
    place.load("t", rows)
    kinds = {field.name: field.field_type for field in place.client.get_table(place.name("t")).schema}
    assert list(kinds.values()) == [
        *("DATETIME", "TIMESTAMP", "DATETIME", "INTEGER", "BYTES", "BYTES", "STRING", "DATE", "INTEGER", "FLOAT"),
        *("BOOLEAN", "NUMERIC"),
    ]
    zoned, second = NOW.replace(tzinfo=dt.UTC), NOW.replace(microsecond=0)
    expected = (NOW, zoned, second, 5_000, b"ab", b"abc", "é", JANUARY, 1, 0.5, True, Decimal("1.50"))
    assert fake.rows("d", "t") == [expected]
    assert place.rows("SELECT * FROM t") == [expected]


@pytest.mark.parametrize(("targets", "kind"), [(None, "NUMERIC"), (["NUMERIC", "BIGNUMERIC"], "BIGNUMERIC")])
def test_decimal_target_types(place: Place, targets: list[str] | None, kind: str) -> None:
    """A decimal of more than nine places becomes NUMERIC unless the job says that BIGNUMERIC will do."""
    settings: dict[str, Any] = {} if targets is None else {"decimal_target_types": targets}
    place.load("t", pa.table({"x": pa.array([Decimal("1.5")], pa.decimal128(20, 12))}), **settings)
    assert place.client.get_table(place.name("t")).schema[0].field_type == kind


def test_types_must_fit(fake: FakeBigQuery, place: Place) -> None:
    """A column of another type than the table's is refused, and nothing is loaded."""
    place.create("t", **LAYOUT)
    place.load("t", trips("a"))
    wrong = trips("b").set_column(2, "fare", pa.array(["1.50"]))
    words = r"Provided Schema does not match Table p:d\.t\. Field fare has changed type from NUMERIC to STRING"
    with pytest.raises(BadRequest, match=words):
        place.load("t", wrong, "WRITE_APPEND")
    assert ids(fake) == ["a"]


def test_new_columns(place: Place) -> None:
    """A column that the table lacks is refused, unless the job allows it; older rows have null in it."""
    place.create("t")
    place.load("t", trips("a"), "WRITE_APPEND")
    wider = trips("b").append_column("tip", pa.array([1]))
    with pytest.raises(BadRequest, match=r"Cannot add fields \(field: tip\)"):
        place.load("t", wider, "WRITE_APPEND")
    place.load("t", wider, "WRITE_APPEND", schema_update_options=["ALLOW_FIELD_ADDITION"])
    assert place.rows("SELECT id, tip FROM t ORDER BY id") == [(b"a", None), (b"b", 1)]


def test_columns_that_files_lack(fake: FakeBigQuery, place: Place) -> None:
    """A NULLABLE column that a file lacks is null."""
    place.create("t")
    place.load("t", trips("a").drop_columns(["fare"]), "WRITE_APPEND")
    assert fake.rows("d", "t") == [(b"a", JANUARY, None)]


def test_required_columns(fake: FakeBigQuery, place: Place) -> None:
    """A REQUIRED column has to be in the file, in the job's schema, and without nulls."""
    schema = [bigquery.SchemaField("id", "BYTES", "REQUIRED"), *SCHEMA[1:]]
    place.create("t", schema)
    with pytest.raises(BadRequest, match="Field id has changed mode from REQUIRED to NULLABLE"):
        place.load("t", trips("a"), "WRITE_APPEND")
    with pytest.raises(BadRequest, match="Field id is missing in new schema"):
        place.load("t", trips("a").drop_columns(["id"]), "WRITE_APPEND")
    empty = trips("a").set_column(0, "id", pa.array([None], pa.binary()))
    with pytest.raises(BadRequest, match="Required field id cannot be null"):
        place.load("t", empty, "WRITE_APPEND", schema=schema)
    place.load("t", trips("a"), "WRITE_APPEND", schema=schema)
    assert ids(fake) == ["a"]


def test_relaxed_columns(place: Place) -> None:
    """A load may make a REQUIRED column NULLABLE where the job allows it."""
    place.create("t", [bigquery.SchemaField("id", "BYTES", "REQUIRED"), *SCHEMA[1:]])
    place.load("t", trips("a"), "WRITE_APPEND", schema_update_options=["ALLOW_FIELD_RELAXATION"])
    assert place.client.get_table(place.name("t")).schema[0].mode == "NULLABLE"


def test_one_partition_is_replaced(fake: FakeBigQuery, place: Place) -> None:
    """WRITE_TRUNCATE into a partition replaces exactly its rows."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a", "b"))
    place.load("t$202402", trips("c", month=FEBRUARY))
    job = place.load("t$202401", trips("d"))
    assert ids(fake) == ["c", "d"]
    assert job.output_rows == 1
    assert job.output_bytes == 27


def test_one_partition_grows(fake: FakeBigQuery, place: Place) -> None:
    """WRITE_APPEND into a partition adds rows to it."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a"))
    place.load("t$202401", trips("b"), "WRITE_APPEND")
    assert ids(fake, "t$202401") == ["a", "b"]


@pytest.mark.parametrize("month", [FEBRUARY, None])
def test_rows_of_other_partitions(fake: FakeBigQuery, place: Place, month: dt.date | None) -> None:
    """A row of another partition, or of none, is refused with the whole file."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a"))
    mixed = pa.concat_tables([trips("b"), trips("c", month=month)])  # type: ignore[arg-type, unused-ignore]
    words = r"Some rows belong to different partitions rather than destination partition t\$202401"
    with pytest.raises(BadRequest, match=words):
        place.load("t$202401", mixed)
    assert ids(fake) == ["a"]


@pytest.mark.parametrize("decorator", ["2024", "20240101", "202413", "month"])
def test_decorators_that_do_not_fit(place: Place, decorator: str) -> None:
    """A decorator of another unit than the table's, or no time at all, is refused."""
    place.create("t", **LAYOUT)
    with pytest.raises(BadRequest, match=f"Invalid partition ID '{decorator}'"):
        place.load(f"t${decorator}", trips("a"))


def test_decorator_without_partitions(place: Place) -> None:
    """A table without partitions takes no decorator."""
    place.create("t")
    with pytest.raises(BadRequest, match="non-partitioned table with a partition reference"):
        place.load("t$202401", trips("a"))


def test_no_rows_empty_a_partition(fake: FakeBigQuery, place: Place) -> None:
    """A file without rows empties a partition."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a"))
    place.load("t$202402", trips("b", month=FEBRUARY))
    assert place.load("t$202401", trips()).output_rows == 0
    assert ids(fake) == ["b"]


def test_days_as_partitions(fake: FakeBigQuery, place: Place) -> None:
    """Tables by day of a TIMESTAMP have partitions YYYYMMDD."""
    by = bigquery.TimePartitioning(type_="DAY", field="at")
    place.create("t", [bigquery.SchemaField("at", "TIMESTAMP")], time_partitioning=by)
    rows = pa.table({"at": pa.array([NOW], pa.timestamp("us", "UTC"))})
    place.load("t$20240101", rows)
    with pytest.raises(BadRequest, match="Some rows belong to different partitions"):
        place.load("t$20240102", rows)
    assert len(fake.rows("d", "t$20240101")) == 1


def test_a_missing_table(place: Place) -> None:
    """CREATE_NEVER wants the table to be there, and the dataset has to be there in any case."""
    with pytest.raises(NotFound, match=r"Not found: Table p:d\.t"):
        place.load("t", trips("a"), create_disposition="CREATE_NEVER")
    with pytest.raises(NotFound, match="Not found: Dataset p:nowhere"):
        place.client.load_table_from_uri("gs://b/o", "p.nowhere.t").result()


def test_a_load_makes_a_table(place: Place) -> None:
    """A load makes a partitioned table, and writes into one of its partitions."""
    place.load("t$202401", trips("a"), **LAYOUT)
    found = place.client.get_table(place.name("t"))
    assert (found.time_partitioning.type_, found.clustering_fields, found.num_rows) == ("MONTH", ["id"], 1)


def test_write_empty(place: Place) -> None:
    """WRITE_EMPTY wants no row to be there."""
    place.create("t")
    place.load("t", trips("a"), "WRITE_EMPTY")
    with pytest.raises(Conflict, match=r"Already Exists: Table p:d\.t"):
        place.load("t", trips("b"), "WRITE_EMPTY")


def test_a_truncated_table_takes_the_schema(place: Place) -> None:
    """WRITE_TRUNCATE of a whole table replaces its schema, and keeps its partitioning."""
    place.create("t", **LAYOUT)
    place.load("t", trips("a").append_column("tip", pa.array([1])))
    found = place.client.get_table(place.name("t"))
    assert ([field.name for field in found.schema][-1], found.time_partitioning.type_) == ("tip", "MONTH")


@pytest.mark.parametrize("sized", [True, False])
def test_uploads(fake: FakeBigQuery, place: Place, sized: bool) -> None:  # noqa: FBT001 - a parameter
    """A file arrives whole, in one request or as a resumable upload."""
    file = parquet(trips("a", "b"))
    size = len(file.getvalue()) if sized else None
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    place.client.load_table_from_file(file, place.name("t"), size=size, job_config=config).result()
    kinds = [one.path.partition("uploadType=")[2] for one in fake.requests if "uploadType" in one.path]
    assert kinds[0] == ("multipart" if sized else "resumable")
    assert ids(fake) == ["a", "b"]


def test_no_parquet(place: Place) -> None:
    """A file that is no Parquet is refused."""
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    with pytest.raises(BadRequest, match="not in Parquet format"):
        place.client.load_table_from_file(io.BytesIO(b"id\n1\n"), place.name("t"), job_config=config).result()


def test_files_in_a_bucket(tmp_path: Path) -> None:
    """Files are loaded from gs:// names and patterns, and a name without a file is not found."""
    with FakeGCS("lake") as gcs, running(tmp_path, gcs_url=gcs.url) as (fake, place):
        for name in ("a", "b", "c"):
            gcs.write("lake", f"trips/{name}.parquet", parquet(trips(name)).getvalue())
        config: Any = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
        job = place.client.load_table_from_uri("gs://lake/trips/*.parquet", place.name("t"), job_config=config)
        job.result()
        assert (job.output_rows, job.input_files) == (3, 3)
        place.client.load_table_from_uri("gs://lake/trips/a.parquet", place.name("t"), job_config=config).result()
        assert ids(fake) == ["a", "a", "b", "c"]
        with pytest.raises(NotFound, match="Not found: URI gs://lake/none"):
            place.client.load_table_from_uri("gs://lake/none", place.name("t"), job_config=config).result()
