"""Parquet months: types that drift conform, and values that cannot be are rejects."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from engine.errors import HeaderMismatch
from engine.month import Month
from tests.unit.parquet_months import MEANT, NOON, ROW, drained, written

if TYPE_CHECKING:
    from pathlib import Path

CONFORM = [
    ("n", pa.array([7], pa.int8()), 7),
    ("n", pa.array([7], pa.int32()), 7),
    ("n", pa.array([7], pa.uint64()), 7),
    ("n", pa.array([7.0], pa.float64()), 7),
    ("n", pa.array([7.0], pa.float32()), 7),
    ("n", pa.array([Decimal(7)], pa.decimal128(5, 0)), 7),
    ("n", pa.array([" 7 "], pa.string()), 7),
    ("n", pa.array(["7"], pa.string()).dictionary_encode(), 7),
    ("at", pa.array([NOON], pa.timestamp("s")), NOON),
    ("at", pa.array([NOON], pa.timestamp("ms")), NOON),
    ("at", pa.array([NOON], pa.timestamp("ns")), NOON),
    ("at", pa.array(["2019-01-02 12:00:00"], pa.large_string()), NOON),
    ("at", pa.nulls(1), None),
    ("fare", pa.array([9], pa.int64()), Decimal("9.00")),
    ("fare", pa.array([Decimal("9.500")], pa.decimal128(10, 3)), Decimal("9.50")),
    ("fare", pa.nulls(1), None),
    ("fare", pa.nulls(1, pa.large_string()), None),
    ("fare", pa.array([-0.0], pa.float64()), Decimal("0.00")),
    ("flag", pa.array(["Y"], pa.large_string()), "Y"),
    ("flag", pa.array(["Y"], pa.string()).dictionary_encode(), "Y"),
    ("flag", pa.array(["0"], pa.string()), "0"),
    ("flag", pa.array([1.0], pa.float64()), "Y"),
    ("flag", pa.array([0], pa.int64()), "N"),
    ("flag", pa.array([""], pa.string()), ""),
    ("flag", pa.nulls(1), None),
    ("miles", pa.array([2], pa.int64()), 2.0),
    ("miles", pa.array([1.5], pa.float32()), 1.5),
    ("day", pa.array(["2019-01-02"], pa.string()), NOON.date()),
    ("vendor", pa.array(["CMT"], pa.string()), 1),
    ("vendor", pa.array(["DDS"], pa.string()), None),
]


@pytest.mark.parametrize(("name", "stored", "meant"), CONFORM, ids=lambda v: str(getattr(v, "type", v)))
def test_types_that_drift_conform(name: str, stored: pa.Array, meant: object, tmp_path: Path) -> None:
    """However a column is stored, its value is the contract's, and the columns beside it are not touched."""
    frame, report = drained(written(tmp_path, ROW | {name: stored}))
    assert report.quarantined == 0
    expected = dict(zip(ROW, MEANT, strict=True)) | {name: meant}
    assert {key: frame[key][0] for key in ROW} == expected
    if name == "vendor":
        assert frame["vendor_code"].to_list() == ["DDS" if meant is None else None]


def test_texts_are_codes_in_their_months(tmp_path: Path) -> None:
    """A text that stood for another one does so in the months in which it did; a word for a number always does."""
    path = written(tmp_path, ROW | {"flag": pa.array(["0"]), "vendor": pa.array(["CMT"])})
    assert drained(path, month=Month(2010, 1))[0]["flag"].to_list() == ["N"]
    assert drained(path, month=Month(2010, 1))[0]["vendor"].to_list() == [1]


WRONG = [
    ("n", pa.array([NOON], pa.timestamp("us"))),
    ("n", pa.array([True])),
    ("at", pa.array([1], pa.int64())),
    ("at", pa.array([NOON], pa.timestamp("us", "America/New_York"))),
    ("at", pa.array([NOON.date()], pa.date32())),
    ("fare", pa.array(["9.50"], pa.string())),
    ("miles", pa.array(["1.5"], pa.string())),
    ("day", pa.array([NOON], pa.timestamp("us"))),
    ("ok", pa.array([1], pa.int64())),
    ("vendor_code", pa.array([1], pa.int64())),
    ("flag", pa.array([b"N"], pa.binary())),
    ("n", pa.array([[7]], pa.list_(pa.int64()))),
]


@pytest.mark.parametrize(("name", "stored"), WRONG, ids=lambda v: str(getattr(v, "type", v)))
def test_a_column_of_a_wrong_type_is_refused(name: str, stored: pa.Array, tmp_path: Path) -> None:
    """The error says which column, what it may be, and what it is; no row is read."""
    path = written(tmp_path, ROW | {name: stored})
    with pytest.raises(HeaderMismatch) as caught:
        drained(path)
    if name != "vendor_code":  # it comes from texts, and is no column of a file
        assert f"{name}, stored as" in caught.value.facts["found"]
        assert str(stored.type).split("<")[0] in caught.value.facts["found"]


BAD = [
    ("n", pa.array([1.5], pa.float64()), "not an int16: '1.5'"),
    ("n", pa.array([40_000], pa.int64()), "not an int16: '40000'"),
    ("n", pa.array([float("nan")], pa.float64()), "not an int16: 'NaN'"),
    ("n", pa.array([1e300], pa.float64()), "not an int16: '1e+300'"),
    ("n", pa.array([None], pa.int64()), "no value, and the column must have one"),
    ("n", pa.array(["x"], pa.string()), "not an int16: 'x'"),
    ("at", pa.array(["01/02/2019 1:00"], pa.string()), "expected %Y-%m-%d %H:%M:%S, found '01/02/2019 1:00'"),
    ("fare", pa.array([1e9], pa.float64()), "not a decimal(6,2): '1000000000.0'"),
    ("fare", pa.array([float("inf")], pa.float64()), "not a decimal(6,2): 'inf'"),
    ("miles", pa.array([float("nan")], pa.float64()), "not a finite number: 'NaN'"),
    ("flag", pa.array(["a\0b"], pa.string()), "a NUL byte"),
]


@pytest.mark.parametrize(("name", "stored", "reason"), BAD, ids=[reason for _, _, reason in BAD])
def test_a_value_that_cannot_be_is_a_reject(name: str, stored: pa.Array, reason: str, tmp_path: Path) -> None:
    """Its row goes to quarantine with its number, its column and its value; the rows around it are rows."""
    columns = {key: pa.chunked_array([value] * 3) for key, value in ROW.items()}
    good = ROW[name].cast(stored.type) if not pa.types.is_string(stored.type) or name == "flag" else None
    if good is None:
        good = pa.array(["2019-01-02 12:00:00" if name == "at" else "7"])
    columns[name] = pa.chunked_array([good, stored, good])
    frame, report = drained(written(tmp_path, columns))
    assert (frame.height, report.lines, report.quarantined) == (2, 3, 1)
    found = report.first_rejects[0]
    assert (found.line, found.column, found.reason) == (2, name, reason)
    assert found.raw.count(",") == len(ROW) - 1
    assert "\0" not in found.raw


def test_nanoseconds_that_are_no_microseconds_are_rejects(tmp_path: Path) -> None:
    """A time finer than the contract's is not cut."""
    stored = pa.array([1, 2_000], pa.int64()).cast(pa.timestamp("ns"))
    frame, report = drained(written(tmp_path, {k: pa.chunked_array([v] * 2) for k, v in ROW.items()} | {"at": stored}))
    assert frame["at"].to_list() == [dt.datetime(1970, 1, 1, 0, 0, 0, 2)]  # noqa: DTZ001 - wall clock
    assert "not a whole microsecond" in report.first_rejects[0].reason


def test_rounded_cents_are_counted_and_strict_refuses_them(tmp_path: Path) -> None:
    """The rule of money is the CSV's: 8.9000000000000004 is 8.90 and counts for nothing, 8.905 is rounded."""
    columns = {k: pa.chunked_array([v] * 3) for k, v in ROW.items()} | {
        "fare": pa.array([8.9000000000000004, 8.906, 1.0])
    }
    frame, report = drained(written(tmp_path, columns))
    assert (report.rounded, report.quarantined) == (1, 0)
    assert frame["fare"].to_list() == [Decimal("8.90"), Decimal("8.91"), Decimal("1.00")]
    frame, report = drained(written(tmp_path, columns), strict=True)
    assert (report.rounded, report.quarantined, frame.height) == (0, 1, 2)


def test_the_dictionary_counts_and_strict_obeys_it(tmp_path: Path) -> None:
    """A flag that nobody knows stays and is counted; under --strict its row is a reject."""
    columns = {k: pa.chunked_array([v] * 2) for k, v in ROW.items()} | {"flag": pa.array(["N", "*"])}
    _, report = drained(written(tmp_path, columns))
    assert (report.outside, report.quarantined) == ({"flag": 1}, 0)
    _, report = drained(written(tmp_path, columns), strict=True)
    assert report.first_rejects[0].reason == "not in the data dictionary: '*'"


def test_names_orders_and_later_columns_are_free(tmp_path: Path) -> None:
    """Columns come in any order and case, and a column of later months may be there early, as in files made anew."""
    columns = {name.upper(): ROW[name] for name in reversed(ROW)} | {"Fee": pa.nulls(1)}
    frame, _ = drained(written(tmp_path, columns))
    assert frame.columns == [*ROW, "vendor_code", "fee"] or set(frame.columns) == {*ROW, "fee"}
    assert tuple(frame[name][0] for name in ROW) == MEANT


def test_unknown_and_missing_columns_are_refused(tmp_path: Path) -> None:
    """A column that no era has, and one that this month must have, are named."""
    with pytest.raises(HeaderMismatch) as caught:
        drained(written(tmp_path, ROW | {"tip": pa.array([1])}))
    assert caught.value.facts["found"] == "tip"
    with pytest.raises(HeaderMismatch) as caught:
        drained(written(tmp_path, {k: v for k, v in ROW.items() if k != "fare"}))
    assert caught.value.facts["expected"] == "fare"
    with pytest.raises(HeaderMismatch) as caught:
        drained(written(tmp_path, ROW), month=Month(2025, 1))
    assert caught.value.facts["expected"] == "fee"


def test_many_row_groups_are_one_file(tmp_path: Path) -> None:
    """Rows come whole and in numbers that the footer confirms, however the file is cut."""
    rows = 200_001
    columns = {k: pa.chunked_array([v] * 1).combine_chunks().take(pa.array([0] * rows)) for k, v in ROW.items()}
    columns["n"] = pa.array([n % 1000 for n in range(rows)])
    for size in (1000, 70_000, rows):
        frame, report = drained(written(tmp_path, columns, row_group_size=size))
        assert (frame.height, report.lines, report.complete) == (rows, rows, True)
        assert frame["n"].to_list() == [n % 1000 for n in range(rows)]
