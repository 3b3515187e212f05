"""Blocks whose every value is written in the plainest way, parsed by compiled passes.

What it takes, it takes exactly as the general parser would: integers of at most 18 digits, decimals and floats of at
most 15 digits without an exponent, times as `2019-01-01 00:46:40`, texts as they stand. The first value that is written
in any other way hands the whole block back, untouched, to `engine.decode.fast`; so this is an optimisation and nothing
else. A float of at most 15 digits is one division of two exact doubles, hence correctly rounded (Clinger 1990, "How to
read floating point numbers accurately").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from engine.decode import plain_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.decode.layout import CsvLayout

_STORED = {16: np.int16, 32: np.int32, 64: np.int64}
_RETURN = 13
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
# So many rows at a time, so that where their fields end stays in the cache while column after column is read.
_ROWS_AT_ONCE = 1 << 13


def parse(data: bytes, layout: CsvLayout, *, lines: int) -> pl.DataFrame | None:
    """Parse a block into the layout's parsed columns; None where a value is not plain, or missing where it must not be.

    Args:
        data: Lines that the census found regular, UTF-8.
        layout: What the fields are.
        lines: How many lines it has.

    """
    if not data.endswith(b"\n") or not all(_readable(column) for column in layout.parsed):
        return None
    block, fields = np.frombuffer(data, np.uint8), len(layout.fields)
    ends = np.empty(lines * fields + 1, np.int32)
    if not plain_kernel.find_ends(block, ends, fields, lines):
        return None
    if layout.unnamed and not _empty(block, ends[: lines * fields].reshape(lines, fields), layout.unnamed):
        return None
    outputs = [_Output(column, field, fields, lines) for field, column in enumerate(layout.fields) if column]
    for first in range(0, lines, _ROWS_AT_ONCE):
        for output in outputs:
            if not output.read(block, ends, first, min(first + _ROWS_AT_ONCE, lines)):
                return None
    made = {output.column.name: output.series(data) for output in outputs}
    if any(not c.nullable and made[c.name].null_count() for c in layout.parsed):
        return None
    return pl.DataFrame([made[c.name] for c in layout.parsed])


def _empty(block: NDArray[np.uint8], ends: NDArray[np.int32], unnamed: int) -> bool:
    """Tell whether the last fields of all lines are empty; a carriage return before the line end is none of theirs."""
    gaps = np.diff(ends[:, -unnamed - 1 :], axis=1) - 1
    gaps[:, -1] -= (gaps[:, -1] == 1) & (block[ends[:, -1] - 1] == _RETURN)
    return not gaps.any()


def _readable(column: Column) -> bool:
    kind = column.type.kind
    return kind in ("int", "decimal", "float", "text") or (kind == "datetime" and column.time_format == _TIME_FORMAT)


class _Output:
    """One column of a block: where its fields are, and room for its values."""

    def __init__(self, column: Column, field: int, fields: int, lines: int) -> None:
        self.column = column
        self._field, self._fields = field, fields
        self._valid = np.empty(lines, np.uint8)
        kind = column.type.kind
        double = kind in ("decimal", "text")
        stored = _STORED[column.type.bits] if kind == "int" else np.float64 if kind == "float" else np.int64
        self._values = np.empty(2 * lines if double else lines, stored)

    def read(self, block: NDArray[np.uint8], ends: NDArray[np.int32], first: int, stop: int) -> bool:
        """Read some rows; False where one is not plain."""
        where = (block, ends, (self._field, self._fields, first, stop))
        into = (self._values, self._valid)
        logical = self.column.type
        match logical.kind:
            case "int":
                bound = 0 if logical.bits == 64 else 1 << (logical.bits - 1)  # noqa: PLR2004 - 18 digits always fit
                return plain_kernel.read_numbers(*where, -1, bound, *into)
            case "decimal":
                return plain_kernel.read_numbers(*where, logical.scale, 10**logical.precision, *into)
            case "float":
                return plain_kernel.read_floats(*where, *into)
            case "datetime":
                return plain_kernel.read_times(*where, *into)
            case _:
                return plain_kernel.read_texts(*where, *into)

    def series(self, data: bytes) -> pl.Series:
        """Return the column; texts stay in the block's own memory."""
        nulls = len(self._valid) - int(np.count_nonzero(self._valid))
        bits = pa.py_buffer(np.packbits(self._valid, bitorder="little")) if nulls else None
        buffers = [bits, pa.py_buffer(self._values)]
        logical = self.column.type
        match logical.kind:
            case "decimal":
                kind = pa.decimal128(logical.precision, logical.scale)
            case "datetime":
                kind = pa.timestamp("us")
            case "text":
                kind = pa.string_view()
                buffers.append(pa.py_buffer(data))
            case _:
                kind = pa.from_numpy_dtype(self._values.dtype)
        return pl.Series(self.column.name, pa.Array.from_buffers(kind, len(self._valid), buffers, nulls))
