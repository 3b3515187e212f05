"""Trips as lines of CSV, written as the TLC writes them: `7`, `9.5`, `16.35`, `.60`, CRLF.

Numbers become text by looking them up in tables, one entry for each amount there can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from engine.sample.trips import MOST_CENTS, MOST_HUNDREDTHS, NULL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

LINE_END = "\r\n"

_TIMES = ("pickup", "dropoff")
_MONEY = ("fare", "extra", "tax", "tip", "tolls", "improvement", "total", "congestion")
# A field with this text, and the comma before it, is taken out of the line again.
_CUT = "\x01"
_MOST_NUMBER = 999
_LETTERS = ("two", "N/A", "1O", "12;5", "#REF!")
_WAYS = 4


@dataclass(frozen=True, slots=True)
class Tables:
    """The texts of all numbers; the first entry of each is the empty field."""

    numbers: pl.Series
    cents: pl.Series
    hundredths: pl.Series
    flags: pl.Series

    @classmethod
    def make(cls) -> Tables:
        """Compute them, once a file."""
        return cls(
            numbers=_texts([str(number) for number in range(_MOST_NUMBER + 1)]),
            cents=_texts([_money(cents) for cents in range(-MOST_CENTS, MOST_CENTS + 1)]),
            hundredths=_texts([_distance(number) for number in range(MOST_HUNDREDTHS + 1)]),
            flags=_texts(["N", "Y"]),
        )


def _texts(entries: list[str]) -> pl.Series:
    return pl.Series([None, *entries], dtype=pl.String)


def _money(cents: int) -> str:
    """Write dollars without needless zeros: `7`, `0.5`, `-16.35`."""
    whole, part = divmod(abs(cents), 100)
    return ("-" if cents < 0 else "") + (f"{whole}.{part:02d}".rstrip("0").rstrip("."))


def _distance(hundredths: int) -> str:
    """Write miles with two decimals and no leading zero: `1.50`, `.60`."""
    whole, part = divmod(hundredths, 100)
    return f"{whole or ''}.{part:02d}"


def table(columns: Sequence[tuple[str, str]], trips: Mapping[str, npt.NDArray[Any]], tables: Tables) -> pl.DataFrame:
    """Return the file's columns as texts and timestamps, in the file's order."""
    return pl.DataFrame([_column(field, trips[field], tables).alias(name) for name, field in columns])


def _column(field: str, values: npt.NDArray[Any], tables: Tables) -> pl.Series:
    if field in _TIMES:
        return pl.Series(values * 1_000_000, dtype=pl.Int64).cast(pl.Datetime("us"))
    if field in _MONEY:
        return _looked_up(tables.cents, values, MOST_CENTS)
    if field == "distance":
        return _looked_up(tables.hundredths, values, 0)
    return _looked_up(tables.flags if field == "flag" else tables.numbers, values, 0)


def _looked_up(texts: pl.Series, values: npt.NDArray[Any], offset: int) -> pl.Series:
    places = np.where(values == NULL, 0, np.clip(values, -offset, len(texts) - 2 - offset) + offset + 1)
    return texts.gather(pl.Series(places.astype(np.uint32)))


def spoiled(frame: pl.DataFrame, rows: npt.NDArray[np.int64], fields: Mapping[str, str]) -> pl.DataFrame:
    """Make rows bad, in turn: letters in a number, a spreadsheet's date, too few fields, too many fields.

    Args:
        frame: As `table` made it.
        rows: Which rows.
        fields: Field -> header name.

    """
    order = np.full(frame.height, -1)
    order[rows] = rows
    way = pl.lit(pl.Series(np.where(order < 0, -1, order % _WAYS)))
    letters = pl.Series([_LETTERS[row % len(_LETTERS)] if row >= 0 else None for row in order.tolist()])
    number, time = fields["passengers"], fields["pickup"]
    *_, before_last, last = frame.columns
    text = pl.col(time).dt.to_string("%Y-%m-%d %H:%M:%S")
    return frame.with_columns(
        pl.when(way == 0).then(pl.lit(letters)).otherwise(pl.col(number)).alias(number),
        pl.when(way == 1).then(pl.col(time).dt.to_string("%m/%d/%Y %-H:%M")).otherwise(text).alias(time),
        pl.when(way == 2).then(pl.lit(_CUT)).otherwise(pl.col(before_last)).alias(before_last),  # noqa: PLR2004 - a way
        pl.when(way == 2)  # noqa: PLR2004 - a way
        .then(pl.lit(_CUT))
        .when(way == 3)  # noqa: PLR2004 - a way
        .then(pl.lit("2.5,surplus"))
        .otherwise(pl.col(last))
        .alias(last),
    )


def lines(frame: pl.DataFrame) -> bytes:
    """Write the rows as CSV without a header."""
    text = frame.write_csv(
        include_header=False, line_terminator=LINE_END, quote_style="never", datetime_format="%Y-%m-%d %H:%M:%S"
    )
    return text.replace(f",{_CUT}", "").encode()
