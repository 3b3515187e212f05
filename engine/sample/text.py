"""Trips as lines of CSV, written as the TLC wrote them in the era of the month, CRLF at the end of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from engine.sample.fields import Lexicon
    from engine.sample.form import CsvForm

LINE_END = "\r\n"

_TIME = "%Y-%m-%d %H:%M:%S"
# A field with this text, and the comma before it, is taken out of the line again; the other becomes two fields.
_CUT, _SPLIT = "\x01", "\x02"
_LETTERS = ("two", "N/A", "1O", "12;5", "#REF!")
_WAYS = 4
# Bad rows have the right number of fields up to here where it says how many fields have no name.
_TELLING_ROWS = 20


def table(form: CsvForm, trips: Mapping[str, npt.NDArray[Any]], lexicon: Lexicon) -> pl.DataFrame:
    """Return the file's columns as texts and timestamps, in the file's order."""
    named = [lexicon.texts(field, trips[field]).alias(name) for name, field in form.columns]
    unnamed = [pl.Series(f"unnamed {number}", [None], dtype=pl.String) for number in range(form.unnamed_fields)]
    return pl.DataFrame([*named, *(one.new_from_index(0, len(named[0])) for one in unnamed)])


def spoiled(frame: pl.DataFrame, rows: npt.NDArray[np.int64], form: CsvForm, bad: str, *, first: bool) -> pl.DataFrame:
    """Make rows bad, in turn: letters in a number, a spreadsheet's date, too few fields, too many fields.

    Args:
        frame: As `table` made it.
        rows: Which rows.
        form: The form of the file.
        bad: The field that is no number in a bad row.
        first: Whether the file begins with this frame.

    """
    order = np.full(frame.height, -1)
    order[rows] = rows
    ways = np.where(order < 0, -1, order % _WAYS)
    if first and form.unnamed_fields:
        ways[:_TELLING_ROWS] = np.where(ways[:_TELLING_ROWS] > 1, 0, ways[:_TELLING_ROWS])
    way = pl.lit(pl.Series(ways))
    letters = pl.Series([_LETTERS[row % len(_LETTERS)] if row >= 0 else None for row in order.tolist()])
    names = {field: name for name, field in form.columns}
    number, time = names[bad], names["pickup"]
    changed = frame.with_columns(
        pl.when(way == 0).then(pl.lit(letters)).otherwise(pl.col(number)).alias(number),
        pl.when(way == 1)
        .then(pl.col(time).dt.to_string("%m/%d/%Y %-H:%M"))
        .otherwise(pl.col(time).dt.to_string(_TIME))
        .alias(time),
    )
    *_, before_last, last = changed.columns
    kept = pl.col(last) if changed[last].dtype == pl.String else pl.col(last).dt.to_string(_TIME)
    return changed.with_columns(
        pl.when(way == 2).then(pl.lit(_CUT)).otherwise(pl.col(before_last)).alias(before_last),  # noqa: PLR2004 - a way
        pl.when(way == 2)  # noqa: PLR2004 - a way
        .then(pl.lit(_CUT))
        .when(way == 3)  # noqa: PLR2004 - a way
        .then(pl.lit(f"2.5{_SPLIT}surplus"))
        .otherwise(kept)
        .alias(last),
    )


def lines(frame: pl.DataFrame, form: CsvForm) -> bytes:
    """Write the rows as CSV without a header."""
    text = frame.write_csv(
        include_header=False,
        line_terminator=LINE_END,
        quote_style="always" if form.quoted else "never",
        datetime_format=_TIME,
    )
    mark = '"' if form.quoted else ""
    return text.replace(f",{mark}{_CUT}{mark}", "").replace(_SPLIT, f"{mark},{mark}").encode()
