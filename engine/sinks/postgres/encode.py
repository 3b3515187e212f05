"""Columns to rows in the binary format of COPY, compiled; `engine.sinks.postgres.binary` prepares what it is told.

Format: PostgreSQL's documentation, COPY, "Binary Format": per row the number of fields as int16, per field its length
as int32 (-1: null) and its value as the type's send function writes it, all big-endian. `numeric` is `numeric_send` in
PostgreSQL's `numeric.c`: number of digits, weight of the first, sign, display scale, each 16 bits, then the digits in
base 10,000 without leading or trailing zero digits. Timestamps count microseconds, dates days, from 2000-01-01.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.compiled import compiled
from engine.memory import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a value is and how Arrow keeps it.
INT16, INT32, INT64, FLOAT, DATETIME, DATE, BOOL, TEXT, UUID, DECIMAL = range(10)

# The columns of a field's description.
KIND, VALUES, VALIDITY, OFFSET, DATA, SCALE, UNIT, FIELD_SIZE = range(8)

# Most bytes of a value with its length: 18 decimal digits touch at most 6 digits of base 10,000.
WIDEST = (6, 8, 12, 12, 12, 8, 5, 4, 20, 4 + 8 + 2 * 6)

_NULL = -1
_BASE = 10_000
_BASE_DIGITS = 4
_NEGATIVE = 0x4000
_EPOCH_MICROSECONDS = 946_684_800_000_000  # 2000-01-01 since 1970-01-01
_EPOCH_DAYS = 10_957


@compiled
def encode(fields: NDArray[np.int64], start: int, stop: int, out: NDArray[np.uint8]) -> int:
    """Write rows `start` to `stop` and return how many bytes they are.

    Args:
        fields: (fields, FIELD_SIZE): where the values are; addresses of Arrow buffers that the caller keeps alive.
        start: First row.
        stop: Row after the last.
        out: Has room for the widest rows.

    """
    at = 0
    for row in range(start, stop):
        at = _put(out, at, len(fields), 2)
        for field in fields:
            at = _value(field, row, out, at)
    return at


@compiled
def _value(field: NDArray[np.int64], row: int, out: NDArray[np.uint8], at: int) -> int:  # noqa: C901, PLR0911 - one case a type
    here = field[OFFSET] + row
    if field[VALIDITY] != 0:
        bits = elements(field[VALIDITY], (here >> 3) + 1, np.uint8)
        if not (bits[here >> 3] >> (here & 7)) & 1:
            return _put(out, at, _NULL, 4)
    kind, values = field[KIND], field[VALUES]
    if kind == DECIMAL:
        # The low 64 bits of a 128-bit little-endian number hold all of a value of at most 18 digits.
        return _numeric(elements(values, 2 * here + 1, np.int64)[2 * here], field[SCALE], field[UNIT], out, at)
    if kind == INT16:
        return _put(out, _put(out, at, 2, 4), elements(values, here + 1, np.int16)[here], 2)
    if kind == INT32:
        return _put(out, _put(out, at, 4, 4), elements(values, here + 1, np.int32)[here], 4)
    if kind == DATE:
        return _put(out, _put(out, at, 4, 4), elements(values, here + 1, np.int32)[here] - _EPOCH_DAYS, 4)
    if kind in (INT64, FLOAT):
        return _put(out, _put(out, at, 8, 4), elements(values, here + 1, np.int64)[here], 8)
    if kind == DATETIME:
        return _put(out, _put(out, at, 8, 4), elements(values, here + 1, np.int64)[here] - _EPOCH_MICROSECONDS, 8)
    if kind == BOOL:
        bit = (elements(values, (here >> 3) + 1, np.uint8)[here >> 3] >> (here & 7)) & 1
        return _put(out, _put(out, at, 1, 4), bit, 1)
    if kind == UUID:
        return _bytes(elements(values, 16 * (here + 1), np.uint8), 16 * here, 16 * (here + 1), out, at)
    ends = elements(values, here + 2, np.int64)
    return _bytes(elements(field[DATA], ends[here + 1], np.uint8), ends[here], ends[here + 1], out, at)


@compiled
def _put(out: NDArray[np.uint8], at: int, value: int, size: int) -> int:
    """Write the low `size` bytes of a number, big-endian."""
    for k in range(size):
        out[at + k] = (value >> (8 * (size - 1 - k))) & 0xFF
    return at + size


@compiled
def _bytes(data: NDArray[np.uint8], start: int, end: int, out: NDArray[np.uint8], at: int) -> int:
    at = _put(out, at, end - start, 4)
    for k in range(start, end):
        out[at + k - start] = data[k]
    return at + end - start


@compiled
def _numeric(value: int, scale: int, unit: int, out: NDArray[np.uint8], at: int) -> int:
    """Write `value / unit`, where `unit` is ten to the power of `scale`."""
    size = abs(value)
    whole = size // unit
    rest = size - whole * unit
    start = end = at + 4 + 8
    weight, power = -1, 1
    if whole:
        weight = 0
        while whole // power >= _BASE:
            weight += 1
            power *= _BASE
        while power:
            end = _put(out, end, whole // power % _BASE, 2)
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
            end = _put(out, end, digit, 2)
    while end > start and out[end - 1] == 0 and out[end - 2] == 0:
        end -= 2
    _put(out, at, end - at - 4, 4)
    _put(out, at + 4, (end - start) // 2, 2)
    _put(out, at + 6, weight if end > start else 0, 2)
    _put(out, at + 8, _NEGATIVE if value < 0 else 0, 2)
    _put(out, at + 10, scale, 2)
    return end
