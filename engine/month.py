"""A month such as `2019-01`: with a dataset it names a partition, the unit of work and of atomicity."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORM = re.compile(r"(\d{4})-(\d{2})")
_MONTHS = 12


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, ordered by time."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (1 <= self.month <= _MONTHS and 1 <= self.year < dt.MAXYEAR):
            msg = f"{self.year:04d}-{self.month:02d} is not a month"
            raise UsageError(msg, facts={"expected": "YYYY-MM, for example 2019-01"})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `YYYY-MM`.

        Raises:
            UsageError: The text has another form or names no month.

        """
        if not (match := _FORM.fullmatch(text)):
            msg = f"{text!r} is not a month"
            raise UsageError(msg, facts={"expected": "YYYY-MM, for example 2019-01"})
        return cls(int(match[1]), int(match[2]))

    @property
    def first_day(self) -> dt.date:
        """The first of the month: the value of `source_month`."""
        return dt.date(self.year, self.month, 1)

    def next(self) -> Month:
        """Return the month after this one."""
        return Month(self.year + self.month // _MONTHS, self.month % _MONTHS + 1)

    def previous(self) -> Month:
        """Return the month before this one."""
        return Month(self.year - (self.month == 1), (self.month - 2) % _MONTHS + 1)

    def through(self, last: Month) -> Iterator[Month]:
        """Yield this month and each one after it up to and including `last`; nothing where `last` is earlier."""
        month = self
        while month <= last:
            yield month
            month = month.next()

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@dataclass(frozen=True, slots=True)
class Partition:
    """One dataset x one month: what is loaded whole or not at all."""

    dataset: str
    month: Month

    def __str__(self) -> str:
        return f"{self.dataset} {self.month}"
