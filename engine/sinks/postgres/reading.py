"""Rows of a table back as frames of the contract's types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from engine.contract import ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.contract import Column


def stored_rows(url: str, query: str, columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
    """Yield what a query selects: the columns in this order, then `unique_row_id`.

    Args:
        url: libpq URL of the server.
        query: Selects exactly these columns.
        columns: Their declarations.

    """
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - costs 50 ms that other commands need not pay

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        for batch in cursor.fetch_record_batch():
            yield _frame(batch, columns)


def _frame(batch: pa.RecordBatch, columns: Sequence[Column]) -> pl.DataFrame:
    # The driver sends numeric as text and uuid as 16 bytes, each inside an extension type.
    plain = [c.storage if isinstance(c.type, pa.BaseExtensionType) else c for c in batch.columns]
    names = [*(c.name for c in columns), ID]
    frame = pl.from_arrow(pa.table(plain, names=names))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(type(frame).__name__)
    decimals = [c for c in columns if c.type.kind == "decimal"]
    return frame.with_columns(
        *(pl.col(c.name).cast(pl.Decimal(c.type.precision, c.type.scale)) for c in decimals),
        pl.col(ID).cast(pl.Binary),
    )
