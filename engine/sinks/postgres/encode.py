"""Columns to rows in the binary format of COPY, compiled; `engine.sinks.postgres.binary` prepares what it is told.

Format: PostgreSQL's documentation, COPY, "Binary Format": per row the number of fields as int16, per field its length
as int32 (-1: null) and its value as the type's send function writes it, all big-endian. `numeric` is `numeric_send` in
PostgreSQL's `numeric.c`: number of digits, weight of the first, sign, display scale, each 16 bits, then the digits in
base 10,000 without leading or trailing zero digits. Timestamps count microseconds, dates days, from 2000-01-01.

Everything is written as words of eight bytes, of which a value may need fewer: what follows overwrites the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.compiled import compiled
from engine.memory import elements, put_word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = int | np.integer[Any]

# What a value is and how Arrow keeps it.
INT16, INT32, INT64, FLOAT, DATETIME, DATE, BOOL, TEXT, UUID, DECIMAL = range(10)

# The columns of a field's description.
KIND, VALUES, VALIDITY, OFFSET, DATA, SCALE, UNIT, FIELD_SIZE = range(8)

# Most bytes of a value with its length: 18 decimal digits touch at most 6 digits of base 10,000.
WIDEST = (6, 8, 12, 12, 12, 8, 5, 4, 20, 4 + 8 + 2 * 6)
# Bytes after the last value that may be written, and mean nothing.
SLACK = 16

_NULL = 0xFFFF_FFFF
_BASE = 10_000
_BASE_DIGITS = 4
_CENTS = 100
_NEGATIVE = 0x4000
_EPOCH_MICROSECONDS = 946_684_800_000_000  # 2000-01-01 since 1970-01-01
_EPOCH_DAYS = 10_957


@compiled
def encode(fields: NDArray[np.int64], start: int, stop: int, out: NDArray[np.uint8]) -> Whole:
    """Write rows `start` to `stop` and return how many bytes they are.

    Args:
        fields: (fields, FIELD_SIZE): where the values are; addresses of Arrow buffers that the caller keeps alive.
        start: First row.
        stop: Row after the last.
        out: Has room for the widest rows and `SLACK` bytes more.

    """
    begin = np.int64(out.ctypes.data)
    at: Whole = begin
    for row in range(start, stop):
        at = _put(at, len(fields), 2)
        for k in range(len(fields)):
            at = _value(fields, k, row, at)
    return at - begin


@compiled
def _value(fields: NDArray[np.int64], k: int, row: int, at: Whole) -> Whole:  # noqa: C901, PLR0911 - one case a type
    here = fields[k, OFFSET] + row
    if fields[k, VALIDITY] != 0:
        bits = elements(fields[k, VALIDITY], (here >> 3) + 1, np.uint8)
        if not (bits[here >> 3] >> (here & 7)) & 1:
            return _put(at, _NULL, 4)
    kind, values = fields[k, KIND], fields[k, VALUES]
    if kind == DECIMAL:
        # The low 64 bits of a 128-bit little-endian number hold all of a value of at most 18 digits.
        value = elements(values, 2 * here + 1, np.int64)[2 * here]
        if fields[k, UNIT] == _CENTS and abs(value) < _CENTS * _BASE * _BASE:
            return _money(value, at)
        return _numeric(value, fields[k, SCALE], fields[k, UNIT], at)
    if kind == INT16:
        return _put(at, (2 << 16) | (np.int64(elements(values, here + 1, np.int16)[here]) & 0xFFFF), 6)
    if kind == INT32:
        return _put(_put(at, 4, 4), np.int64(elements(values, here + 1, np.int32)[here]), 4)
    if kind == DATE:
        return _put(_put(at, 4, 4), np.int64(elements(values, here + 1, np.int32)[here]) - _EPOCH_DAYS, 4)
    if kind in (INT64, FLOAT):
        return _put(_put(at, 8, 4), elements(values, here + 1, np.int64)[here], 8)
    if kind == DATETIME:
        return _put(_put(at, 8, 4), elements(values, here + 1, np.int64)[here] - _EPOCH_MICROSECONDS, 8)
    if kind == BOOL:
        bit = (elements(values, (here >> 3) + 1, np.uint8)[here >> 3] >> (here & 7)) & 1
        return _put(at, (1 << 8) | np.int64(bit), 5)
    if kind == UUID:
        return _bytes(values, 16 * here, 16 * (here + 1), at)
    ends = elements(values, here + 2, np.int64)
    return _bytes(fields[k, DATA], ends[here], ends[here + 1], at)


@compiled
def _put(at: Whole, value: Whole, size: int) -> Whole:
    """Write the low `size` bytes of a number, big-endian, at an address; return the address after them."""
    put_word(at, value << (64 - 8 * size))
    return at + size


@compiled
def _bytes(data: Whole, start: Whole, end: Whole, at: Whole) -> Whole:
    at = _put(at, end - start, 4)
    source, target = elements(data, end, np.uint8), elements(at, end - start, np.uint8)
    for k in range(end - start):
        target[k] = source[start + k]
    return at + end - start


@compiled
def _money(value: Whole, at: Whole) -> Whole:
    """Write hundredths below a hundred million units: one digit after the point, at most two before it."""
    size = -value if value < 0 else value
    whole = size // _CENTS
    high, low, rest = whole // _BASE, whole % _BASE, (size % _CENTS) * (_BASE // _CENTS)
    digits = (high << 32) | (low << 16) | rest
    weight, count = 1, 3
    if high == 0:
        digits, weight, count = digits << 16, 0, 2
        if low == 0:
            digits, weight, count = digits << 16, -1, 1
    # What is left stands at the upper end of 48 bits; trailing zero digits go.
    while count and (digits >> (16 * (3 - count))) & 0xFFFF == 0:
        count -= 1
    weight = weight if count else 0
    sign = _NEGATIVE if value < 0 else 0
    at = _put(at, ((8 + 2 * count) << 32) | (count << 16) | (weight & 0xFFFF), 8)
    at = _put(at, (sign << 16) | 2, 4)
    put_word(at, digits << 16)
    return at + 2 * count


@compiled
def _numeric(value: Whole, scale: Whole, unit: Whole, at: Whole) -> Whole:
    """Write `value / unit`, where `unit` is ten to the power of `scale`."""
    size = -value if value < 0 else value
    whole = size // unit
    rest = size - whole * unit
    start = end = at + 4 + 8
    weight, power, last = -1, 1, start
    if whole:
        weight = 0
        while whole // power >= _BASE:
            weight += 1
            power *= _BASE
        while power:
            digit = whole // power % _BASE
            end = _put(end, digit, 2)
            last = end if digit else last
            power //= _BASE
    left = unit
    while rest:
        # The last digit may lack decimal places, which are then zeros.
        digit = rest // (left // _BASE) if left >= _BASE else rest * (_BASE // left)
        rest = rest % (left // _BASE) if left >= _BASE else 0
        left //= _BASE
        if digit == 0 and end == start:
            weight -= 1
        else:
            end = _put(end, digit, 2)
            last = end if digit else last
    count = (last - start) // 2
    sign = _NEGATIVE if value < 0 else 0
    # The second word of the head reaches into the digits.
    first = elements(start, 4, np.uint8)
    reached = (np.int64(first[0]) << 24) | (np.int64(first[1]) << 16) | (np.int64(first[2]) << 8) | np.int64(first[3])
    _put(at, ((8 + 2 * count) << 32) | (count << 16) | ((weight if count else 0) & 0xFFFF), 8)
    _put(at + 8, (sign << 48) | (scale << 32) | reached, 8)
    return last
