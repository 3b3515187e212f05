"""What a file says of itself, matched or not: for whoever wants to see why a file is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.decode.header import fields_of, header_text, read_head
from engine.decode.magic import is_parquet
from engine.decode.parquet_footer import opened
from engine.month import Month

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.contract import Dataset, Form

# The first month of any taxi file; nobody asks for the era of an older one.
_FIRST = Month(2009, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """The head of a file.

    Attributes:
        form: Its format.
        names: Its column names, as they stand.
        stored: The type of each as the file stores it; empty for CSV.
        details: What is worth knowing of its form, in words.
        lines: The first few data lines of a CSV file as text.

    """

    form: Form
    names: tuple[str, ...]
    stored: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def peek(path: Path, name: str) -> Peek:
    """Read the head of a file.

    Args:
        path: The file.
        name: Its name as its users know it, for messages.

    Raises:
        BadInput: It is neither CSV nor Parquet, or is damaged.

    """
    if is_parquet(path, name):
        with opened(path, name) as file:
            schema, footer = file.schema_arrow, file.metadata
            details = (
                f"{footer.num_rows:,} rows in {footer.num_row_groups} row groups",
                f"written by {footer.created_by}",
            )
            return Peek(
                form="parquet", names=tuple(schema.names), stored=tuple(str(f.type) for f in schema), details=details
            )
    head = read_head(path, name)
    text = header_text(head.line, name)
    lines = tuple(row.rstrip(b"\r\n").decode("utf-8", "backslashreplace") for row in head.rows)
    names = tuple(fields_of(text))
    return Peek(form="csv", names=names, details=tuple(_details(head.end, head.row_end, names, lines)), lines=lines)


def _details(end: bytes, row_end: bytes, names: tuple[str, ...], lines: tuple[str, ...]) -> Iterator[str]:
    words = {b"\n": "LF", b"\r\n": "CRLF"}
    if lines:
        yield f"rows end in {words[row_end]}"
    if lines and end != row_end:
        blank = end.replace(b"\r\n", b"\n").count(b"\n") - 1
        first = "CRLF" if end.startswith(b"\r\n") else "LF"
        yield f"the header ends in {first}" + (f" and {blank} blank line{'s' if blank > 1 else ''}" if blank else "")
    counts = {len(fields_of(line)) for line in lines}
    if counts and counts != {len(names)}:
        yield f"{len(names)} names over {' or '.join(str(n) for n in sorted(counts))} fields"


def era_of(dataset: Dataset, month: Month, form: Form, *, last: Month) -> tuple[Month, Month]:
    """Return the first and the last month around one in which the contract expects the same of a file.

    Args:
        dataset: Whose contract counts.
        month: The month.
        form: The format of its files.
        last: How far to look ahead.

    """
    expected = _expected(dataset, month, form)
    begin = end = month
    while begin > _FIRST and _expected(dataset, before := begin.previous(), form) == expected:
        begin = before
    while end < last and _expected(dataset, after := end.next(), form) == expected:
        end = after
    return begin, end


def _expected(dataset: Dataset, month: Month, form: Form) -> object:
    columns = [
        (c.name, c.published_in(month, form), [alias.label for alias in c.dated if alias.holds(month, form)])
        for c in dataset.contract.published
    ]
    return columns, [dataset.contract.faults_of(month) if form == "csv" else ()]
