"""Rows in the binary format of COPY, against the format written down in plain Python."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from engine.contract import ID, Column
from engine.logical import Logical
from engine.sinks.postgres import binary

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = 20_000  # more than one piece


def _encoded(values: Sequence[object], kind: str, dtype: pl.DataType) -> bytes:
    column = Column(name="value", type=Logical.parse(kind))
    frame = pl.DataFrame({"value": pl.Series(values, dtype=dtype)})
    return b"".join(bytes(piece) for piece in binary.rows(frame, [column]))


def _row(value: bytes | None) -> bytes:
    """Return a row of one field as COPY has it."""
    return struct.pack(">hi", 1, -1) if value is None else struct.pack(">hi", 1, len(value)) + value


def _numeric(cents: int, scale: int) -> bytes:
    """Return what `numeric_send` makes of `cents` / 10^scale."""
    whole, fraction = divmod(abs(cents), 10**scale)
    fraction *= 10 ** (-scale % 4)
    digits: list[int] = []
    for _ in range(-(-scale // 4)):
        fraction, digit = divmod(fraction, 10_000)
        digits.insert(0, digit)
    weight = -1
    while whole:
        whole, digit = divmod(whole, 10_000)
        digits.insert(0, digit)
        weight += 1
    while digits and digits[0] == 0:
        del digits[0]
        weight -= 1
    while digits and digits[-1] == 0:
        del digits[-1]
    head = struct.pack(">hhHh", len(digits), weight if digits else 0, 0x4000 if cents < 0 else 0, scale)
    return head + b"".join(struct.pack(">h", digit) for digit in digits)


@pytest.mark.parametrize(
    ("precision", "scale"), [(10, 2), (18, 2), (9, 0), (18, 1), (18, 4), (18, 5), (18, 8), (18, 17), (2, 2)]
)
def test_decimals_are_sent_as_numeric_send_does(precision: int, scale: int) -> None:
    """Every number of digits before and after the point, zeros inside and at the ends, both signs, and null."""
    most = 10**precision - 1
    random = np.random.default_rng(precision * 100 + scale)
    around = [10**k + step for k in range(precision) for step in (-1, 0, 1)]
    round_ones = [a * 10**k for k in range(precision) for a in (1, 5, 12, 3_0001)]
    drawn = [
        int(n) >> int(by) for n, by in zip(random.integers(0, most, ROWS), random.integers(0, 60, ROWS), strict=True)
    ]
    cents = [sign * n for n in (0, most, *around, *round_ones, *drawn) if n <= most for sign in (1, -1)]
    values = [Decimal(n).scaleb(-scale) for n in cents]
    sent = _encoded([*values, None], f"decimal({precision},{scale})", pl.Decimal(precision, scale))
    assert sent == b"".join([*(_row(_numeric(n, scale)) for n in cents), _row(None)])


@pytest.mark.parametrize(
    ("kind", "form", "dtype"), [("int16", ">h", pl.Int16()), ("int32", ">i", pl.Int32()), ("int64", ">q", pl.Int64())]
)
def test_integers_are_sent_as_they_are(kind: str, form: str, dtype: pl.DataType) -> None:
    """The least, the greatest, what lies around zero, and null."""
    bound = 1 << (8 * struct.calcsize(form) - 1)
    values = [0, 1, -1, 255, 256, -256, bound - 1, -bound]
    assert _encoded([*values, None], kind, dtype) == b"".join(
        [*(_row(struct.pack(form, n)) for n in values), _row(None)]
    )


def test_doubles_are_sent_bit_by_bit() -> None:
    """Signs of zero, the smallest and the largest."""
    values = [0.0, -0.0, 1.5, -1e300, 5e-324]
    assert _encoded(values, "float64", pl.Float64()) == b"".join(_row(struct.pack(">d", n)) for n in values)


def test_times_count_from_2000() -> None:
    """Microseconds of datetimes and days of dates, before the epoch too."""
    start = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - wall-clock times, as the column has them
    times = [start, start - dt.timedelta(days=11_000, microseconds=1), start + dt.timedelta(days=6_940, seconds=2_800)]
    micro = [(t - start) // dt.timedelta(microseconds=1) for t in times]
    assert _encoded(times, "datetime", pl.Datetime("us")) == b"".join(_row(struct.pack(">q", n)) for n in micro)
    dates = [dt.date(2000, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)]
    days = [(d - dt.date(2000, 1, 1)).days for d in dates]
    assert _encoded(dates, "date", pl.Date()) == b"".join(_row(struct.pack(">i", n)) for n in days)


def test_texts_and_flags_follow_one_another_without_gaps() -> None:
    """Texts of any length, empty and beyond ASCII, and bits."""
    texts = ["", "N", "ä" * 40, "x" * 70_000, None, "last"]
    assert _encoded(texts, "text", pl.String()) == b"".join(_row(None if t is None else t.encode()) for t in texts)
    flags = [True, False, None, True]
    assert _encoded(flags, "bool", pl.Boolean()) == b"".join(_row(None if b is None else bytes([b])) for b in flags)


def test_fields_of_a_row_stand_side_by_side() -> None:
    """The bytes that a value leaves behind it are the next one's; pieces end where rows do."""
    ids = np.random.default_rng(1).integers(0, 256, (ROWS, 16), np.uint8)
    frame = pl.DataFrame({"a": np.arange(ROWS, dtype=np.int16), ID: [bytes(row) for row in ids], "b": ["yes"] * ROWS})
    columns = [None, Column(name="a", type=Logical.parse("int16")), Column(name="b", type=Logical.parse("text"))]
    sent = b"".join(bytes(piece) for piece in binary.rows(frame[1:], columns))
    rows = [
        struct.pack(">hi", 3, 16) + bytes(ids[n]) + struct.pack(">ih", 2, n) + struct.pack(">i", 3) + b"yes"
        for n in range(1, ROWS)
    ]
    assert sent == b"".join(rows)
