"""What a file's own head says of its columns: all that the rest of the decode step and the sinks need to know of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from engine.contract import RESERVED, Column, Form, carried, is_name
from engine.errors import HeaderMismatch
from engine.logical import Logical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Dataset
    from engine.month import Month

_TEXT = Logical(kind="text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one file maps to columns.

    Attributes:
        name: The file's name, for messages.
        form: Its format.
        columns: The columns of its rows: the contract's in the contract's order, then the carried unknown ones by name.
        parsed: The same as the parser makes them: a column whose file has texts for codes is text, and what keeps the
            rest of its texts is not there yet (`engine.decode.recode`).

    """

    name: str
    form: Form
    columns: tuple[Column, ...]
    parsed: tuple[Column, ...]

    @property
    def coded(self) -> tuple[Column, ...]:
        """The parsed columns whose texts stand for codes."""
        return tuple(c for c in self.parsed if c.codes is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvLayout(Layout):
    """How the fields of a CSV file map to columns.

    Attributes:
        fields: For each field of a line its parsed column; None where it is dropped.
        unnamed: Fields at the end of every line that have no name and must be empty.
        header: The first line as text, without byte order mark and line end.
        header_bytes: Bytes before line 2, decompressed.
        line_end: How the first line ends. Other lines may end in the other way.
        compressed: Whether the file is gzip.

    """

    fields: tuple[Column | None, ...]
    unnamed: int = 0
    header: str
    header_bytes: int
    line_end: Literal["\n", "\r\n"]
    compressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetLayout(Layout):
    """How the columns of a Parquet file map to columns.

    Attributes:
        sources: For each parsed column its name in the file.
        stored: For each parsed column the file's type of it, for people.
        rows: Rows, by the footer.
        row_groups: Row groups.

    """

    sources: tuple[str, ...]
    stored: tuple[str, ...]
    rows: int
    row_groups: int


def as_text(column: Column) -> Column:
    """Return a coded column as it is parsed where the file has texts."""
    return replace(column, type=_TEXT)


def as_stored(column: Column) -> Column:
    """Return a column of a file that has its values and no texts for codes."""
    return replace(column, codes=None) if column.codes else column


def columns_of(parsed: Sequence[Column], dataset: Dataset) -> tuple[Column, ...]:
    """Return the columns that rows have once texts have become codes: the contract's, then others by name."""
    names = {c.name for c in parsed} | {c.codes.rest for c in parsed if c.codes}
    known = {c.name for c in dataset.contract.columns}
    extras = sorted((c for c in parsed if c.name not in known), key=lambda c: c.name)
    return (*(c for c in dataset.contract.columns if c.name in names), *extras)


def in_order(parsed: Sequence[Column], dataset: Dataset) -> tuple[Column, ...]:
    """Return parsed columns in the contract's order, then others by name."""
    order = {c.name: at for at, c in enumerate(dataset.contract.columns)}
    return tuple(sorted(parsed, key=lambda c: (order.get(c.name, len(order)), c.name)))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Makes the error for a file that does not match; knows dataset, month and where in the file names stand."""

    dataset: Dataset
    month: Month
    place: str

    def __call__(self, position: int, expected: str, found: str, advice: str) -> HeaderMismatch:
        """Return the error.

        Args:
            position: Of the column, from 1; 0: of no one column.
            expected: What would do.
            found: What is there.
            advice: What to do about it in the dataset's file.

        """
        command = f"engine ingest {self.dataset.name} {self.month}"
        return HeaderMismatch(
            f"{self.dataset.name} {self.month} does not match its contract",
            facts={
                "file": self.place + (f", column {position}" if position else ""),
                "expected": expected,
                "found": found,
            },
            next_step=f"{advice} in {self.dataset.defined_in}, then run\n{command}",
        )


def labels(dataset: Dataset, month: Month, form: Form) -> dict[str, Column]:
    """Return the columns by every name that they may have in files of that month; a dated name goes before others.

    In CSV only columns of that month count: whoever adds one to an old file has another file. In Parquet any does,
    since official files were made anew over the years with the columns of later ones.
    """
    there = [c for c in dataset.contract.published if form == "parquet" or c.published_in(month)]
    found = {label: c for c in there for label in (c.name, *c.aliases)}
    found |= {alias.label: c for c in there for alias in c.dated if alias.holds(month, form)}
    return found


def matched(
    names: Sequence[str], dataset: Dataset, month: Month, form: Form, mismatch: Mismatch
) -> list[Column | None]:
    """Return for each name of a file its column as the contract has it; None where the policy drops it.

    Args:
        names: The names, `normalised`.
        dataset: Whose contract counts.
        month: The file's month.
        form: Its format.
        mismatch: Makes the error.

    Raises:
        HeaderMismatch: A name is not known, stands twice, or one that must be there is missing.

    """
    by_label = labels(dataset, month, form)
    there = {by_label[name].name for name in names if name in by_label}
    missing = _missing(there, dataset, month, form)
    seen: set[str] = set()
    found: list[Column | None] = []
    for position, label in enumerate(names, 1):
        column = by_label.get(label)
        if column is None:
            if dataset.contract.policy.unknown == "freeze":
                expected = ", ".join(missing) or "no column that the contract does not name"
                raise mismatch(position, expected, label or "an empty name", "declare the column")
            column = _extra(label, dataset, mismatch, position)
        if column is not None and column.name in seen:
            raise mismatch(position, "each column once", f"{label} again", "rename one of the two columns")
        seen.add(column.name if column else "")
        found.append(column)
    if missing:
        words = f"{len(names)} columns, none of that name"
        raise mismatch(0, ", ".join(missing), words, "declare the column's other name (aliases) or last month (until)")
    return found


def _missing(there: set[str], dataset: Dataset, month: Month, form: Form) -> list[str]:
    """Return the columns that a file must have and has not.

    A Parquet file is complete as official ones are, or as the CSV of its month is: somebody converted that.
    """
    forms: tuple[Form, ...] = ("parquet", "csv") if form == "parquet" else ("csv",)
    lists = [
        [
            c.name
            for c in dataset.contract.published
            if c.published_in(month, f) and not c.optional and c.name not in there
        ]
        for f in forms
    ]
    return lists[0] if all(lists) else []


def _extra(label: str, dataset: Dataset, mismatch: Mismatch, position: int) -> Column | None:
    """Return the text column that carries an unknown field; None where the policy drops it."""
    if dataset.contract.policy.unknown == "discard":
        return None
    name = re.sub(r"[^a-z0-9]+", "_", label).strip("_")
    taken = RESERVED | {c.name for c in dataset.contract.columns}
    if not is_name(name) or name in taken or name.startswith("_engine"):
        expected = "a name that can be a column's and is not taken"
        raise mismatch(position, expected, label or "an empty name", "declare the column")
    return carried(name)
