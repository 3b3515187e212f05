"""Values as a Parquet file stores them, made what the contract says: exactly, or their row is bad.

One rule for CSV and Parquet: money is the nearest double in cents (`engine.decode.cents`), integers are whole whatever
they are stored as, times are local wall-clock microseconds. Nothing is clamped, and nothing is guessed: a time with a
zone, a text where a number should be, or a number where a text should be, is a file that the contract does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from engine.decode import cents, dtypes

if TYPE_CHECKING:
    from engine.contract import Column

_SHOWN = 80
# What can hold values of a type. Rate codes and times of 2009 and 2010 are stored as texts.
_HOLD = {
    "int": ("number", "text"),
    "float": ("number",),
    "decimal": ("number",),
    "datetime": ("local time", "text"),
    "date": ("date", "text"),
    "bool": ("bool",),
    "text": ("text",),
}
_NANOSECONDS = 1000


def possible(stored: pa.DataType, column: Column) -> bool:
    """Tell whether values of a stored type can be values of a parsed column."""
    kinds = pa.types
    if kinds.is_dictionary(stored):
        return possible(stored.value_type, column)
    found = {
        "null": kinds.is_null(stored),
        "number": kinds.is_integer(stored) or kinds.is_floating(stored) or kinds.is_decimal(stored),
        "text": kinds.is_string(stored) or kinds.is_large_string(stored) or kinds.is_string_view(stored),
        "local time": kinds.is_timestamp(stored) and stored.tz is None,
        "date": kinds.is_date(stored),
        "bool": kinds.is_boolean(stored),
    }
    wanted = {"null", *_HOLD[column.type.kind], *({"number"} if column.codes else ())}
    return any(there for kind, there in found.items() if kind in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformed:
    """One column of a batch.

    Attributes:
        series: Its values; null where one is bad.
        bad: Which are bad; None: none.
        reason: What is wrong with those, as a format with one `{}` for the value.
        rounded: Values that were further from what is stored than the tolerance.

    """

    series: pl.Series
    bad: pl.Series | None = None
    reason: str = ""
    rounded: int = 0


def conformed(stored: pl.Series, column: Column, *, strict: bool) -> Conformed:
    """Make a stored column what the contract says.

    Args:
        stored: As the file has it.
        column: The parsed column.
        strict: Whether a rounded decimal is bad.

    """
    kind = dtypes.dtype(column.type)
    if stored.null_count() == len(stored):
        return Conformed(series=pl.Series(column.name, [None], dtype=kind).new_from_index(0, len(stored)))
    match column.type.kind:
        case "decimal":
            return _decimal(stored, column, strict=strict)
        case "int":
            made = _integers(stored, kind)
            reason = f"not an {column.type}: '{{}}'"
        case "float":
            double = stored.cast(pl.Float64)
            made = double.set(~double.is_finite(), None) if not double.is_finite().all() else double
            reason = "not a finite number: '{}'"
        case "datetime" | "date":
            made = _times(stored, column)
            reason = f"expected {column.time_format}, found '{{}}'"
            if isinstance(stored.dtype, pl.Datetime):
                reason = "not a whole microsecond: '{}'"
        case "text":
            made = _texts(stored)
            reason = "a NUL byte"
        case _:
            made, reason = stored.cast(kind), "not a bool: '{}'"
    made = made.alias(column.name)
    if made.null_count() == stored.null_count():
        return Conformed(series=made)
    return Conformed(series=made, bad=made.is_null() & stored.is_not_null(), reason=reason)


def _integers(stored: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return whole numbers that fit; null for others."""
    if stored.dtype.is_integer():
        return stored if stored.dtype == kind else stored.cast(kind, strict=False)
    if stored.dtype in (pl.String, pl.Categorical):
        return stored.cast(pl.String).str.strip_chars(" ").cast(kind, strict=False)
    double = stored.cast(pl.Float64)
    whole = double.cast(pl.Int64, strict=False)
    changed = whole.cast(pl.Float64) != double
    whole = whole.set(changed, None) if changed.any() else whole
    return whole.cast(kind, strict=False)


def _decimal(stored: pl.Series, column: Column, *, strict: bool) -> Conformed:
    doubles = stored.cast(pl.Float64).alias(column.name)
    result = cents.scaled(doubles, column.type)
    if not result.refused and not (strict and result.rounded):
        return Conformed(series=result.series, rounded=result.rounded)
    codes = pl.Series(cents.verdicts(doubles, column.type))
    bad = codes.is_in([cents.TOO_LARGE, cents.NOT_FINITE, *([cents.ROUNDED] if strict else [])])
    series = result.series.to_frame().select(pl.when(~bad).then(pl.col(column.name))).to_series()
    rounded = 0 if strict else result.rounded
    return Conformed(series=series, bad=bad, reason=f"not a {column.type}: '{{}}'", rounded=rounded)


def _times(stored: pl.Series, column: Column) -> pl.Series:
    if stored.dtype in (pl.String, pl.Categorical):
        text = stored.cast(pl.String).str
        if column.type.kind == "date":
            return text.to_date(column.time_format, strict=False, cache=False)
        return text.to_datetime(column.time_format, time_unit="us", strict=False, cache=False)
    if stored.dtype == pl.Datetime("ns"):
        broken = stored.to_physical() % _NANOSECONDS != 0
        stored = stored.set(broken, None) if broken.any() else stored
    return stored.cast(dtypes.dtype(column.type))


def _texts(stored: pl.Series) -> pl.Series:
    """Return texts; numbers only where they are codes, written as whole ones are; null where a NUL byte is in one."""
    if stored.dtype.is_float():
        whole = stored.cast(pl.Int64, strict=False)
        text = pl.when(whole.cast(pl.Float64) == stored).then(whole.cast(pl.String)).otherwise(stored.cast(pl.String))
        return stored.to_frame().select(text.alias(stored.name)).to_series()
    text_series = stored.cast(pl.String)
    nul = text_series.str.contains("\0", literal=True)
    return text_series.set(nul.fill_null(value=False), None) if nul.any() else text_series


def shown(values: pl.Series) -> pl.Series:
    """Return stored values as people read them, cut where they are long."""
    return (
        values.cast(pl.String, strict=False)
        .fill_null("")
        .str.replace_all("\0", "\\x00", literal=True)
        .str.slice(0, _SHOWN)
    )
