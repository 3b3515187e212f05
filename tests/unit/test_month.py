"""Months and partitions."""

import datetime as dt

import pytest

from engine.errors import UsageError
from engine.month import Month, Partition


def test_a_month_reads_and_writes_iso() -> None:
    """`YYYY-MM` becomes a month and back."""
    month = Month.parse("2019-01")
    assert (month.year, month.month, str(month)) == (2019, 1, "2019-01")
    assert month.first_day == dt.date(2019, 1, 1)


@pytest.mark.parametrize("text", ["2019", "2019-1", "2019-13", "2019-00", "0000-01", "19-01", "2019-01-01", "", "x"])
def test_anything_else_is_refused(text: str) -> None:
    """A text that names no month is a usage error that says what is expected."""
    with pytest.raises(UsageError, match="is not a month") as caught:
        Month.parse(text)
    assert "YYYY-MM" in str(caught.value)


def test_a_range_crosses_years_and_includes_both_ends() -> None:
    """2019-11 through 2020-02 are four months."""
    assert [str(m) for m in Month(2019, 11).through(Month(2020, 2))] == ["2019-11", "2019-12", "2020-01", "2020-02"]
    assert list(Month(2020, 2).through(Month(2019, 11))) == []


def test_months_sort_by_time_and_partitions_print() -> None:
    """A later month is greater, and a partition says what it is."""
    assert Month(2019, 12) < Month(2020, 1)
    assert str(Partition("green", Month(2020, 5))) == "green 2020-05"
