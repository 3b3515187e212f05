"""The Storage Write API: streams of rows in Arrow that appear at once, or all together when they are committed.

Rows of a PENDING stream wait in a file of its own. Rows of a COMMITTED stream and of `_default` are there when the
append is answered. An offset is taken once: a repeated append is told so, and changes nothing.
"""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types as storage

from tests.fakes.bigquery import arrow_rows, queries
from tests.fakes.bigquery.columns import mode_of, type_of
from tests.fakes.bigquery.errors import ApiError, invalid, not_covered
from tests.fakes.bigquery.names import TableName, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.service import Service

_LIMIT_BYTES = 10 * (1 << 20)
_ROW_ERRORS = 100
_INVALID, _ALREADY_EXISTS, _OUT_OF_RANGE = 3, 6, 11
_DEFAULT = "_default"
_TYPES = {"INTEGER": "INT64", "FLOAT": "DOUBLE", "BOOLEAN": "BOOL"}
_Code = storage.StorageError.StorageErrorCode


@dataclass(kw_only=True)
class _Stream:
    """A stream; `path` None: its rows appear at once."""

    name: str
    table: TableName
    created: dt.datetime
    path: Path | None
    writer: Any = None
    rows: int = 0
    finalized: bool = False
    committed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, batch: Any) -> None:  # noqa: ANN401 - pyarrow has no types
        if self.writer is None:
            self.writer = pa.ipc.new_stream(str(self.path), batch.schema)
        self.writer.write_batch(batch)

    def seal(self) -> None:
        self.finalized = True
        if self.writer is not None:
            self.writer.close()
            self.writer = None


class WriteApi:
    """Answers the procedures of BigQueryWrite.

    Args:
        service: The project.

    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._streams: dict[str, _Stream] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the files of all streams."""
        for stream in self._streams.values():
            stream.seal()

    def create_stream(self, request: storage.CreateWriteStreamRequest) -> storage.WriteStream:
        """Begin a stream."""
        table = self._table(TableName.from_path(request.parent))
        kind = request.write_stream.type_
        if kind not in {storage.WriteStream.Type.PENDING, storage.WriteStream.Type.COMMITTED}:
            raise not_covered(what="streams of other types than PENDING and COMMITTED")
        number = uuid.uuid4().hex
        pending = kind == storage.WriteStream.Type.PENDING
        stream = _Stream(
            name=f"{request.parent}/streams/{number}",
            table=table.name,
            created=self._now(),
            path=self._service.spool / f"{number}.arrow" if pending else None,
        )
        self._streams[stream.name] = stream
        return self._shown(stream, table)

    def get_stream(self, request: storage.GetWriteStreamRequest) -> storage.WriteStream:
        """Return a stream."""
        stream = self._stream(request.name)
        return self._shown(stream, self._table(stream.table))

    def append(self, name: str, schema: Any, request: storage.AppendRowsRequest) -> storage.AppendRowsResponse:  # noqa: ANN401 - pyarrow has no types
        """Append the rows of one message.

        Args:
            name: The stream, as the connection's first message names it.
            schema: The Arrow schema, as the connection's last message with one gives it.
            request: The message.

        Raises:
            ApiError: The stream is not there.

        """
        stream = self._stream(name)
        table = self._table(stream.table)
        with stream.lock:
            offset = request.offset if "offset" in request else None
            if refused := _misplaced(stream, offset):
                return _refusal(name, *refused)
            try:
                batch = pa.ipc.read_record_batch(pa.py_buffer(request.arrow_rows.rows.serialized_record_batch), schema)
                fitted = arrow_rows.fitted(batch, table.fields)
                _complete(batch, table)
            except ApiError as error:
                return _refusal(name, _INVALID, error.message)
            except pa.ArrowException as error:
                return _refusal(name, _INVALID, f"Cannot read the Arrow record batch: {error}")
            if missing := arrow_rows.nulls(fitted, table.fields):
                return _row_errors(name, missing)
            if stream.path is None:
                self._insert(table.name, [pa.RecordBatchReader.from_batches(fitted.schema, [fitted])])
            else:
                stream.keep(fitted)
            begin, stream.rows = stream.rows, stream.rows + fitted.num_rows
        result: dict[str, int] = {} if stream.name.endswith(_DEFAULT) else {"offset": begin}
        return storage.AppendRowsResponse(append_result=result, write_stream=name)

    def finalize(self, request: storage.FinalizeWriteStreamRequest) -> storage.FinalizeWriteStreamResponse:
        """End a stream; ending it again says the same."""
        stream = self._stream(request.name)
        with stream.lock:
            stream.seal()
            return storage.FinalizeWriteStreamResponse(row_count=stream.rows)

    def commit(self, request: storage.BatchCommitWriteStreamsRequest) -> storage.BatchCommitWriteStreamsResponse:
        """Let the rows of several streams appear together, or those of none."""
        target = self._table(TableName.from_path(request.parent)).name
        with self._lock:
            names = list(dict.fromkeys(request.write_streams))
            errors = [error for name in names if (error := self._uncommittable(name, target))]
            if errors:
                return storage.BatchCommitWriteStreamsResponse(stream_errors=errors)
            streams = [self._streams[name] for name in names]
            paths = [stream.path for stream in streams if stream.path is not None and stream.rows]
            self._insert(target, [pa.ipc.open_stream(pa.memory_map(str(path))) for path in paths])
            for stream in streams:
                stream.committed = True
            for path in paths:
                path.unlink()
        return storage.BatchCommitWriteStreamsResponse(commit_time=self._now())

    def _uncommittable(self, name: str, target: TableName) -> storage.StorageError | None:
        stream = self._streams.get(name)
        if stream is None or stream.table != target:
            return _error(_Code.STREAM_NOT_FOUND, name, "Stream not found")
        if stream.path is None:
            return _error(_Code.INVALID_STREAM_TYPE, name, "Stream is not of type PENDING")
        if stream.committed:
            return _error(_Code.STREAM_ALREADY_COMMITTED, name, "Stream has already been committed")
        if not stream.finalized:
            return _error(_Code.INVALID_STREAM_STATE, name, "Stream has not been finalized")
        return None

    def _insert(self, name: TableName, readers: Sequence[Any]) -> None:
        """Insert the rows of all readers, or none."""
        with self._service.warehouse.alone(name.key):
            with queries.refusing(), self._service.warehouse.changing(name.key) as cursor:
                for reader in readers:
                    columns = ", ".join(quoted(column) for column in reader.schema.names)
                    cursor.register("incoming", reader)
                    cursor.execute(f"INSERT INTO {name.sql} ({columns}) SELECT {columns} FROM incoming")  # noqa: S608 - quoted
                    cursor.unregister("incoming")
            self._service.catalog.change(name, lambda settings: settings, rows=True, if_match=None)

    def _stream(self, name: str) -> _Stream:
        stream = self._streams.get(name)
        if stream is None and name.endswith(f"/{_DEFAULT}"):
            table = self._table(TableName.from_path(name)).name
            stream = self._streams.setdefault(name, _Stream(name=name, table=table, created=self._now(), path=None))
        if stream is None:
            raise ApiError(404, f"Requested entity was not found. Entity: {name}")
        return stream

    def _table(self, name: TableName) -> Table:
        if "bigquery.tables.updateData" in self._service.permissions.denied:
            path = f"projects/{name.project}/datasets/{name.dataset}/tables/{name.table}"
            raise ApiError(403, f"Permission 'TABLES_UPDATE_DATA' denied on resource '{path}' (or it may not exist).")
        table = self._service.catalog.table(name)
        if table.view:
            raise invalid(f"Cannot write to a view: {name.bare()}")
        return table

    def _shown(self, stream: _Stream, table: Table) -> storage.WriteStream:
        fields = [
            {"name": one["name"], "type_": _TYPES.get(type_of(one), type_of(one)), "mode": mode_of(one)}
            for one in table.fields
        ]
        kinds = storage.WriteStream.Type
        return storage.WriteStream(
            name=stream.name,
            type_=kinds.COMMITTED if stream.path is None else kinds.PENDING,
            create_time=stream.created,
            table_schema={"fields": fields},
            write_mode=storage.WriteStream.WriteMode.INSERT,
            location=table.location.lower(),
        )

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._service.now(), tz=dt.UTC)


def too_large(size: int) -> None:
    """Refuse a message of too many bytes."""
    if size > _LIMIT_BYTES:
        raise invalid(f"AppendRows request too large: {size} limit {_LIMIT_BYTES}")


def _misplaced(stream: _Stream, offset: int | None) -> tuple[int, str] | None:
    """Say why rows cannot be appended at an offset; None: they can."""
    if stream.finalized:
        return _INVALID, f"Stream has been finalized and cannot be appended. Entity: {stream.name}"
    if offset is not None and stream.name.endswith(_DEFAULT):
        return _INVALID, "Offset must not be set for the default stream"
    if offset is not None and offset < stream.rows:
        words = f"The offset is within stream, expected offset {stream.rows}, received {offset}"
        return _ALREADY_EXISTS, words
    if offset is not None and offset > stream.rows:
        return _OUT_OF_RANGE, f"The offset is beyond stream, expected offset {stream.rows}, received {offset}"
    return None


def _complete(batch: Any, table: Table) -> None:  # noqa: ANN401 - pyarrow has no types
    given = {name.lower() for name in batch.schema.names}
    for one in table.fields:
        if mode_of(one) == "REQUIRED" and one["name"].lower() not in given:
            raise invalid(f"Input schema lacks the required field '{one['name']}'")


def _refusal(name: str, code: int, message: str) -> storage.AppendRowsResponse:
    return storage.AppendRowsResponse(error={"code": code, "message": f"{message} Entity: {name}"}, write_stream=name)


def _row_errors(name: str, missing: list[tuple[int, str]]) -> storage.AppendRowsResponse:
    response = _refusal(
        name, _INVALID, "Errors found while processing rows. Please refer to the row_errors field for details."
    )
    for row, column in missing[:_ROW_ERRORS]:
        code = storage.RowError.RowErrorCode.FIELDS_ERROR
        response.row_errors.append(storage.RowError(index=row, code=code, message=f"Field {column} is required"))
    return response


def _error(code: int, name: str, message: str) -> storage.StorageError:
    return storage.StorageError(code=code, entity=name, error_message=message)
