"""The first line of a file, matched against the contract of its month, before anything else is read.

What is no CSV at all (a web page, a zip, a Parquet file) is told apart here, by its bytes. A `Layout` says for each
field of the file which column it is; the rest of the decode step trusts it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from engine.contract import RESERVED, Column, carried, is_name, normalised
from engine.decode.stream import Stream
from engine.errors import BadInput, EngineError, HeaderMismatch

if TYPE_CHECKING:
    from pathlib import Path

    from engine.contract import Dataset
    from engine.month import Month

_BOM = b"\xef\xbb\xbf"
_HEADER_LIMIT = 1 << 16
_PARQUET: Final = b"PAR1"

# First bytes of what is often found where a CSV should be: name, and what its reader can do about it.
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive", "unpack it and give the CSV inside"),
    (b"BZh", "compressed with bzip2", "decompress it, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it, or compress it with gzip"),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    (b"\x1f\x8b", "compressed twice", "decompress it once"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the fields of one file map to columns.

    Attributes:
        name: The file's name, for messages.
        columns: The columns that the file has, in the contract's order, then the carried unknown ones by name.
        fields: For each field of a line its column; None where it is dropped.
        header: The first line as text, without byte order mark and line end.
        header_bytes: Bytes before line 2, decompressed.
        line_end: How the first line ends. Other lines may end in the other way.
        compressed: Whether the file is gzip.

    """

    name: str
    columns: tuple[Column, ...]
    fields: tuple[Column | None, ...]
    header: str
    header_bytes: int
    line_end: Literal["\n", "\r\n"]
    compressed: bool


def read_layout(path: Path, dataset: Dataset, month: Month, *, name: str) -> Layout:
    """Read the header of a file and match it.

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
        with Stream(path) as stream:
            head, more = _first_line(stream, path, name)
            compressed = stream.compressed
    except EngineError as error:
        raise error.within(file=name) from error.__cause__
    text = _text(head, name)
    if not more:
        message = "the file has a header and no data"
        raise BadInput(message, facts={"file": name, "header": text[:200]})
    names = next(csv.reader([text], skipinitialspace=True), [])
    fields = _matched([normalised(n) for n in names], dataset, month, name)
    known = {c.name for c in fields if c}
    columns = [c for c in dataset.contract.columns if c.name in known]
    declared = {c.name for c in columns}
    extras = sorted((c for c in fields if c and c.name not in declared), key=lambda c: c.name)
    return Layout(
        name=name,
        columns=(*columns, *extras),
        fields=fields,
        header=text,
        header_bytes=len(head),
        line_end="\r\n" if head.endswith(b"\r\n") else "\n",
        compressed=compressed,
    )


def _first_line(stream: Stream, path: Path, name: str) -> tuple[bytes, bool]:
    """Return the first line with its line end, and whether anything but blank lines follows."""
    data = b""
    while b"\n" not in data and len(data) <= _HEADER_LIMIT and (piece := stream.read(_HEADER_LIMIT)):
        data += piece
    _refuse_foreign(data, path, name)
    end = data.find(b"\n") + 1
    if not end:
        if len(data) <= _HEADER_LIMIT:
            return data, False
        message = "the first line has no end: this is no CSV"
        raise BadInput(message, facts={"file": name, "found": repr(data[:60])})
    rest = data[end:]
    while not rest.strip(b"\r\n") and (rest := stream.read(_HEADER_LIMIT)):
        pass
    return data[:end], bool(rest.strip(b"\r\n"))


def _refuse_foreign(data: bytes, path: Path, name: str) -> None:
    facts = {"file": name}
    if not data.strip():
        message = "the file is empty"
        raise BadInput(message, facts=facts)
    if data.startswith(_PARQUET):
        with path.open("rb") as file:
            file.seek(-len(_PARQUET), 2)
            whole = file.read() == _PARQUET
        message = "Parquet sources are not read yet" if whole else "this is a Parquet file without its footer"
        raise BadInput(message, facts=facts, next_step="" if whole else "fetch the file again: it was cut off")
    for magic, what, advice in _FOREIGN:
        if data.startswith(magic):
            message = f"this is no CSV: it is {what}"
            raise BadInput(message, facts=facts, next_step=advice)
    if data.removeprefix(_BOM).lstrip().startswith(b"<"):
        message = "this is no CSV: it is a web page or XML"
        found = data.removeprefix(_BOM).lstrip()[:80].decode("utf-8", "backslashreplace")
        raise BadInput(message, facts=facts | {"found": found}, next_step="open the source's URL in a browser")


def _text(head: bytes, name: str) -> str:
    line = head.removeprefix(_BOM).rstrip(b"\r\n")
    problem = "has NUL bytes: is it UTF-16?" if b"\0" in line else "is blank" if not line.strip() else ""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        problem, text = "is not UTF-8", ""
    if problem:
        message = f"the header {problem}"
        raise BadInput(message, facts={"file": f"{name}, line 1", "found": repr(line[:60])})
    return text


def _matched(names: list[str], dataset: Dataset, month: Month, file: str) -> tuple[Column | None, ...]:
    published = [c for c in dataset.contract.columns if c.published_in(month)]
    by_label = {label: c for c in published for label in (c.name, *c.aliases)}
    missing = [c.name for c in published if not any(n == c.name or n in c.aliases for n in names)]
    mismatch = _Mismatch(dataset, month, file)
    seen: set[str] = set()
    fields: list[Column | None] = []
    for position, label in enumerate(names, 1):
        column = by_label.get(label)
        if column is None:
            expected = ", ".join(missing) or "no column that the contract does not name"
            if dataset.contract.policy.unknown == "freeze":
                raise mismatch(position, expected, label or "an empty name", "declare the column")
            column = _extra(label, dataset, mismatch, position)
        if column is not None and column.name in seen:
            raise mismatch(position, "each column once", f"{label} again", "rename one of the two columns")
        seen.add(column.name if column else "")
        fields.append(column)
    if missing:
        found = f"{len(names)} columns, none of that name"
        raise mismatch(0, ", ".join(missing), found, "declare the column's other name (aliases) or last month (until)")
    return tuple(fields)


def _extra(label: str, dataset: Dataset, mismatch: _Mismatch, position: int) -> Column | None:
    """Return the text column that carries an unknown field; None where the policy drops it."""
    if dataset.contract.policy.unknown == "discard":
        return None
    name = re.sub(r"[^a-z0-9]+", "_", label).strip("_")
    taken = RESERVED | {c.name for c in dataset.contract.columns}
    if not is_name(name) or name in taken or name.startswith("_engine"):
        expected = "a name that can be a column's and is not taken"
        raise mismatch(position, expected, label or "an empty name", "declare the column")
    return carried(name)


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """Makes the error; knows dataset, month and file."""

    dataset: Dataset
    month: Month
    file: str

    def __call__(self, position: int, expected: str, found: str, advice: str) -> HeaderMismatch:
        place = f"{self.file}, line 1" + (f", column {position}" if position else "")
        run = f"engine ingest {self.dataset.name} {self.month}"
        return HeaderMismatch(
            f"{self.dataset.name} {self.month} does not match its contract",
            facts={"file": place, "expected": expected, "found": found},
            next_step=f"{advice} in {self.dataset.defined_in}, then run\n{run}",
        )
