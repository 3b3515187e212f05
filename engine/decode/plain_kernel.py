"""The compiled passes of `engine.decode.plain`: where values begin and end, then one column after the other.

Each pass refuses (returns False) at the first value that is not written in the plainest way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int32]
    Column = tuple[int, int, int, int]  # field, fields of a line, first row, row after the last

_COMMA, _LINE_FEED, _RETURN, _MINUS, _POINT, _ZERO, _DASH, _COLON, _SPACE = b",\n\r-.0-: "
_INT_DIGITS, _EXACT_DIGITS = 18, 15
_TIME_BYTES = 19
_INLINE = 12  # bytes of a text that a view holds itself (Arrow columnar format, "Variable-size Binary View Layout")
_POWERS = np.array([10**k for k in range(19)], np.int64)
_DOUBLES = np.array([10.0**k for k in range(19)], np.float64)  # exact: below 10^22
_MONTH_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334], np.int64)
_NO_TIME = 10**18
_DAYS_TO_1970 = 719_162  # from 0001-01-01, in the Gregorian calendar


@compiled
def find_ends(data: Bytes, ends: Places, fields: int, lines: int) -> bool:
    """Note where each field ends; True where every line has exactly `fields` of them.

    Args:
        data: Whole lines with `lines` line feeds and `lines * (fields - 1)` commas.
        ends: Room for one place more than there are fields in all.
        fields: Fields of a line.
        lines: Lines.

    """
    count = 0
    for at in range(data.size):  # without a branch: where a field ends cannot be predicted
        ends[count] = at
        count += (data[at] == _COMMA) | (data[at] == _LINE_FEED)
    for row in range(lines):
        if data[ends[row * fields + fields - 1]] != _LINE_FEED:
            return False
    return count == lines * fields


@compiled
def read_numbers(  # noqa: C901, PLR0912 - a call inside a kernel costs more than what it does
    data: Bytes, ends: Places, column: Column, scale: int, bound: int, out: NDArray[Any], valid: Bytes
) -> bool:
    """Read integers, or decimals as integers scaled by ten to the power of `scale`.

    Args:
        data: The block.
        ends: Where its fields end.
        column: Which values.
        scale: Most decimal places; -1: no decimal point at all.
        bound: Values are smaller than this and larger than its negative; 0: all are allowed.
        out: (rows,) integers or, of decimals, (2 * rows,): the low half first, then the sign, as Arrow has 128 bits.
        valid: 1 for each that is not null.

    """
    field, fields, first, stop = column
    most = _EXACT_DIGITS if scale >= 0 else _INT_DIGITS
    for row in range(first, stop):
        place = row * fields + field
        at = np.int64(ends[place - 1]) + 1 if place else np.int64(0)
        end = np.int64(ends[place])
        if field == fields - 1 and end > at and data[end - 1] == _RETURN:
            end -= 1
        valid[row] = at < end
        value = np.int64(0)
        if at < end:
            negative = data[at] == _MINUS
            if negative:
                at += 1
            digits, point = end - at, np.int64(-1)
            if digits > most + 1:
                return False
            while at < end:
                digit = np.int64(data[at]) - _ZERO
                if 0 <= digit <= 9:  # noqa: PLR2004 - a digit
                    value = value * 10 + digit
                elif data[at] == _POINT and point < 0 <= scale:
                    point = at
                    digits -= 1
                else:
                    return False
                at += 1
            places = end - point - 1 if point >= 0 else 0
            if not 0 < digits <= most or places > max(scale, 0) or point == end - 1:
                return False
            if scale > 0:
                value *= _POWERS[scale - places]
            if bound and value >= bound:
                return False
            if negative:
                value = -value
        if scale < 0:
            out[row] = value
        else:
            out[2 * row] = value
            out[2 * row + 1] = value >> 63
    return True


@compiled
def read_floats(  # noqa: C901 - as above
    data: Bytes, ends: Places, column: Column, out: NDArray[np.float64], valid: Bytes
) -> bool:
    """Read floats of at most 15 digits; arguments as for `read_numbers`."""
    field, fields, first, stop = column
    for row in range(first, stop):
        place = row * fields + field
        at = np.int64(ends[place - 1]) + 1 if place else np.int64(0)
        end = np.int64(ends[place])
        if field == fields - 1 and end > at and data[end - 1] == _RETURN:
            end -= 1
        valid[row] = at < end
        double = 0.0
        if at < end:
            negative = data[at] == _MINUS
            if negative:
                at += 1
            value, digits, point = np.int64(0), end - at, np.int64(-1)
            if digits > _EXACT_DIGITS + 1:
                return False
            while at < end:
                digit = np.int64(data[at]) - _ZERO
                if 0 <= digit <= 9:  # noqa: PLR2004 - a digit
                    value = value * 10 + digit
                elif data[at] == _POINT and point < 0:
                    point = at
                    digits -= 1
                else:
                    return False
                at += 1
            if not 0 < digits <= _EXACT_DIGITS or point == end - 1:
                return False
            double = value / _DOUBLES[end - point - 1] if point >= 0 else np.float64(value)
            if negative:
                double = -double
        out[row] = double
    return True


@compiled
def read_times(data: Bytes, ends: Places, column: Column, out: NDArray[np.int64], valid: Bytes) -> bool:
    """Read `YYYY-MM-DD HH:MM:SS` as microseconds since 1970-01-01; arguments as for `read_numbers`."""
    field, fields, first, stop = column
    for row in range(first, stop):
        place = row * fields + field
        at = np.int64(ends[place - 1]) + 1 if place else np.int64(0)
        end = np.int64(ends[place])
        if field == fields - 1 and end > at and data[end - 1] == _RETURN:
            end -= 1
        valid[row] = at < end
        out[row] = 0
        if at < end:
            if end - at != _TIME_BYTES:
                return False
            seconds = _seconds(data, at)
            if seconds == _NO_TIME:
                return False
            out[row] = seconds * 1_000_000
    return True


@compiled
def _seconds(data: Bytes, at: int | np.int64) -> int | np.int64:
    """Return seconds since 1970-01-01; 10^18 where 19 bytes are no time."""
    marks = (data[at + 4] == _DASH) & (data[at + 7] == _DASH) & (data[at + 10] == _SPACE)
    marks &= (data[at + 13] == _COLON) & (data[at + 16] == _COLON)
    year = 100 * _pair(data, at) + _pair(data, at + 2)
    month, day = _pair(data, at + 5), _pair(data, at + 8)
    hour, minute, second = _pair(data, at + 11), _pair(data, at + 14), _pair(data, at + 17)
    ranges = (1 <= year <= 9999) & (1 <= month <= 12) & (day >= 1)  # noqa: PLR2004 - a calendar
    ranges &= (0 <= hour < 24) & (0 <= minute < 60) & (0 <= second < 60)  # noqa: PLR2004 - a clock
    if not (marks and ranges):
        return _NO_TIME
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if day > _MONTH_DAYS[month - 1] + (leap and month == 2):  # noqa: PLR2004 - February
        return _NO_TIME
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 - _DAYS_TO_1970
    days += _DAYS_BEFORE[month - 1] + (leap and month > 2) + day - 1  # noqa: PLR2004 - after February
    return np.int64(((days * 24 + hour) * 60 + minute) * 60 + second)


@compiled
def _pair(data: Bytes, at: int | np.int64) -> np.int64:
    """Return two digits as a number; far below zero where they are none."""
    tens, ones = np.int64(data[at]) - _ZERO, np.int64(data[at + 1]) - _ZERO
    return np.int64(tens * 10 + ones if (0 <= tens <= 9) & (0 <= ones <= 9) else -100_000)  # noqa: PLR2004 - digits


@compiled
def read_texts(data: Bytes, ends: Places, column: Column, out: NDArray[np.int64], valid: Bytes) -> bool:
    """Write views of texts: length and first bytes or, of longer ones, the place in the block; never refuses."""
    field, fields, first, stop = column
    for row in range(first, stop):
        place = row * fields + field
        at = np.int64(ends[place - 1]) + 1 if place else np.int64(0)
        end = np.int64(ends[place])
        if field == fields - 1 and end > at and data[end - 1] == _RETURN:
            end -= 1
        valid[row] = at < end
        size = end - at
        low, high = size, np.int64(0)
        for i in range(4 if size > 4 else size):  # noqa: FURB136, PLR2004 - a view's prefix; types of min() are lost
            low |= np.int64(data[at + i]) << (32 + 8 * i)
        if size > _INLINE:
            high = at << 32
        else:
            for i in range(4, size):
                high |= np.int64(data[at + i]) << (8 * (i - 4))
        out[2 * row], out[2 * row + 1] = low, high
    return True
