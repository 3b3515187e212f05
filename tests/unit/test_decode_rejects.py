"""Bad lines of whole files: each is one reject with line, column, reason and text, wherever blocks end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.decoded import GOOD, HEADER, LIMIT, ROW, Decoded, dataset

if TYPE_CHECKING:
    from pathlib import Path

BAD = {
    "text in an int": (ROW.replace("1", "abc", 1), "n", "not an int16: 'abc'"),
    "int out of range": (ROW.replace("1", "40000", 1), "n", "not an int16: '40000'"),
    "fraction in an int": (ROW.replace("1", "1.5", 1), "n", "not an int16: '1.5'"),
    "no value": (ROW.replace("1", "", 1), "n", "no value, and the column must have one"),
    "spreadsheet date": (
        ROW.replace("2020-01-02 03:04:05", "01/02/2020 3:04"),
        "at",
        "expected %Y-%m-%d %H:%M:%S, found '01/02/2020 3:04'",
    ),
    "no such day": (ROW.replace("2020-01-02,", "2020-02-30,"), "day", "expected %Y-%m-%d, found '2020-02-30'"),
    "text in a decimal": (ROW.replace("9.50", "free"), "fare", "not a decimal(6,2): 'free'"),
    "decimal too large": (ROW.replace("9.50", "10000"), "fare", "too large for decimal(6,2): '10000'"),
    "NaN in a decimal": (ROW.replace("9.50", "NaN"), "fare", "not a finite number: 'NaN'"),
    "infinite decimal": (ROW.replace("9.50", "-inf"), "fare", "not a finite number: '-inf'"),
    "NaN in a float": (ROW.replace(",.5,", ",NaN,"), "x", "not a finite number: 'NaN'"),
    "float out of range": (ROW.replace(",.5,", ",1e999,"), "x", "not a finite number: '1e999'"),
    "text in a float": (ROW.replace(",.5,", ",half,"), "x", "not a float64: 'half'"),
    "no bool": (ROW.replace("true", "yes"), "ok", "not a bool: 'yes'"),
    "two bad values": (ROW.replace("9.50", "free").replace("true", "yes"), "fare", "not a decimal(6,2): 'free'"),
    "too short": ("1,2020-01-02 03:04:05", None, "2 fields instead of 7"),
    "too long": (ROW + ",1,2", None, "9 fields instead of 7"),
    "NUL": (ROW.replace("N", "N\0"), None, "a NUL byte"),
    "text after a quote": (ROW.replace("N", '"N"x'), None, "text after a closing quote"),
    "quote within": (ROW.replace("N", 'N"x'), None, "a quote inside an unquoted value"),
    "open quote": (ROW.replace("N", '"N'), None, "a quote is not closed on its line"),
    "braces": (ROW.replace("1", "{}", 1), "n", "not an int16: '{}'"),
}


@pytest.mark.parametrize("block_bytes", [1, 100, 8 << 20])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_quarantined_with_line_column_reason_and_text(
    tmp_path: Path, name: str, block_bytes: int
) -> None:
    """Between good lines, wherever blocks end, one bad line becomes one reject."""
    line, column, reason = BAD[name]
    found = Decoded(tmp_path, HEADER + GOOD * 2 + line.encode() + b"\n" + GOOD, block_bytes=block_bytes)
    assert found.rejects == [(4, column, reason, line.replace("\0", r"\x00"))]
    assert found.report.rows == 3
    first = found.report.first_rejects
    assert [(r.line, r.column, r.reason) for r in first] == [(4, column, reason)]


def test_bytes_that_are_no_utf8_are_kept_as_escapes(tmp_path: Path) -> None:
    """A Latin-1 letter sends the line to quarantine with its bytes readable; proper UTF-8 beside it is fine."""
    content = HEADER + GOOD.replace(b"N", b"\xe9") + GOOD.replace(b"N", "é".encode())
    found = Decoded(tmp_path, content)
    assert found.rejects == [(2, None, "not UTF-8", ROW.replace("N", r"\xe9"))]
    assert found.frame["flag"].to_list() == ["é"]


def test_bytes_that_are_no_utf8_count_in_dropped_columns_too(tmp_path: Path) -> None:
    """A dropped field changes nothing about which lines are good."""
    content = HEADER.replace(b"\n", b",new\n") + GOOD.replace(b"\n", b",\xe9\n") + GOOD.replace(b"\n", b",y\n")
    found = Decoded(tmp_path, content, unknown="discard")
    assert [r[:3] for r in found.rejects] == [(2, None, "not UTF-8")]
    assert found.frame.columns == [c.name for c in dataset().contract.columns]


@pytest.mark.parametrize("bad", [b",y,z\n", b"\n"])
def test_lines_of_wrong_length_are_found_beside_dropped_columns(tmp_path: Path, bad: bytes) -> None:
    """Too long and too short lines that even out in number are both found."""
    content = HEADER.replace(b"\n", b",new\n") + GOOD.replace(b"\n", b",y\n") * 3
    other = b"\n" if bad != b"\n" else b",y,z\n"
    found = Decoded(tmp_path, content + GOOD.replace(b"\n", bad) + GOOD.replace(b"\n", other), unknown="discard")
    assert found.report.quarantined == 2


def test_short_and_long_lines_that_even_out_are_found(tmp_path: Path) -> None:
    """A missing comma here and one too many there leave the total right, and both lines are rejected."""
    short, long = GOOD.replace(b",N", b"N"), GOOD.replace(b"N", b"N,")
    found = Decoded(tmp_path, HEADER + GOOD + short + long + GOOD)
    assert [r[0] for r in found.rejects] == [3, 4]


@pytest.mark.parametrize("block_bytes", [1000, 1 << 20])
@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 2, 300_000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_over_the_limit_is_one_reject(tmp_path: Path, size: int, end: bytes, block_bytes: int) -> None:
    """However long it is and wherever blocks end, its beginning and its length are kept."""
    found = Decoded(tmp_path, HEADER + GOOD + b"x" * size + end + GOOD, block_bytes=block_bytes)
    assert found.rejects == [(3, None, f"line of {size} bytes is over the limit of {LIMIT}", "x" * LIMIT)]
    assert found.report.rows == 2


def test_no_rejects_leave_no_file(tmp_path: Path) -> None:
    """A clean month creates no quarantine."""
    Decoded(tmp_path, HEADER + GOOD)
    assert not (tmp_path / "rejects").exists()


def test_many_rejects_are_spooled_in_order(tmp_path: Path) -> None:
    """A file of bad lines only comes back line by line; the report shows the first five."""
    bad = GOOD.replace(b"1", b"x", 1)
    found = Decoded(tmp_path, HEADER + bad * 60_000, block_bytes=1 << 20)
    assert [r[0] for r in found.rejects] == list(range(2, 60_002))
    assert [r.line for r in found.report.first_rejects] == [2, 3, 4, 5, 6]
