"""The clients that people have, pointed at a fake or an emulator instead of at Google, and what they take and give."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, bigquery_storage_v1
from google.cloud.bigquery_storage_v1 import types as storage
from google.cloud.bigquery_storage_v1.exceptions import StreamClosedError
from google.cloud.bigquery_storage_v1.services.big_query_read import transports as read_transports
from google.cloud.bigquery_storage_v1.services.big_query_write import transports as write_transports
from google.cloud.bigquery_storage_v1.writer import AppendRowsStream
from google.oauth2.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@contextlib.contextmanager
def rest_client(
    url: str, project: str = "p", *, token: str | None = None, location: str | None = None
) -> Iterator[bigquery.Client]:
    """Give a client of google-cloud-bigquery; it brings a bearer token if there is one."""
    nobody = AnonymousCredentials()
    credentials = nobody if token is None else Credentials(token)
    options = {"api_endpoint": url}
    client = bigquery.Client(project=project, credentials=credentials, client_options=options, location=location)
    with contextlib.closing(client):
        yield client


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageClients:
    """The clients of the Storage APIs over one channel."""

    read: bigquery_storage_v1.BigQueryReadClient
    write: bigquery_storage_v1.BigQueryWriteClient


@contextlib.contextmanager
def storage_clients(address: str) -> Iterator[StorageClients]:
    """Give clients of the Storage APIs."""
    with grpc.insecure_channel(address, options=_UNLIMITED) as channel:
        read = read_transports.BigQueryReadGrpcTransport(channel=channel)
        write = write_transports.BigQueryWriteGrpcTransport(channel=channel)
        yield StorageClients(
            read=bigquery_storage_v1.BigQueryReadClient(transport=read),
            write=bigquery_storage_v1.BigQueryWriteClient(transport=write),
        )


def parquet(table: Any) -> io.BytesIO:  # noqa: ANN401 - pyarrow has no types
    """Return an Arrow table as a Parquet file in memory."""
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    return file


def read_stream(
    client: bigquery_storage_v1.BigQueryReadClient, session: storage.ReadSession, number: int, offset: int = 0
) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return the rows of one stream of a session from an offset on as an Arrow table."""
    schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
    batches = [
        pa.ipc.read_record_batch(pa.py_buffer(response.arrow_record_batch.serialized_record_batch), schema)
        for response in client.read_rows(session.streams[number].name, offset=offset)
    ]
    return pa.Table.from_batches(batches, schema)


def read_all(
    client: bigquery_storage_v1.BigQueryReadClient,
    table: str,
    *,
    columns: Sequence[str] = (),
    where: str = "",
    streams: int = 1,
) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return the rows of a table such as `projects/p/datasets/d/tables/t` as an Arrow table."""
    session = read_session(client, table, columns=columns, where=where, streams=streams)
    schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
    tables = [read_stream(client, session, number) for number in range(len(session.streams))]
    return pa.concat_tables(tables) if tables else schema.empty_table()


def read_session(
    client: bigquery_storage_v1.BigQueryReadClient,
    table: str,
    *,
    columns: Sequence[str] = (),
    where: str = "",
    streams: int = 1,
) -> storage.ReadSession:
    """Begin to read a table."""
    asked = storage.ReadSession(table=table, data_format=storage.DataFormat.ARROW)
    asked.read_options.selected_fields = list(columns)
    asked.read_options.row_restriction = where
    return client.create_read_session(
        parent="/".join(table.split("/")[:2]), read_session=asked, max_stream_count=streams
    )


@contextlib.contextmanager
def appending(
    client: bigquery_storage_v1.BigQueryWriteClient,
    stream: str,
    schema: Any,  # noqa: ANN401 - pyarrow has no types
) -> Iterator[AppendRowsStream]:
    """Give a connection that appends rows of an Arrow schema to a stream."""
    template = storage.AppendRowsRequest(
        write_stream=stream, arrow_rows={"writer_schema": {"serialized_schema": schema.serialize().to_pybytes()}}
    )
    connection = AppendRowsStream(client, template)
    try:
        yield connection
    finally:
        with contextlib.suppress(StreamClosedError):  # the service has closed it
            connection.close()


def append(connection: AppendRowsStream, batch: Any, offset: int | None = None) -> storage.AppendRowsResponse:  # noqa: ANN401 - pyarrow has no types
    """Append an Arrow batch, and wait for the answer."""
    content = {"serialized_record_batch": batch.serialize().to_pybytes()}
    request = storage.AppendRowsRequest(arrow_rows={"rows": content})
    if offset is not None:
        request.offset = offset
    answer: storage.AppendRowsResponse = connection.send(request).result(timeout=10)
    return answer


def pending_stream(client: bigquery_storage_v1.BigQueryWriteClient, table: str) -> str:
    """Begin a stream whose rows wait for their commit, and return its name."""
    kind = storage.WriteStream(type_=storage.WriteStream.Type.PENDING)
    return str(client.create_write_stream(parent=table, write_stream=kind).name)
