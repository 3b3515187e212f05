"""Values that the publisher's data dictionary knows: others are legal and counted, bad only where one asks for it."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from engine.decode import codes
from engine.decode import dictionary_kernel as kernel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.contract import Allowed, Column

_LARGEST_SET = 1 << 16
REASON: Final = "not in the data dictionary: '{}'"


def speaks_of(column: Column) -> bool:
    """Tell whether there is anything that a value of this column can be outside of."""
    return column.allowed is not None or column.codes is not None


def unknown(values: pl.Series, column: Column) -> pl.Series:
    """Return for each value whether the dictionary does not know it; false for nulls.

    Args:
        values: A parsed column: texts where the column's file has texts for codes.
        column: The column as it is parsed.

    """
    return values.alias(column.name).to_frame().select(_unknown(column)).to_series()


def finds_unknown(frame: pl.DataFrame, columns: Sequence[Column]) -> bool:
    """Tell whether a frame of parsed columns has any such value."""
    tests = [_unknown(c).any().alias(c.name) for c in columns if speaks_of(c)]
    return bool(tests) and any(frame.select(tests).row(0))


def count(frame: pl.DataFrame, columns: Sequence[Column], into: dict[str, int]) -> None:
    """Add the number of such values of a frame of parsed columns, by column."""
    for column in columns:
        if speaks_of(column) and (number := _counted(frame[column.name], column)):
            into[column.name] = into.get(column.name, 0) + number


def _counted(values: pl.Series, column: Column) -> int:
    """Count unknown values: by a compiled pass where there is a small set of known ones, else by an expression."""
    allowed = column.allowed
    if allowed is None or column.codes is not None or allowed.pattern:
        return int(unknown(values, column).sum())
    texts = [v.encode() for v in allowed.values if isinstance(v, str)]
    if texts and all(len(text) <= kernel.INLINE_BYTES for text in texts):
        return kernel.count_texts(values, texts)
    numbers = [v for v in allowed.values if isinstance(v, int)]
    if allowed.low is not None and allowed.high is not None and allowed.high - allowed.low < _LARGEST_SET:
        numbers += range(allowed.low, allowed.high + 1)
    elif allowed.low is not None or allowed.high is not None:
        numbers = []
    if not numbers or max(numbers) - min(numbers) >= _LARGEST_SET:
        return int(unknown(values, column).sum())
    known = np.zeros(max(numbers) - min(numbers) + 1, np.bool_)
    known[np.array(numbers) - min(numbers)] = True
    return kernel.count_numbers(values, min(numbers), known)


def _unknown(column: Column) -> pl.Expr:
    value, text = pl.col(column.name), pl.col(column.name)
    outside: list[pl.Expr] = []
    if column.codes is not None:
        value = codes.value(column, column.codes)
        if column.codes.rest:
            outside.append(value.is_null() & text.is_not_null() & (text != ""))
    if column.allowed is not None:
        known = reduce(operator.or_, _known(value, column.allowed))
        outside.append(value.is_not_null() & ~known)
    return reduce(operator.or_, outside).fill_null(value=False)


def _known(value: pl.Expr, allowed: Allowed) -> Iterator[pl.Expr]:
    """Yield tests of which one is true for a known value; ranges compare many values at once, a set does not."""
    numbers = sorted(v for v in allowed.values if isinstance(v, int))
    for low, high in _runs(numbers):
        yield value.is_between(low, high)
    for text in (v for v in allowed.values if isinstance(v, str)):
        yield value == text
    if allowed.low is not None and allowed.high is not None:
        yield value.is_between(allowed.low, allowed.high)
    elif allowed.low is not None:
        yield value >= allowed.low
    elif allowed.high is not None:
        yield value <= allowed.high
    if allowed.pattern:
        yield value.str.contains(f"^(?:{allowed.pattern})$")


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of consecutive numbers."""
    begin = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            yield numbers[begin], numbers[at - 1]
            begin = at
