"""Texts of old files that stand for a later code: `VTS` is vendor 2.

A text that the contract maps becomes its value. One that it does not map is taken as the value itself where it is one,
else it stays as it stands, in a text column of its own: nothing is invented, and nothing is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from engine.contract import Codes, Column


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
