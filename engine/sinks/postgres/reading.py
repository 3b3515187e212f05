"""Rows of a table back as frames of the contract's types.

The driver for Arrow (ADBC) turns `numeric` into text, at a microsecond a value; so the server is asked for cents, as
integers, which is exact for every type a contract can name (18 digits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
from psycopg import sql

from engine.contract import ID
from engine.postgres import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.contract import Column
    from engine.logical import Logical


def selected(columns: Sequence[Column]) -> sql.Composed:
    """Return what to select so that `stored_rows` understands it: the columns in this order, then `unique_row_id`."""
    parts = [
        sql.SQL("({} * {})::bigint").format(quoted(c.name), sql.Literal(10**c.type.scale))
        if c.type.kind == "decimal"
        else quoted(c.name)
        for c in columns
    ]
    return sql.SQL(", ").join([*parts, quoted(ID)])


def stored_rows(url: str, query: str, columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
    """Yield what a query selects: the columns in this order, then `unique_row_id`.

    Args:
        url: libpq URL of the server; empty: what the `PG*` variables say.
        query: Selects what `selected` says.
        columns: Their declarations.

    """
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - costs 50 ms that other commands need not pay

    # The driver takes an empty text for no URL at all; this one says as little, and libpq reads the variables.
    with dbapi.connect(url or "postgresql://") as connection, connection.cursor() as cursor:
        cursor.execute(query)
        for batch in cursor.fetch_record_batch():
            yield _frame(batch, columns)


def _frame(batch: pa.RecordBatch, columns: Sequence[Column]) -> pl.DataFrame:
    # The driver sends uuid as 16 bytes inside an extension type.
    plain = [c.storage if isinstance(c.type, pa.BaseExtensionType) else c for c in batch.columns]
    arrays = [
        _decimal(array, column.type) if column.type.kind == "decimal" else array
        for array, column in zip(plain, columns, strict=False)
    ]
    frame = pl.from_arrow(pa.table([*arrays, plain[-1]], names=[*(c.name for c in columns), ID]))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(type(frame).__name__)
    return frame.with_columns(pl.col(ID).cast(pl.Binary))


def _decimal(scaled: pa.Int64Array, logical: Logical) -> pa.Decimal128Array:
    """Return scaled integers as the decimals that they stand for: the same numbers, in 128 bits."""
    values = np.zeros((len(scaled), 2), np.int64)
    values[:, 0] = scaled.fill_null(0).to_numpy()
    values[:, 1] = values[:, 0] >> 63
    valid = scaled.is_valid().buffers()[1] if scaled.null_count else None
    kind = pa.decimal128(logical.precision, logical.scale)
    return pa.Array.from_buffers(kind, len(scaled), [valid, pa.py_buffer(values)], scaled.null_count)
