"""Blocks in which every value stands in quotes (some eras of fhv): taken out of them, so that the fast path can parse.

A block is taken only where each field is one pair of quotes around bytes that are no quote, comma or line end; then the
quotes say nothing that the commas do not. What they did say is kept: an empty text in quotes is empty, not null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.compiled import compiled
from engine.decode.census import COMMA, LINE_FEED, QUOTE, RETURN
from engine.decode.fast import Parsed

if TYPE_CHECKING:
    from engine.decode.layout import CsvLayout


def removed(data: bytes) -> bytes | None:
    """Return the lines without quotes; None where some field is not quoted as a whole, or has more in its quotes.

    Args:
        data: Whole lines; the last one may have no line end.

    """
    out = np.empty(len(data), np.uint8)
    size = _remove(np.frombuffer(data, np.uint8), out)
    return None if size < 0 else out[:size].tobytes()


def with_empty_texts(parsed: Parsed, layout: CsvLayout) -> Parsed:
    """Return what was parsed without quotes as it would have been with them."""
    texts = [pl.col(c.name).fill_null("") for c in layout.parsed if c.type.kind == "text"]
    return Parsed(frame=parsed.frame.with_columns(texts), rounded=parsed.rounded)


@compiled
def _remove(data: np.ndarray, out: np.ndarray) -> int:
    size = data.size
    at = used = 0
    while at < size:
        if data[at] != QUOTE:
            return -1
        at += 1
        while at < size and data[at] != QUOTE:
            if data[at] == COMMA or data[at] == LINE_FEED or data[at] == RETURN:
                return -1
            out[used] = data[at]
            used += 1
            at += 1
        at += 1  # past the closing quote, if there is one
        if at > size:
            return -1
        if at < size and data[at] == RETURN:
            out[used] = RETURN
            used += 1
            at += 1
            if at < size and data[at] != LINE_FEED:
                return -1
        if at < size:
            if data[at] != COMMA and data[at] != LINE_FEED:
                return -1
            out[used] = data[at]
            used += 1
            at += 1
    return used
