"""The Storage Read API: sessions over the rows of one moment, in several streams, as Arrow.

The rows of a session are kept in a table of their own, so that a stream can be read again from any offset. Columns
come in the order of the table's schema, whatever the order of `selected_fields`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.cloud.bigquery_storage_v1 import types as storage

from tests.fakes.bigquery import arrow_rows, bytes_processed, queries, scans, sql
from tests.fakes.bigquery.errors import ApiError, invalid, not_covered
from tests.fakes.bigquery.names import TableName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_STREAM_ROWS = 1_000
_BATCH_ROWS = 8_192
_COMPRESSIONS = {0: None, 1: "lz4", 2: "zstd"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stream:
    """Rows of a session from one number to before another."""

    rows: Table
    begin: int
    end: int
    compression: str | None
    schema: Any


class ReadApi:
    """Answers the procedures of BigQueryRead.

    Args:
        service: The project.

    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._streams: dict[str, _Stream] = {}

    def create_session(self, request: storage.CreateReadSessionRequest) -> storage.ReadSession:
        """Keep the rows that are asked for, and name the streams that give them.

        Raises:
            ApiError: The table, its columns or the restriction are not to be read.

        """
        service, asked = self._service, request.read_session
        self._permitted(request.parent)
        if asked.data_format != storage.DataFormat.ARROW:
            raise not_covered(what="other formats than ARROW at the Storage Read API")
        table = service.catalog.table(TableName.from_path(asked.table))
        service.permissions.of_table("bigquery.tables.getData", table.name)
        if table.view:
            raise invalid(
                message="request failed: only external tables connected to Cloud Storage and tables can be read"
            )
        options = asked.read_options
        statement = self._statement(table, list(options.selected_fields), options.row_restriction)
        found = scans.scans(statement, service.catalog)
        bytes_processed.require_filters(found)
        fields = queries.fields_of(service, statement.tree)
        rows = queries.keep(service, queries.typed(statement.tree, fields), fields, table.location)
        count, schema = self._shape(rows)
        compression = _COMPRESSIONS[int(options.arrow_serialization_options.buffer_compression)]
        name = f"{request.parent}/locations/{table.location.lower()}/sessions/{uuid.uuid4().hex}"
        wanted = min(request.max_stream_count or 1, -(-count // _STREAM_ROWS))
        streams = []
        for number in range(wanted):
            begin, end = count * number // wanted, count * (number + 1) // wanted
            stream = f"{name}/streams/{number}"
            self._streams[stream] = _Stream(rows=rows, begin=begin, end=end, compression=compression, schema=schema)
            streams.append(storage.ReadStream(name=stream))
        return storage.ReadSession(
            name=name,
            table=asked.table,
            data_format=storage.DataFormat.ARROW,
            arrow_schema=storage.ArrowSchema(serialized_schema=arrow_rows.schema_message(schema)),
            read_options=options,
            streams=streams,
            estimated_row_count=count,
            estimated_total_bytes_scanned=bytes_processed.cost(service, found).processed,
        )

    def read_rows(self, request: storage.ReadRowsRequest) -> Iterator[storage.ReadRowsResponse]:
        """Give the rows of a stream in batches from an offset on."""
        stream = self._streams.get(request.read_stream)
        if stream is None:
            raise ApiError(404, f"Not found: Stream {request.read_stream}")
        begin = stream.begin + request.offset
        if begin > stream.end:
            raise ApiError(416, f"Offset {request.offset} is beyond the end of stream {request.read_stream}")
        rows = f"SELECT * FROM {stream.rows.name.sql} WHERE rowid >= {begin} AND rowid < {stream.end}"  # noqa: S608 - quoted
        first = True
        with self._service.warehouse.reading() as cursor:
            for batch in cursor.sql(rows).to_arrow_reader(_BATCH_ROWS):
                fitted = arrow_rows.read_batch(batch, stream.schema)
                response = storage.ReadRowsResponse(
                    arrow_record_batch={"serialized_record_batch": arrow_rows.message(fitted, stream.compression)},
                    row_count=batch.num_rows,
                )
                if first:  # the schema comes with the first response of a stream
                    response.arrow_schema = storage.ArrowSchema(
                        serialized_schema=arrow_rows.schema_message(stream.schema)
                    )
                first = False
                yield response

    def _permitted(self, parent: str) -> None:
        if "bigquery.readsessions.create" in self._service.permissions.denied:
            raise ApiError(
                403,
                f"request failed: the user does not have 'bigquery.readsessions.create' permission for '{parent}'",
            )

    def _statement(self, table: Table, selected: list[str], restriction: str) -> sql.Statement:
        known = {field["name"].lower() for field in table.fields}
        for name in selected:
            if name.lower() not in known:
                raise invalid(f"request failed: The following selected fields do not exist in the table schema: {name}")
        wanted = {name.lower() for name in selected} or known
        columns = ", ".join(f"`{field['name']}`" for field in table.fields if field["name"].lower() in wanted)
        place = table.name
        text = f"SELECT {columns} FROM `{place.project}`.`{place.dataset}`.`{place.table}`"  # noqa: S608 - names of ours
        where = f" WHERE {restriction}" if restriction else ""
        return sql.Reader(catalog=self._service.catalog).read(text + where)

    def _shape(self, rows: Table) -> tuple[int, Any]:
        with self._service.warehouse.reading() as cursor:
            count = int(cursor.execute(f"SELECT count(*) FROM {rows.name.sql}").fetchall()[0][0])  # noqa: S608 - quoted
            schema = cursor.sql(f"SELECT * FROM {rows.name.sql} LIMIT 0").to_arrow_table().schema  # noqa: S608 - quoted
        fields: list[Json] = rows.fields
        return count, arrow_rows.read_schema(fields, schema)
