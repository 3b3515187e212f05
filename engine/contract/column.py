"""A column: its canonical name and type, the names it had over the years, and which values the publisher knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.logical import Logical

if TYPE_CHECKING:
    from engine.month import Month

Form = Literal["csv", "parquet"]

# The three columns that the engine adds to every row, and the path key of the hive layout.
ID, FILENAME, SOURCE_MONTH = "unique_row_id", "filename", "source_month"
RESERVED = frozenset({ID, FILENAME, SOURCE_MONTH, "month"})


def normalised(header_name: str) -> str:
    """Return a header's name as aliases are compared: without quotes, outer spaces and case."""
    return header_name.strip().strip('"').strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Months from `since` to `until`, both included; None: from the beginning, to this day."""

    since: Month | None = None
    until: Month | None = None

    def covers(self, month: Month) -> bool:
        """Tell whether the month is one of them."""
        return (self.since is None or self.since <= month) and (self.until is None or month <= self.until)

    def meets(self, other: Span) -> bool:
        """Tell whether some month is in both."""
        apart = (self.until and other.since and self.until < other.since) or (
            other.until and self.since and other.until < self.since
        )
        return not apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A header name that a column has in some months only; there it counts before any other column's own name.

    Attributes:
        label: The name, `normalised`.
        span: The months.
        form: Files of this format only; None: of any.

    """

    label: str
    span: Span
    form: Form | None = None

    def holds(self, month: Month, form: Form) -> bool:
        """Tell whether files of that month and format use this name."""
        return self.span.covers(month) and self.form in (None, form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Texts of old files that stand for a later code.

    Attributes:
        values: Text in lower case -> the value of the column; texts are compared without case and outer spaces.
        rest: Text column that keeps what is no such text and no value of the column's type; empty for a text column,
            which keeps it itself.
        span: Months whose CSV files have texts. In Parquet the stored type tells.

    """

    values: tuple[tuple[str, int | str], ...]
    rest: str = ""
    span: Span = Span()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Values that the publisher's data dictionary knows; others are counted, and quarantined under `--strict`.

    Attributes:
        values: Single values.
        low: Lowest value of a range, or None.
        high: Highest value of it, or None.
        pattern: Regular expression that the whole of a text matches; empty: none.

    """

    values: tuple[int | str, ...] = ()
    low: int | None = None
    high: int | None = None
    pattern: str = ""

    def __str__(self) -> str:
        known = [str(value) for value in self.values]
        if self.low is not None or self.high is not None:
            known.append(f"{'' if self.low is None else self.low}..{'' if self.high is None else self.high}")
        return ", ".join([*known, *([self.pattern] if self.pattern else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a contract.

    Attributes:
        name: Canonical name, lower case.
        type: Its logical type.
        nullable: Whether a missing value is legal; where not, it sends the row to quarantine.
        aliases: Other header names, already `normalised`, in files of any month.
        dated: Header names of some months.
        since: First month whose files have it; None: from the beginning.
        until: Last month whose files have it; None: to this day.
        optional: Whether files of these months may lack it.
        parquet: Months whose Parquet files must have it, where they are others; None: the same.
        format: How dates and times are written, in strftime's words; empty: ISO 8601 with a space.
        codes: Texts of old files that stand for a code; None: there are none.
        allowed: What the data dictionary knows; None: it sets no limits.
        description: One line for people; becomes the column's comment in a database.

    """

    name: str
    type: Logical
    nullable: bool = True
    aliases: tuple[str, ...] = ()
    dated: tuple[Alias, ...] = ()
    since: Month | None = None
    until: Month | None = None
    optional: bool = False
    parquet: Span | None = None
    format: str = ""
    codes: Codes | None = None
    allowed: Allowed | None = None
    description: str = ""

    def published_in(self, month: Month, form: Form = "csv") -> bool:
        """Tell whether files of `month` are expected to have this column."""
        own = Span(since=self.since, until=self.until)
        return (self.parquet or own if form == "parquet" else own).covers(month)

    @property
    def time_format(self) -> str:
        """The strftime format of a date or a datetime."""
        return self.format or ("%Y-%m-%d" if self.type.kind == "date" else "%Y-%m-%d %H:%M:%S")


def carried(name: str) -> Column:
    """Return the column that holds what the contract does not name (policy `evolve`): text, as published."""
    return Column(name=name, type=Logical(kind="text"), description="Not in the contract; carried as published")


def is_name(text: str) -> bool:
    """Tell whether a text can name a dataset, a table or a column: lower case, as PostgreSQL folds unquoted names."""
    return re.fullmatch(r"[a-z_][a-z0-9_]{0,54}", text) is not None
