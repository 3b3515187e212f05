"""Frames as the bytes of a binary COPY, at about the speed of memory.

The driver for Arrow (ADBC) takes 1.8 s of a core for a million taxi rows, two thirds of it for `numeric`; this takes a
tenth (docs/decisions/0003). The values are read where Polars keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from engine.contract import ID
from engine.identity.arrays import id_bytes
from engine.sinks.postgres import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from engine.contract import Column

# COPY, "Binary Format": signature, flags, length of the extension; and the trailer.
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_ROWS_AT_ONCE = 1 << 13
_KINDS = {
    "float": encode.FLOAT,
    "datetime": encode.DATETIME,
    "date": encode.DATE,
    "bool": encode.BOOL,
    "text": encode.TEXT,
    "decimal": encode.DECIMAL,
}
_INTS = {16: encode.INT16, 32: encode.INT32, 64: encode.INT64}


def rows(frame: pl.DataFrame, columns: Sequence[Column | None]) -> Iterator[memoryview]:
    """Yield a frame's rows in pieces of some thousand, each piece valid until the next one is asked for.

    Args:
        frame: Has the columns, and `unique_row_id`.
        columns: The fields of a row in order; None stands for `unique_row_id`.

    """
    keep: list[object] = []
    fields = np.array([_field(frame, column, keep) for column in columns], np.int64)
    text = sum(_text_bytes(frame, column) for column in columns)
    widest = 2 + sum(encode.WIDEST[field[encode.KIND]] for field in fields)
    out = np.empty(min(_ROWS_AT_ONCE, len(frame)) * widest + text + encode.SLACK, np.uint8)
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        size = encode.encode(fields, start, min(start + _ROWS_AT_ONCE, len(frame)), out)
        yield out[:size].data


def _field(frame: pl.DataFrame, column: Column | None, keep: list[object]) -> NDArray[np.int64]:
    """Describe where one column's values are; `keep` holds the memory."""
    field = np.zeros(encode.FIELD_SIZE, np.int64)
    if column is None:
        ids = id_bytes(frame[ID])
        keep.append(ids)
        field[encode.KIND], field[encode.VALUES] = encode.UUID, ids.ctypes.data
        return field
    array = _array(frame[column.name])
    keep.append(array)
    validity, values, *data = array.buffers()
    kind = column.type.kind
    field[encode.KIND] = _INTS[column.type.bits] if kind == "int" else _KINDS[kind]
    field[encode.VALUES] = values.address
    field[encode.VALIDITY] = validity.address if array.null_count else 0
    field[encode.OFFSET] = array.offset
    field[encode.DATA] = data[0].address if data and data[0] is not None else 0
    field[encode.SCALE], field[encode.UNIT] = column.type.scale, 10**column.type.scale
    return field


def _array(series: pl.Series) -> pa.Array:
    """Return a column as one Arrow array, texts with 64-bit offsets."""
    array = series.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _text_bytes(frame: pl.DataFrame, column: Column | None) -> int:
    if column is None or column.type.kind != "text":
        return 0
    return int(frame[column.name].str.len_bytes().sum())
