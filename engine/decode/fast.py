"""Clean blocks: one typed parse, then times and decimals from what it read.

Either every line of a block becomes a row and every value is exactly as the careful path would have it, or the block is
handed back untouched. Datetimes never stand in the parser's schema: a fixed format afterwards is several times faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from engine.decode import dtypes
from engine.decode.cents import scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Column
    from engine.decode.layout import CsvLayout


def field_names(layout: CsvLayout) -> list[str]:
    """Return a unique name for each field: its column's, and one that no column can have where it is dropped."""
    return [c.name if c else f"-{i}" for i, c in enumerate(layout.fields)]


def unnamed(layout: CsvLayout) -> list[str]:
    """Return the names of the fields that must be empty, as `field_names` has them."""
    return field_names(layout)[len(layout.fields) - layout.unnamed :]


def read(
    data: bytes,
    layout: CsvLayout,
    *,
    quoted: bool = False,
    texts: bool = False,
    lenient: bool = False,
    only: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Parse lines that have one value for each field.

    Unless `only` says otherwise, dropped fields are parsed too: where Polars may leave fields out, it accepts lines
    that are too long without a word.

    Args:
        data: Whole lines.
        layout: What the fields are.
        quoted: Whether double quotes enclose values; otherwise they are bytes like others.
        texts: Read every field as text.
        lenient: Let a value that does not parse become null.
        only: The columns that matter, where every line is known to have the right number of fields.

    Raises:
        polars.exceptions.PolarsError: A value does not parse, or a line is too long.

    """
    names = field_names(layout)
    kinds = [pl.String() if texts else dtypes.read_dtype(c) for c in layout.fields]
    return pl.read_csv(
        data,
        has_header=False,
        schema=dict(zip(names, kinds, strict=True)),
        columns=None if only is None else sorted(names.index(name) for name in only),
        quote_char='"' if quoted else None,
        infer_schema_length=0,
        ignore_errors=lenient,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A block in the layout's parsed columns, and how many of its decimals were rounded."""

    frame: pl.DataFrame
    rounded: int


def parse(data: bytes, layout: CsvLayout, *, lines: int, strict: bool) -> Parsed | None:
    """Parse a block; None where anything in it needs a closer look.

    Args:
        data: Lines that the census found regular.
        layout: What the fields are.
        lines: How many lines it has.
        strict: Whether a rounded decimal needs a closer look.

    """
    try:
        frame = read(data, layout)
        if frame.height != lines or any(frame[name].null_count() < lines for name in unnamed(layout)):
            return None
        frame = frame.select(_typed(c) for c in layout.parsed)
    except pl.exceptions.PolarsError:
        return None
    decimals: list[pl.Series] = []
    rounded = 0
    for column in layout.parsed:
        series = frame[column.name]
        if not column.nullable and series.null_count():
            return None
        if column.type.kind == "float" and not series.is_finite().all():
            return None
        if column.type.kind == "decimal":
            result = scaled(series, column.type)
            if result.refused or (strict and result.rounded):
                return None
            rounded += result.rounded
            decimals.append(result.series)
    return Parsed(frame=frame.with_columns(decimals), rounded=rounded)


def _typed(column: Column) -> pl.Expr:
    return times(column, strict=True) if column.type.kind in ("datetime", "date") else pl.col(column.name)


def times(column: Column, *, strict: bool) -> pl.Expr:
    """Return the expression that turns a text column into its dates or datetimes."""
    text = pl.col(column.name).str
    if column.type.kind == "date":
        return text.to_date(column.time_format, strict=strict, cache=False)
    return text.to_datetime(column.time_format, time_unit="us", strict=strict, cache=False)
