"""Columns into message words: values as 8 big-endian bytes each, for a chunk of rows at a time.

A `field` is one row of an int64 matrix (`engine.identity.layout` makes it): where a column's values and validity bits
lie, how wide they are, and which words of the message they fill. Null values become zero bytes and set their null bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.compiled import compiled
from engine.memory import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    U32 = NDArray[np.uint32]
    I64 = NDArray[np.int64]
    Integers = NDArray[np.signedinteger[Any]]
    Whole = int | np.integer[Any]

# The columns of a field.
KIND, VALUES, STRIDE, OFFSET, VALID, WORD, NULL_WORD, NULL_MASK, BUFFERS = range(9)
FIELD_SIZE = 9

# How values are stored.
INT8, INT16, INT32, INT64, DECIMAL, FLOAT, BOOL, TEXT = range(8)

STRIDES = (1, 2, 4, 8, 16, 8, 1, 16)  # bytes from one value to the next; eight bools share one

VALUE_WORDS = 2
TEXT_WORDS = 4
_NEGATIVE_ZERO = np.int64(-(2**63))


@compiled
def swapped(word: Whole) -> np.uint32:
    """Return the low 32 bits of an integer with their bytes in opposite order."""
    x = np.uint32(word & 0xFFFFFFFF)
    outer = (x << np.uint32(24)) | (x >> np.uint32(24))
    inner = ((x & np.uint32(0xFF00)) << np.uint32(8)) | ((x >> np.uint32(8)) & np.uint32(0xFF00))
    return np.uint32(outer | inner)


@compiled
def fill_values(words: U32, field: I64, start: int, count: int) -> None:
    """Write rows `start` to `start + count` of a column that is no text.

    Args:
        words: (words, lanes) uint32, the message.
        field: Where the column lies and which words it fills.
        start: First row, counted from the field's offset.
        count: Rows, at most as many as there are lanes.

    """
    kind, address, first = field[KIND], field[VALUES], field[OFFSET] + start
    end = first + count
    high, low = words[field[WORD], :count], words[field[WORD] + 1, :count]
    if kind == INT16:
        fill_integers(high, low, elements(address, end, np.int16)[first:])
    elif kind == INT32:
        fill_integers(high, low, elements(address, end, np.int32)[first:])
    elif kind == INT64:
        fill_integers(high, low, elements(address, end, np.int64)[first:])
    elif kind == DECIMAL:
        _fill_decimals(high, low, elements(address, 2 * end, np.int64)[2 * first :])
    elif kind == FLOAT:
        _fill_floats(high, low, elements(address, end, np.int64)[first:])
    elif kind == INT8:
        fill_integers(high, low, elements(address, end, np.int8)[first:])
    elif kind == BOOL:
        _fill_bits(high, low, elements(address, (end + 7) >> 3, np.uint8), first)


@compiled
def fill_integers(high: U32, low: U32, values: Integers) -> None:
    """Write integers big-endian, as int64: one lane each in the rows of two words."""
    for lane in range(len(high)):
        value = np.int64(values[lane])
        high[lane] = swapped(value >> 32)
        low[lane] = swapped(value)


@compiled
def _fill_decimals(high: U32, low: U32, halves: I64) -> None:
    """Write the low half of 128 bits: 18 digits fit into it."""
    for lane in range(len(high)):
        value = halves[2 * lane]
        high[lane] = swapped(value >> 32)
        low[lane] = swapped(value)


@compiled
def _fill_floats(high: U32, low: U32, bits: I64) -> None:
    for lane in range(len(high)):
        value = bits[lane]
        value = np.int64(0) if value == _NEGATIVE_ZERO else value
        high[lane] = swapped(value >> 32)
        low[lane] = swapped(value)


@compiled
def _fill_bits(high: U32, low: U32, packed: NDArray[np.uint8], first: int) -> None:
    for lane in range(len(high)):
        at = first + lane
        high[lane] = np.uint32(0)
        low[lane] = swapped((packed[at >> 3] >> (at & 7)) & 1)


@compiled
def read_validity(kept: U32, field: I64, start: int, count: int) -> None:
    """Spread validity bits: all ones in `kept` where a row has a value, zero where it is null."""
    first = field[OFFSET] + start
    bits = elements(field[VALID], (first + count + 7) >> 3, np.uint8)
    for lane in range(count):
        at = first + lane
        kept[lane] = np.uint32(0) - np.uint32((bits[at >> 3] >> (at & 7)) & 1)


@compiled
def blank_nulls(words: U32, field: I64, kept: U32, width: int, count: int) -> None:
    """Zero `width` words of the rows that are null, and set their null bit."""
    for word in range(field[WORD], field[WORD] + width):
        for lane in range(count):
            words[word, lane] &= kept[lane]
    mask = np.uint32(field[NULL_MASK])
    null_word = field[NULL_WORD]
    for lane in range(count):
        words[null_word, lane] |= mask & ~kept[lane]
