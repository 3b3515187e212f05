"""Rows into a table by the Storage Write API: one PENDING stream of Arrow batches, visible together once committed.

Every request names the offset of its first row, so that a request that is sent again after a broken connection is
recognised and not written twice; a row count that is not the file's is never committed.

Source: cloud.google.com/bigquery/docs/write-api-batch, .../docs/write-api#limits.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core import exceptions as api
from google.cloud.bigquery_storage_v1 import types
from google.rpc import code_pb2

from engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engine.google.warehouse import Warehouse

_log = logging.getLogger(__name__)

# A request may have 10 MB; what is around the rows is small.
_REQUEST_BYTES = 8_000_000
_BATCH_ROWS = 1 << 15
_BROKEN = (api.ServiceUnavailable, api.Aborted, api.InternalServerError, api.DeadlineExceeded, api.ResourceExhausted)
# The same inside an answer (cloud.google.com/bigquery/docs/write-api-best-practices, "Error handling").
_PASSING = (code_pb2.ABORTED, code_pb2.INTERNAL, code_pb2.UNAVAILABLE, code_pb2.RESOURCE_EXHAUSTED)
_WAIT_SECONDS, _WAIT_LIMIT_SECONDS = 0.5, 16.0
_COMMIT_SECONDS = 60.0


def append_rows(warehouse: Warehouse, table: str, path: Path, progress: Callable[[int], None]) -> None:
    """Write a Parquet file's rows into a table, all of them at one moment.

    Args:
        warehouse: Where the table is.
        table: Its name; its columns have the file's names.
        path: The file.
        progress: Told the bytes that are sent.

    Raises:
        EngineError: The service counted other rows than the file has; nothing is visible.

    """
    client = warehouse.writer()
    parent = f"projects/{warehouse.project}/datasets/{warehouse.dataset}/tables/{table}"
    stream = client.create_write_stream(
        parent=parent, write_stream=types.WriteStream(type_=types.WriteStream.Type.PENDING), retry=warehouse.retry
    ).name
    rows = _send(client, stream, path, warehouse.retry_seconds, progress)
    counted = client.finalize_write_stream(name=stream, retry=warehouse.retry).row_count
    if counted != rows:
        message = f"BigQuery counted {counted} rows in the stream and should have {rows}"
        raise EngineError(message, facts={"table": f"{warehouse.name}/{table}"}, state="nothing of it is visible")
    _commit(client, parent, stream, warehouse.retry_seconds)


def _commit(client: Any, parent: str, stream: str, retry_seconds: float) -> None:  # noqa: ANN401 - Google's client
    """Make the stream's rows visible; a commit whose answer was lost is found committed."""
    deadline = time.monotonic() + retry_seconds
    while True:
        try:
            answer = client.batch_commit_write_streams(
                request=types.BatchCommitWriteStreamsRequest(parent=parent, write_streams=[stream]),
                retry=None,
                timeout=_COMMIT_SECONDS,
            )
            break
        except _BROKEN as error:
            if time.monotonic() > deadline:
                raise
            _log.warning("the commit is sent again: %s", error.message)
            time.sleep(_WAIT_SECONDS)
    done = types.StorageError.StorageErrorCode.STREAM_ALREADY_COMMITTED
    if errors := [error for error in answer.stream_errors if error.code != done]:
        message = f"BigQuery did not commit the stream: {errors[0].error_message or errors[0].code}"
        raise EngineError(message, state="nothing of it is visible")


def _send(
    client: Any,  # noqa: ANN401 - Google's client
    stream: str,
    path: Path,
    retry_seconds: float,
    progress: Callable[[int], None],
) -> int:
    """Send all rows and return how many; a connection that breaks goes on at the first row without an answer."""
    total = int(pq.read_metadata(path).num_rows)
    acknowledged, wait, since = 0, _WAIT_SECONDS, time.monotonic()
    while acknowledged < total:
        before = acknowledged
        try:
            for rows in _answers(client, stream, path, acknowledged, progress):
                acknowledged, wait, since = rows, _WAIT_SECONDS, time.monotonic()
            if acknowledged == before:
                message = "the connection ended without an answer"
                raise api.Aborted(message)
        except _BROKEN as error:
            if time.monotonic() - since > retry_seconds:
                raise
            _log.warning("the stream goes on at row %d: %s", acknowledged, error.message)
            time.sleep(wait)
            wait = min(2 * wait, _WAIT_LIMIT_SECONDS)
    return total


def _answers(
    client: Any,  # noqa: ANN401 - Google's client
    stream: str,
    path: Path,
    first: int,
    progress: Callable[[int], None],
) -> Iterator[int]:
    """Send the rows from one on; yield how many are written after each answer."""
    sizes: list[int] = []

    def requests() -> Iterator[types.AppendRowsRequest]:
        sent, schema = 0, True
        for batch in _batches(path, first):
            rows = types.AppendRowsRequest.ArrowData(
                rows=types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes())
            )
            if schema:
                rows.writer_schema = types.ArrowSchema(serialized_schema=batch.schema.serialize().to_pybytes())
            offset = first + sum(sizes)
            sizes.append(batch.num_rows)
            sent += batch.nbytes
            yield types.AppendRowsRequest(write_stream=stream if schema else "", offset=offset, arrow_rows=rows)
            schema = False
            progress(sent)

    written = first
    # The client's own retry would send the rest of these requests over a new connection, which lacks the schema then.
    # The region is told by a header, as Google's own writer does (google.cloud.bigquery_storage_v1.writer).
    region = [("x-goog-request-params", f"write_stream={stream}")]
    for number, answer in enumerate(client.append_rows(requests(), retry=None, metadata=region)):
        if answer.error.code in _PASSING:
            raise api.Aborted(answer.error.message)
        # An offset that is there already was written by a request whose answer was lost.
        if answer.error.code not in (code_pb2.OK, code_pb2.ALREADY_EXISTS):
            message = f"BigQuery did not take rows: {answer.error.message}"
            raise EngineError(message, state="nothing of them is visible")
        written += sizes[number]
        yield written


def _batches(path: Path, first: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows from one on, in batches that a request can hold, in types that the service takes."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            if first >= batch.num_rows:
                first -= batch.num_rows
                continue
            table = pa.Table.from_batches([batch.slice(first)])
            first = 0
            plain = table.cast(pa.schema([f.with_type(_plain(f.type)) for f in table.schema])).combine_chunks()
            yield from _pieces(plain.to_batches()[0])


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    parts = batch.nbytes // _REQUEST_BYTES + 1
    rows = -(-batch.num_rows // parts)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    return pa.binary() if pa.types.is_fixed_size_binary(kind) else kind
