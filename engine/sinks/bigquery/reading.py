"""A month read back by the Storage Read API: only the columns and the partition that are wanted, as Arrow batches.

Source: cloud.google.com/bigquery/docs/reference/storage (ReadSession: selected_fields, row_restriction).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
from google.api_core import exceptions as api
from google.cloud.bigquery_storage_v1 import types

from engine.contract import ID, SOURCE_MONTH
from engine.identity.arrays import id_bytes
from engine.sinks.parquet.writer import arrow_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.google.warehouse import Warehouse
    from engine.month import Month

# Streams are read one after the other: the network and the decoding keep one reader busy.
_STREAMS = 1


def stored_ids(warehouse: Warehouse, table: str, month: Month) -> Iterator[NDArray[np.uint8]]:
    """Yield the ids of a month, (rows, 16) bytes each time, in no order."""
    for batch in _batches(warehouse, table, month, [ID]):
        yield id_bytes(batch.column(0))


def stored_rows(warehouse: Warehouse, table: str, month: Month, columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
    """Yield a month's rows: the columns in the contract's types, and `unique_row_id`."""
    for batch in _batches(warehouse, table, month, [*(c.name for c in columns), ID]):
        arrays = [batch.column(c.name).cast(arrow_type(c.type)) for c in columns]
        named = pa.table([*arrays, batch.column(ID)], names=[*(c.name for c in columns), ID])
        frame = pl.from_arrow(named)
        if isinstance(frame, pl.DataFrame):
            yield frame.with_columns(pl.col(ID).cast(pl.Binary))


def _batches(warehouse: Warehouse, table: str, month: Month, columns: list[str]) -> Iterator[Any]:
    """Yield Arrow batches; none where there is no such table."""
    reader = warehouse.reader()
    wanted = types.ReadSession(
        table=f"projects/{warehouse.project}/datasets/{warehouse.dataset}/tables/{table}",
        data_format=types.DataFormat.ARROW,
        read_options=types.ReadSession.TableReadOptions(
            selected_fields=columns, row_restriction=f"{SOURCE_MONTH} = DATE '{month.first_day}'"
        ),
    )
    try:
        session = reader.create_read_session(
            parent=f"projects/{warehouse.client.project}", read_session=wanted, max_stream_count=_STREAMS
        )
    except api.NotFound:
        return
    if not session.streams:
        return
    schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
    for stream in session.streams:
        # The client goes on at the row where a connection broke. Columns come in the table's order.
        for answer in reader.read_rows(stream.name):
            yield pa.ipc.read_record_batch(pa.py_buffer(answer.arrow_record_batch.serialized_record_batch), schema)
