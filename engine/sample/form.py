"""The exact form of a month's file: which names stand over which fields, and how they are written.

The forms of a dataset are data (`<dataset>.toml`): `[[forms]]` for spans of months with CSV files, `[[parquet]]` and
`[[drift]]` for the official Parquet, whose types and names change from year to year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.contract import Span
from engine.errors import UsageError
from engine.month import Month

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Texts = tuple[tuple[str, tuple[tuple[int, str], ...]], ...]

# From this month on the TLC publishes Parquet only, and no CSV of it exists anywhere.
LAST_CSV = Month(2021, 7)

# What an entry of [[forms]] says that is no attribute of its form.
_NOT_FORM = ("since", "until", "columns", "texts", "names")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvForm:
    """How CSV files of some months are written.

    Attributes:
        columns: Header name and field, in the order of the file.
        header_end: What stands between the last name and the first row.
        spaced: Whether a space follows each comma of the header.
        quoted: Whether every name and value stands in quotes.
        unnamed_fields: Empty fields at the end of every row that have no name.
        digits: `17`: amounts and miles as `printf("%.17g")` writes a double; `shortest`: `7`, `9.5`, miles as `.60`.
        coordinates: Which type of floating point a coordinate had before it was written with 17 digits.
        texts: By field, what is written for a number; an empty field for any other.

    """

    columns: tuple[tuple[str, str], ...]
    header_end: str = "\r\n"
    spaced: bool = False
    quoted: bool = False
    unnamed_fields: int = 0
    digits: Literal["shortest", "17"] = "shortest"
    coordinates: Literal["double", "float"] = "double"
    texts: Texts = ()

    @property
    def header(self) -> str:
        """All that stands before the first row."""
        names = [f'"{name}"' if self.quoted else name for name, _ in self.columns]
        return (", " if self.spaced else ",").join(names) + self.header_end


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetForm:
    """How the official Parquet files of some months are written.

    Attributes:
        columns: Name, field and Arrow type, in the order of the file.
        texts: As in a CSV.

    """

    columns: tuple[tuple[str, str, str], ...]
    texts: Texts = ()


def csv_form(data: Mapping[str, Any], month: Month) -> CsvForm:
    """Return the form of a month's CSV.

    Args:
        data: A dataset's TOML file.
        month: The month.

    Raises:
        UsageError: There are no such files of that month.

    """
    shared: dict[str, Any] = {}
    for entry in data["forms"]:
        shared = {key: entry[key] for key in ("columns", "texts") if key in entry} if "columns" in entry else shared
        if not span(entry).covers(month):
            continue
        names = entry.get("names", {})
        columns = tuple((names.get(field, name), field) for name, field in shared["columns"])
        rest = {key: value for key, value in entry.items() if key not in _NOT_FORM}
        return CsvForm(columns=columns, texts=_texts(shared), **rest)
    raise _none(data, "CSV", month, f"{data['forms'][0]['since']} to {data['forms'][-1]['until']}")


def parquet_form(data: Mapping[str, Any], month: Month) -> ParquetForm:
    """Return the form of a month's official Parquet.

    Args:
        data: A dataset's TOML file.
        month: The month.

    Raises:
        UsageError: There are no such files of that month.

    """
    for entry in _covering(data["parquet"], month):
        texts = _texts(entry)
        if entry.get("as_csv"):
            csv = csv_form(data, month)
            columns = [(name, field, entry["types"].get(field, "double")) for name, field in csv.columns]
            texts = csv.texts
        else:
            columns = [tuple(column[:3]) for column in entry["columns"] if _begun(column, month)]
        for change in _covering(data.get("drift", []), month):
            names, types = change.get("names", {}), change.get("types", {})
            columns = [(names.get(field, name), field, types.get(field, kind)) for name, field, kind in columns]
        return ParquetForm(columns=tuple(columns), texts=texts)
    raise _none(data, "Parquet", month, f"from {data['parquet'][0]['since']} on")


def _covering(entries: Iterable[Mapping[str, Any]], month: Month) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if span(entry).covers(month)]


def span(entry: Mapping[str, Any]) -> Span:
    """Return the months of an entry with `since` or `until`."""
    since, until = entry.get("since"), entry.get("until")
    return Span(since=Month.parse(since) if since else None, until=Month.parse(until) if until else None)


def _begun(column: list[str], month: Month) -> bool:
    """Tell whether a column, whose fourth entry may be its first month, is there."""
    _, _, _, *first = column
    return not first or Month.parse(first[0]) <= month


def _texts(entry: Mapping[str, Any]) -> Texts:
    return tuple((field, tuple((key, text) for key, text in known)) for field, known in entry.get("texts", {}).items())


def _none(data: Mapping[str, Any], form: str, month: Month, expected: str) -> UsageError:
    message = f"samples of {data['dataset']} {month} cannot be made as {form}: no such file was ever published"
    return UsageError(message, facts={"expected": expected}, next_step="name another month or format")
