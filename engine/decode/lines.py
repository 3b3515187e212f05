"""The form of single lines: where each begins and ends, whether it has the right number of fields, and what is wrong.

Quotes follow RFC 4180 strictly, on one line: a field is quoted as a whole or not at all, a quote inside is doubled, and
a line break inside quotes is a reject (one record is one line).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.compiled import compiled
from engine.decode.census import COMMA, LINE_FEED, LINE_LIMIT, QUOTE, RETURN

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOOD, BLANK, TOO_LONG, NUL, AFTER_QUOTE, STRAY_QUOTE, UNCLOSED, TOO_FEW, TOO_MANY, NOT_UTF8 = range(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Every line of a block, blank ones too; arrays of equal length.

    Attributes:
        starts: First byte of each line.
        ends: The byte after its last one, line end left out.
        codes: `GOOD`, `BLANK` or what is wrong first.
        found: How many fields it has, as far as its quotes make sense.

    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    codes: NDArray[np.uint8]
    found: NDArray[np.int64]


def survey(data: bytes, *, lines: int, fields: int, high: bool) -> Survey:
    """Look at each line of a block.

    Args:
        data: Whole lines; the last one may have no line end.
        lines: How many there are, by the census.
        fields: How many fields a line should have.
        high: Whether there are bytes beyond ASCII, which must be UTF-8.

    """
    view = np.frombuffer(data, np.uint8)
    starts, ends, found = (np.empty(lines, np.int64) for _ in range(3))
    codes, wide = np.empty(lines, np.uint8), np.zeros(lines, np.bool_)
    _survey(view, fields, starts, ends, codes, found, wide)
    if high:
        for i in np.flatnonzero(wide & (codes == GOOD)):
            try:
                data[starts[i] : ends[i]].decode("utf-8")
            except UnicodeDecodeError:
                codes[i] = NOT_UTF8
    return Survey(starts=starts, ends=ends, codes=codes, found=found)


def gather(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], *, line_ends: bool = True
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return chosen lines in a row, and where each begins and the last one ends.

    Line ends, if asked for, have a carriage return: the parser takes one away, which must not be one of the line's own.
    """
    offsets = np.zeros(starts.size + 1, np.int64)
    np.cumsum(ends - starts + (2 if line_ends else 0), out=offsets[1:])
    out = np.empty(int(offsets[-1]), np.uint8)
    _gather(np.frombuffer(data, np.uint8), starts, ends, offsets, out)
    return out, offsets


@compiled
def _gather(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, offsets: np.ndarray, out: np.ndarray) -> None:
    for i in range(starts.size):
        size = ends[i] - starts[i]
        out[offsets[i] : offsets[i] + size] = data[starts[i] : ends[i]]
        if offsets[i + 1] > offsets[i] + size:
            out[offsets[i] + size] = RETURN
            out[offsets[i] + size + 1] = LINE_FEED


@compiled
def _quoted(line: np.ndarray) -> tuple[int, int]:
    """Return what is wrong with the quotes of a line, and its separators outside of them."""
    size, separators, i = line.size, 0, 0
    while True:  # at the beginning of a field
        if i < size and line[i] == QUOTE:
            i += 1
            while i < size and not (line[i] == QUOTE and not (i + 1 < size and line[i + 1] == QUOTE)):
                i += 2 if line[i] == QUOTE else 1
            if i >= size:
                return UNCLOSED, separators
            i += 1
            if i < size and line[i] != COMMA:
                return AFTER_QUOTE, separators
        else:
            while i < size and line[i] != COMMA:
                if line[i] == QUOTE:
                    return STRAY_QUOTE, separators
                i += 1
        if i >= size:
            return GOOD, separators
        separators += 1
        i += 1


@compiled
def _form(line: np.ndarray, fields: int) -> tuple[int, int, bool]:
    """Return what is wrong with a line, how many fields it has, and whether it has bytes beyond ASCII."""
    size = line.size
    nul = wide = False
    separators = 0
    quote_at = -1
    for i in range(size):
        byte = line[i]
        nul |= byte == 0
        wide |= byte >> 7 == 1
        separators += byte == COMMA
        if byte == QUOTE and quote_at < 0:
            quote_at = i
    code = GOOD
    if quote_at >= 0:
        code, separators = _quoted(line)
    if size > LINE_LIMIT:
        code = TOO_LONG
    elif nul:
        code = NUL
    elif code == GOOD and separators != fields - 1:
        code = TOO_FEW if separators < fields - 1 else TOO_MANY
    return code, separators + 1, wide


@compiled
def _survey(
    data: np.ndarray,
    fields: int,
    starts: np.ndarray,
    ends: np.ndarray,
    codes: np.ndarray,
    found: np.ndarray,
    wide: np.ndarray,
) -> None:
    start = 0
    for i in range(starts.size):
        end = start
        while end < data.size and data[end] != LINE_FEED:
            end += 1
        following = end + 1
        if end > start and data[end - 1] == RETURN:
            end -= 1
        starts[i], ends[i] = start, end
        if end == start:
            codes[i], found[i] = BLANK, 0
        else:
            codes[i], found[i], wide[i] = _form(data[start:end], fields)
        start = following
