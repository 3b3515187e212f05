"""Values of good lines, as they are read from whole files, wherever blocks end."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.unit.decoded import GOOD, HEADER, LIMIT, Decoded

if TYPE_CHECKING:
    from pathlib import Path


def test_every_type_is_read(tmp_path: Path) -> None:
    """Values, types and order of the columns are those of the contract."""
    frame = Decoded(tmp_path, HEADER + GOOD).frame
    at = dt.datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001 - local wall-clock time
    assert frame.rows() == [(1, at, Decimal("9.50"), "N", 0.5, at.date(), True)]
    kinds = [pl.Int16(), pl.Datetime("us"), pl.Decimal(6, 2), pl.String(), pl.Float64(), pl.Date(), pl.Boolean()]
    assert frame.dtypes == kinds


def test_evolve_carries_text(tmp_path: Path) -> None:
    """An unknown column arrives as text."""
    content = HEADER.replace(b"\n", b",new\n") + GOOD.replace(b"\n", b",y\n")
    assert Decoded(tmp_path, content, unknown="evolve").frame["new"].to_list() == ["y"]


@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_blank_lines_line_ends_and_a_missing_last_one_are_fine(tmp_path: Path, end: bytes, block_bytes: int) -> None:
    """Blank lines are counted and numbered, and are no data."""
    row = GOOD.rstrip() + end
    content = HEADER + b"\r\n\n" + row + b"\n\r\n" + row.replace(b"1", b"x", 1) + end + row.rstrip()
    found = Decoded(tmp_path, content, block_bytes=block_bytes)
    assert (found.report.rows, found.report.blank, found.report.lines) == (2, 5, 3)
    assert found.rejects[0][0] == 7


def test_quoted_values_are_read_as_their_content(tmp_path: Path) -> None:
    """A wholly quoted line equals the plain one; commas and doubled quotes stay in texts."""
    quoted = b",".join(b'"' + v + b'"' for v in GOOD.rstrip().split(b",")) + b"\n"
    found = Decoded(tmp_path, HEADER + quoted + GOOD + GOOD.replace(b"N", b'"a,""b"""'))
    assert found.frame["flag"].to_list() == ["N", "N", 'a,"b"']
    assert found.frame.drop("flag").n_unique() == 1


def test_empty_is_null_and_quoted_empty_is_an_empty_text(tmp_path: Path) -> None:
    """Quotes tell the empty text from no text; for other types both are null."""
    found = Decoded(tmp_path, HEADER + b'1,,,,,,\n2,"","","","","",""\n')
    assert found.frame.rows() == [(1, *[None] * 6), (2, None, None, "", None, None, None)]


def test_whole_numbers_with_a_point_are_integers(tmp_path: Path) -> None:
    """`1.0` is 1, as pandas writes it once a column has an empty cell."""
    content = HEADER + GOOD.replace(b"1", b"1.0", 1) + GOOD.replace(b"1", b"-7.00", 1) + GOOD.replace(b"1", b"4e4.0", 1)
    found = Decoded(tmp_path, content)
    assert found.frame["n"].to_list() == [1, -7]
    assert found.rejects[0][:3] == (4, "n", "not an int16: '4e4.0'")


def test_money_is_rounded_to_the_cent_and_counted(tmp_path: Path) -> None:
    """A double that is only noisy is exact; one between two cents counts, and ties go to the even cent."""
    values = [b"8.9000000000000004", b"1.234", b"0.125", b"0.375", b"-.5", b"-0"]
    found = Decoded(tmp_path, HEADER + b"".join(GOOD.replace(b"9.50", v) for v in values))
    assert [str(v) for v in found.frame["fare"]] == ["8.90", "1.23", "0.12", "0.38", "-0.50", "0.00"]
    assert found.report.rounded == 3


@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
def test_rounded_values_of_rejects_do_not_count(tmp_path: Path, block_bytes: int) -> None:
    """Only values that are loaded are counted as rounded."""
    line = GOOD.replace(b"9.50", b"1.234")
    found = Decoded(tmp_path, HEADER + line + line.replace(b"true", b"yes"), block_bytes=block_bytes)
    assert found.report.rounded == 1


def test_strict_refuses_what_is_no_whole_cent(tmp_path: Path) -> None:
    """With `strict` a rounded value is a reject."""
    found = Decoded(tmp_path, HEADER + GOOD.replace(b"9.50", b"1.234") + GOOD, strict=True)
    assert [r[:3] for r in found.rejects] == [(2, "fare", "not a whole cent: '1.234'")]
    assert found.report.rounded == 0


@pytest.mark.parametrize("block_bytes", [1000, 1 << 20])
def test_a_line_at_the_limit_is_read(tmp_path: Path, block_bytes: int) -> None:
    """65,536 bytes without the line end are still a line."""
    long = GOOD.rstrip().replace(b"N", b"N" * (LIMIT - len(GOOD) + 2))
    assert len(long) == LIMIT
    found = Decoded(tmp_path, HEADER + long + b"\r\n" + GOOD, block_bytes=block_bytes)
    assert found.report.rows == 2
