"""The Storage Read and Write APIs of the fake BigQuery, as google-cloud-bigquery-storage sees them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound, OutOfRange
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types as storage

from tests.fakes.bigquery.clients import append, appending, pending_stream, read_all, read_session, read_stream
from tests.fakes.bigquery.places import FEBRUARY, JANUARY, LAYOUT, SCHEMA, Place, trips

if TYPE_CHECKING:
    from tests.fakes.bigquery import FakeBigQuery

pytest_plugins = ("tests.fakes.bigquery.fixtures",)

CODECS = storage.ArrowSerializationOptions.CompressionCodec
ROWS = trips("a", "b").to_batches()[0]


def commit(place: Place, *streams: str) -> storage.BatchCommitWriteStreamsResponse:
    """Commit streams of table `t`."""
    asked = storage.BatchCommitWriteStreamsRequest(parent=place.path("t"), write_streams=list(streams))
    return place.storage.write.batch_commit_write_streams(asked)


def codes(answer: storage.BatchCommitWriteStreamsResponse) -> list[str]:
    """Return why streams were not committed."""
    return [error.code.name for error in answer.stream_errors]


def test_columns_and_rows_are_selected(place: Place) -> None:
    """A session gives the columns and rows that were asked for, columns in the table's order."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a", "b"))
    place.load("t$202402", trips("c", month=FEBRUARY))
    where = "source_month = DATE '2024-02-01'"
    found = read_all(place.storage.read, place.path("t"), columns=["source_month", "id"], where=where)
    assert found.to_pylist() == [{"id": b"c", "source_month": FEBRUARY}]
    assert read_all(place.storage.read, place.path("t")).num_rows == 3


def test_types_as_they_are_read(place: Place) -> None:
    """Every type comes as the Arrow type that the service gives."""
    moment = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    given = pa.table(
        {"civil": pa.array([moment.replace(tzinfo=None)], pa.timestamp("us")), "zoned": [moment], "n": [1]}
    )
    place.load("t", given.append_column("x", pa.array([Decimal(1)], pa.decimal128(12, 2))))
    schema = read_all(place.storage.read, place.path("t")).schema
    assert schema.types == [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.int64(), pa.decimal128(38, 9)]
    place.ask("CREATE TABLE big AS SELECT BIGNUMERIC '1.5' AS x, 'a' AS s, b'b' AS b, TIME '10:00:00' AS t, 0.5 AS f")
    found = read_all(place.storage.read, place.path("big"))
    assert found.schema.types == [pa.decimal256(76, 38), pa.string(), pa.binary(), pa.time64("us"), pa.float64()]
    assert found["x"].to_pylist() == [Decimal("1.5")]


@pytest.mark.parametrize("compression", list(CODECS))
def test_streams_and_offsets(place: Place, compression: storage.ArrowSerializationOptions.CompressionCodec) -> None:
    """Several streams give each row once, and a stream goes on from any offset, compressed or not."""
    place.load("t", trips(*(f"{number:05}" for number in range(5_000))))
    asked = storage.ReadSession(table=place.path("t"), data_format=storage.DataFormat.ARROW)
    asked.read_options.arrow_serialization_options.buffer_compression = compression
    session = place.storage.read.create_read_session(parent="projects/p", read_session=asked, max_stream_count=3)
    parts = [read_stream(place.storage.read, session, number) for number in range(len(session.streams))]
    assert len(parts) == 3
    assert sorted(name for part in parts for name in part["id"].to_pylist()) == [b"%05d" % n for n in range(5_000)]
    rest = read_stream(place.storage.read, session, 1, offset=100)
    assert rest.equals(parts[1].slice(100))


def test_small_tables_have_one_stream(place: Place) -> None:
    """A session has no more streams than there is to read, and none for nothing."""
    place.create("t", **LAYOUT)
    assert len(read_session(place.storage.read, place.path("t"), streams=4).streams) == 0
    place.load("t$202401", trips("a"))
    assert len(read_session(place.storage.read, place.path("t"), streams=4).streams) == 1


def test_a_session_is_of_one_moment(place: Place) -> None:
    """A session gives the rows that were there when it began."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a"))
    session = read_session(place.storage.read, place.path("t"))
    place.load("t$202401", trips("b"))
    assert read_stream(place.storage.read, session, 0)["id"].to_pylist() == [b"a"]


def test_what_cannot_be_read(place: Place) -> None:
    """Tables and columns that are not there are refused, and so are required filters that are not given."""
    with pytest.raises(NotFound, match=r"Not found: Table p:d\.none"):
        read_session(place.storage.read, place.path("none"))
    place.create("t", **LAYOUT, require_partition_filter=True)
    with pytest.raises(InvalidArgument, match="selected fields do not exist in the table schema: nope"):
        read_session(place.storage.read, place.path("t"), columns=["nope"])
    with pytest.raises(InvalidArgument, match="without a filter over column"):
        read_session(place.storage.read, place.path("t"))


def test_pending_rows_appear_together(fake: FakeBigQuery, place: Place) -> None:
    """Rows of several streams are there after the commit, and none before."""
    place.create("t", **LAYOUT)
    streams = [pending_stream(place.storage.write, place.path("t")) for _ in range(2)]
    for number, stream in enumerate(streams):
        with appending(place.storage.write, stream, ROWS.schema) as connection:
            for offset in (0, 2):
                answer = append(connection, ROWS, offset)
                assert answer.append_result.offset == offset
        counts = [place.storage.write.finalize_write_stream(name=stream).row_count for _ in range(2)]
        assert counts == [4, 4]
        assert number < 2
    assert fake.rows("d", "t") == []
    assert commit(place, *streams).commit_time
    assert len(fake.rows("d", "t")) == 8


def test_commits_are_all_or_nothing(fake: FakeBigQuery, place: Place) -> None:
    """One stream that cannot be committed keeps all others back; a second commit is told so."""
    place.create("t", **LAYOUT)
    streams = [pending_stream(place.storage.write, place.path("t")) for _ in range(2)]
    for stream in streams:
        with appending(place.storage.write, stream, ROWS.schema) as connection:
            append(connection, ROWS)
    place.storage.write.finalize_write_stream(name=streams[0])
    assert codes(commit(place, *streams)) == ["INVALID_STREAM_STATE"]
    assert fake.rows("d", "t") == []
    place.storage.write.finalize_write_stream(name=streams[1])
    assert codes(commit(place, *streams)) == []
    assert codes(commit(place, *streams)) == ["STREAM_ALREADY_COMMITTED"] * 2
    assert codes(commit(place, f"{place.path('t')}/streams/none")) == ["STREAM_NOT_FOUND"]
    assert len(fake.rows("d", "t")) == 4


def test_offsets(fake: FakeBigQuery, place: Place) -> None:
    """An offset that is taken, or that leaves a gap, is refused, and the connection goes on."""
    place.create("t", **LAYOUT)
    stream = pending_stream(place.storage.write, place.path("t"))
    with appending(place.storage.write, stream, ROWS.schema) as connection:
        append(connection, ROWS, 0)
        with pytest.raises(AlreadyExists, match="The offset is within stream, expected offset 2, received 0"):
            append(connection, ROWS, 0)
        with pytest.raises(OutOfRange, match="The offset is beyond stream, expected offset 2, received 7"):
            append(connection, ROWS, 7)
        append(connection, ROWS, 2)
    place.storage.write.finalize_write_stream(name=stream)
    commit(place, stream)
    assert len(fake.rows("d", "t")) == 4


@pytest.mark.parametrize("kind", ["COMMITTED", "_default"])
def test_committed_rows_appear_at_once(fake: FakeBigQuery, place: Place, kind: str) -> None:
    """Rows of a COMMITTED stream and of the default stream are there when the append is answered."""
    place.create("t", **LAYOUT)
    name = f"{place.path('t')}/streams/_default"
    if kind == "COMMITTED":
        asked = storage.WriteStream(type_=storage.WriteStream.Type.COMMITTED)
        name = place.storage.write.create_write_stream(parent=place.path("t"), write_stream=asked).name
    with appending(place.storage.write, name, ROWS.schema) as connection:
        append(connection, ROWS)
        assert len(fake.rows("d", "t")) == 2


def refused(place: Place, batch: Any) -> str:  # noqa: ANN401 - pyarrow has no types
    """Append a batch that is refused, and return the words."""
    stream = pending_stream(place.storage.write, place.path("t"))
    with appending(place.storage.write, stream, batch.schema) as connection, pytest.raises(InvalidArgument) as caught:
        append(connection, batch)
    return str(caught.value)


def test_rows_that_do_not_fit(place: Place) -> None:
    """Other columns and types than the table's are refused, and so are nulls and gaps in REQUIRED columns."""
    place.create("t", [bigquery.SchemaField("id", "BYTES", "REQUIRED"), *SCHEMA[1:]])
    record = pa.record_batch
    assert "extra fields: 'tip'" in refused(place, record({"id": [b"a"], "tip": [1]}))
    assert "Field id has Arrow type int64" in refused(place, record({"id": [1]}))
    nanos = record({"id": [b"a"], "source_month": pa.array([1], pa.timestamp("ns"))})
    assert "Field source_month has Arrow type timestamp[ns]" in refused(place, nanos)
    assert "required field 'id'" in refused(place, record({"source_month": [JANUARY]}))
    assert "row_errors" in refused(place, record({"id": pa.array([b"a", None], pa.binary())}))


def test_columns_that_rows_lack(fake: FakeBigQuery, place: Place) -> None:
    """A NULLABLE column that rows lack is null."""
    place.create("t")
    name = f"{place.path('t')}/streams/_default"
    with appending(place.storage.write, name, pa.schema([("id", pa.binary())])) as connection:
        append(connection, pa.record_batch({"id": [b"a"]}))
    assert fake.rows("d", "t") == [(b"a", None, None)]


def test_large_requests(place: Place) -> None:
    """A request of more than 10 MB is refused."""
    place.create("t")
    name = f"{place.path('t')}/streams/_default"
    with appending(place.storage.write, name, ROWS.schema) as connection:
        append(connection, ROWS)
        with pytest.raises(InvalidArgument, match="AppendRows request too large"):
            append(connection, trips("x" * (10 << 20)).to_batches()[0])


def test_finalized_streams(place: Place) -> None:
    """A stream that has ended takes no more rows."""
    place.create("t")
    stream = pending_stream(place.storage.write, place.path("t"))
    place.storage.write.finalize_write_stream(name=stream)
    with appending(place.storage.write, stream, ROWS.schema) as connection, pytest.raises(InvalidArgument):
        append(connection, ROWS)


def test_streams_are_described(place: Place) -> None:
    """A stream can be looked up with its type and its table's schema."""
    place.create("t", [bigquery.SchemaField("id", "BYTES", "REQUIRED"), bigquery.SchemaField("n", "INT64")])
    found = place.storage.write.get_write_stream(name=pending_stream(place.storage.write, place.path("t")))
    assert found.type_ == storage.WriteStream.Type.PENDING
    assert [(one.name, one.type_.name, one.mode.name) for one in found.table_schema.fields] == [
        ("id", "BYTES", "REQUIRED"),
        ("n", "INT64", "NULLABLE"),
    ]
    with pytest.raises(NotFound, match="Requested entity was not found"):
        place.storage.write.get_write_stream(name=f"{place.path('t')}/streams/none")
