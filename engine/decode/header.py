"""The head of a CSV file, matched against the contract of its month, before anything else is read.

What is no CSV at all (a web page, a zip) is told apart by its bytes (`engine.decode.magic`). Faults of form are
accepted in the months in which they are known, exactly as they are known, and nowhere else.
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.contract import normalised
from engine.decode.layout import CsvLayout, Mismatch, as_stored, as_text, columns_of, in_order, matched
from engine.decode.magic import BOM, refuse_foreign
from engine.decode.stream import Stream
from engine.errors import BadInput, EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from engine.contract import Column, Dataset, Fault
    from engine.month import Month

_LIMIT = 1 << 16
# So many rows are enough to tell what every row has from what one has.
_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of a CSV file.

    Attributes:
        line: The first line with byte order mark and line end.
        blank: The blank lines after it, byte by byte.
        rows: The first few whole lines after those, with their ends.
        more: Whether anything but blank lines follows the header.
        compressed: Whether the file is gzip.

    """

    line: bytes
    blank: bytes
    rows: tuple[bytes, ...]
    more: bool
    compressed: bool

    @property
    def end(self) -> bytes:
        """What stands between the last name and the first row."""
        return self.line[len(self.line.rstrip(b"\r\n")) :] + self.blank

    @property
    def row_end(self) -> bytes:
        """How rows end; as the header does where no whole row is there."""
        ends = [b"\r\n" if row.endswith(b"\r\n") else b"\n" for row in self.rows]
        return ends[0] if ends else self.end


def read_header(path: Path, dataset: Dataset, month: Month, *, name: str) -> CsvLayout:
    """Read the header of a CSV file and match it.

    Args:
        path: A CSV file, plain or gzip.
        dataset: The dataset whose contract counts.
        month: The file's month: columns not published in it count as unknown.
        name: The file's name as its users know it, for messages.

    Raises:
        BadInput: The file is no CSV, is empty or has no line after its header.
        HeaderMismatch: The header does not agree with the contract.

    """
    try:
        head = read_head(path, name)
    except EngineError as error:
        raise error.within(file=name) from error.__cause__
    text = header_text(head.line, name)
    if not head.more:
        message = "the file has a header and no data"
        raise BadInput(message, facts={"file": name, "header": text[:200]})
    mismatch = Mismatch(dataset, month, f"{name}, line 1")
    names = fields_of(text, spaced=True)
    found = matched([normalised(n) for n in names], dataset, month, "csv", mismatch)
    unnamed = (
        _faults(head, text.split(","), dataset.contract.faults_of(month), mismatch) if dataset.contract.faults else 0
    )
    fields = [c if c is None else _parsed(c, month) for c in found]
    parsed = in_order([c for c in fields if c], dataset)
    return CsvLayout(
        name=name,
        form="csv",
        columns=columns_of(parsed, dataset),
        parsed=parsed,
        fields=(*fields, *itertools.repeat(None, unnamed)),
        unnamed=unnamed,
        header=text,
        header_bytes=len(head.line),
        line_end="\r\n" if head.line.endswith(b"\r\n") else "\n",
        compressed=head.compressed,
    )


def fields_of(line: str, *, spaced: bool = False) -> list[str]:
    """Return the fields of a line; where its quotes or carriage returns make no sense, what stands between commas.

    Args:
        line: Without its end.
        spaced: Whether spaces after commas are none of the fields'.

    """
    try:
        return next(csv.reader([line], skipinitialspace=spaced), [])
    except csv.Error:
        return line.split(",")


def _parsed(column: Column, month: Month) -> Column:
    if column.codes is None:
        return column
    return as_text(column) if column.codes.span.covers(month) else as_stored(column)


def read_head(path: Path, name: str) -> Head:
    """Read the beginning of a CSV file.

    Raises:
        BadInput: It is no CSV, or empty.

    """
    with Stream(path) as stream:
        data = b""
        while b"\n" not in data and len(data) <= _LIMIT and (piece := stream.read(_LIMIT)):
            data += piece
        refuse_foreign(data, name)
        end = data.find(b"\n") + 1
        if not end and len(data) > _LIMIT:
            message = "the first line has no end: this is no CSV"
            raise BadInput(message, facts={"file": name, "found": repr(data[:60])})
        line, rest = (data[:end], data[end:]) if end else (data, b"")
        while not rest.strip(b"\r\n") and len(rest) <= _LIMIT and (piece := stream.read(_LIMIT)):
            rest += piece
        more = bool(rest.strip(b"\r\n"))
        while not more and (piece := stream.read(_LIMIT)):
            more = bool(piece.strip(b"\r\n"))
        begun = rest.lstrip(b"\r\n")
        rows = [row + b"\n" for row in begun.split(b"\n")[:-1]]
        return Head(
            line=line,
            blank=rest[: len(rest) - len(begun)],
            rows=tuple(row for row in rows[:_ROWS] if row.strip(b"\r\n")),
            more=more,
            compressed=stream.compressed,
        )


def header_text(head: bytes, name: str) -> str:
    """Return the first line as text, without byte order mark and line end.

    Raises:
        BadInput: It is blank, or no text.

    """
    line = head.removeprefix(BOM).rstrip(b"\r\n")
    problem = "has NUL bytes: is it UTF-16?" if b"\0" in line else "is blank" if not line.strip() else ""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        problem, text = "is not UTF-8", ""
    if problem:
        message = f"the header {problem}"
        raise BadInput(message, facts={"file": f"{name}, line 1", "found": repr(line[:60])})
    return text


def _faults(head: Head, names: list[str], known: tuple[Fault, ...], mismatch: Mismatch) -> int:
    """Refuse faults that files of this month are not known to have; return how many fields have no name."""
    if head.end != head.row_end and head.end.decode() not in {fault.header_end for fault in known}:
        expected, found = repr(head.row_end.decode()), repr(head.end.decode())
        raise mismatch(0, f"{expected} between the header and the first row", found, _ADVICE)
    _names(names, known, mismatch)
    counts = Counter(len(fields_of(row.rstrip(b"\r\n").decode("latin-1"))) - len(names) for row in head.rows)
    # What most rows have says what the file is; one of them that is too short or too long is a bad row like others.
    surplus = counts.most_common(1)[0][0] if counts else 0
    if surplus > 0 and surplus not in {fault.unnamed_fields for fault in known}:
        if len(counts) > 1:
            return 0
        raise mismatch(0, f"{len(names)} fields in a row", f"{len(names) + surplus} in every one of the first", _ADVICE)
    return max(surplus, 0)


_ADVICE = "mend the file, or declare the fault and its months ([[faults]])"


def _names(names: list[str], known: tuple[Fault, ...], mismatch: Mismatch) -> None:
    """Refuse quotes and spaces around names; `names` are the header's text between commas."""
    spaced = all(name.startswith(" ") for name in names[1:]) and any(fault.spaced for fault in known)
    quoted = all(name.startswith('"') and name.endswith('"') for name in names) and any(fault.quoted for fault in known)
    padded = {name for fault in known for name in fault.padded}
    for position, name in enumerate(names, 1):
        bare = name.removeprefix(" ") if spaced and position > 1 else name[1:-1] if quoted else name
        if bare not in padded and bare.lower() != normalised(bare):
            raise mismatch(position, repr(name.strip().strip('"').strip()), repr(name), _ADVICE)
