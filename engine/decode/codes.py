"""Texts of old files that stand for a later code: `VTS` is vendor 2.

A text that the contract maps becomes its value. One that it does not map is taken as the value itself where it is one,
else it stays as it stands, in a text column of its own: nothing is invented, and nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from engine.decode import dtypes

if TYPE_CHECKING:
    from engine.contract import Codes, Column
    from engine.decode.layout import Layout


def value(column: Column, codes: Codes) -> pl.Expr:
    """Return the expression for the value of a column's texts: null where a text is none.

    Args:
        column: The column as it is parsed, of texts.
        codes: Its codes.

    """
    text = pl.col(column.name)
    old, new = [key for key, _ in codes.values], [known for _, known in codes.values]
    key = text.str.strip_chars(" ").str.to_lowercase()
    if not codes.rest:
        return key.replace_strict(old, new, default=text, return_dtype=pl.String)
    mapped = key.replace_strict(old, new, default=None, return_dtype=pl.Int64)
    return pl.coalesce(mapped, key.cast(pl.Int64, strict=False))


def recoded(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Return a frame in the layout's columns.

    Args:
        frame: The layout's parsed columns.
        layout: Says which of them have codes.

    """
    if not layout.coded:
        return frame
    kinds = {c.name: dtypes.dtype(c.type) for c in layout.columns}
    made: list[pl.Expr] = []
    for column in layout.coded:
        if (codes := column.codes) is None:
            continue
        found = value(column, codes).cast(kinds[column.name], strict=False)
        made.append(found.alias(column.name))
        if codes.rest:
            text = pl.col(column.name)
            rest = pl.when(found.is_null() & (text != "")).then(text)
            made.append(rest.alias(codes.rest))
    return frame.with_columns(made).select(c.name for c in layout.columns)
