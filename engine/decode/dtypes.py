"""The types that columns have in frames, and on their way there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from engine.contract import Column
    from engine.logical import Logical

_INTS = {16: pl.Int16(), 32: pl.Int32(), 64: pl.Int64()}
_FIXED: dict[str, pl.DataType] = {
    "float": pl.Float64(),
    "datetime": pl.Datetime("us"),
    "date": pl.Date(),
    "bool": pl.Boolean(),
    "text": pl.String(),
}


def dtype(kind: Logical) -> pl.DataType:
    """Return the type that a column has in a frame."""
    match kind.kind:
        case "int":
            return _INTS[kind.bits]
        case "decimal":
            return pl.Decimal(kind.precision, kind.scale)
        case other:
            return _FIXED[other]


def read_dtype(column: Column | None) -> pl.DataType:
    """Return the type that the CSV parser gives a field; a dropped one stays text."""
    if column is None or column.type.kind in ("datetime", "date", "text"):
        return pl.String()
    return pl.Float64() if column.type.kind == "decimal" else dtype(column.type)
