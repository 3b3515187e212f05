"""Trips as Arrow tables, with the names and the drifting types of the official Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from engine.sample.fields import times
from engine.sample.journeys import NULL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from engine.sample.fields import Lexicon
    from engine.sample.form import ParquetForm

_TYPES = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "timestamp": pa.timestamp("us"),
    "null": pa.null(),
}
# No contract's number of passengers, and no zone.
_TOO_LARGE = 70_000


def schema(form: ParquetForm) -> pa.Schema:
    """Return the file's schema."""
    return pa.schema([(name, _TYPES[kind]) for name, _, kind in form.columns])


def table(form: ParquetForm, trips: Mapping[str, npt.NDArray[Any]], lexicon: Lexicon) -> pa.Table:
    """Return the file's columns in the file's order."""
    arrays = [_array(field, trips[field], _TYPES[kind], lexicon) for _, field, kind in form.columns]
    return pa.Table.from_arrays(arrays, schema=schema(form))


def _array(field: str, numbers: npt.NDArray[Any], kind: pa.DataType, lexicon: Lexicon) -> pa.Array:
    if pa.types.is_null(kind):
        return pa.nulls(len(numbers))
    if pa.types.is_timestamp(kind):
        return times(numbers).to_arrow()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = lexicon.texts(field, numbers)
        texts = texts.dt.to_string("%Y-%m-%d %H:%M:%S") if texts.dtype != pl.String else texts
        return texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(kind)
    values = lexicon.doubles(field, numbers) if pa.types.is_floating(kind) else numbers
    return pa.array(values, mask=numbers == NULL).cast(kind)


def spoiled(whole: pa.Table, rows: npt.NDArray[np.int64], form: ParquetForm, bad: str) -> pa.Table:
    """Make rows bad: half a passenger, or as many as nobody can count where the file has whole numbers.

    Parquet has no short lines, and its types leave little room: no letters, and no other dates.

    Args:
        whole: As `table` made it.
        rows: Which rows.
        form: The form of the file.
        bad: The field that is made so.

    """
    place = next(at for at, (_, field, _) in enumerate(form.columns) if field == bad)
    column = whole.column(place).combine_chunks()
    values, absent = (
        column.fill_null(0).to_numpy(zero_copy_only=False).copy(),
        column.is_null().to_numpy(zero_copy_only=False),
    )
    fraction = pa.types.is_floating(column.type)
    values[rows] = np.abs(values[rows]) + 0.5 if fraction else _TOO_LARGE
    absent[rows] = False
    return whole.set_column(place, whole.field(place), pa.array(values, column.type, mask=absent))
