"""One `[[columns]]` entry, and the small forms that all entries of a dataset file share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from engine.contract import RESERVED, Alias, Allowed, Codes, Column, Form, Span, is_name, normalised
from engine.errors import UsageError
from engine.logical import Logical
from engine.month import Month

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = {
    "": {"dataset", "sources", "columns", "identity", "policy", "faults"},
    "dataset": {"name", "table", "file", "time", "description"},
    "sources": {"format", "url", "since", "until", "missing"},
    "columns": {
        *("name", "type", "nullable", "aliases", "since", "until", "optional", "parquet", "format"),
        *("codes", "allowed", "description"),
    },
    "columns.aliases": {"name", "since", "until", "format"},
    "columns.parquet": {"since", "until"},
    "columns.codes": {"values", "rest", "since", "until"},
    "columns.allowed": {"values", "from", "to", "pattern"},
    "identity": {"version", "columns"},
    "policy": {"unknown", "max_rejects"},
    "faults": {"since", "until", "header_end", "spaced", "quoted", "padded", "unnamed_fields"},
}


def column(entry: dict[str, Any]) -> Column:
    """Read one column.

    Raises:
        UsageError: A key is not known, or says something that makes no sense.

    """
    only(entry, "columns")
    name = named(entry["name"], "column")
    if name in RESERVED or name.startswith("_engine"):
        message = f"column name {name!r} is reserved"
        raise UsageError(message, facts={"reserved": ", ".join(sorted(RESERVED))})
    aliases = entry.get("aliases", ())
    kind = Logical.parse(entry["type"])
    return Column(
        name=name,
        type=kind,
        nullable=bool(entry.get("nullable", True)),
        aliases=tuple(normalised(alias) for alias in aliases if isinstance(alias, str)),
        dated=tuple(_alias(alias) for alias in aliases if not isinstance(alias, str)),
        since=month(entry.get("since")),
        until=month(entry.get("until")),
        optional=bool(entry.get("optional", False)),
        parquet=span(entry["parquet"], "columns.parquet") if "parquet" in entry else None,
        format=str(entry.get("format", "")),
        codes=_codes(entry["codes"], kind) if "codes" in entry else None,
        allowed=_allowed(entry["allowed"], kind) if "allowed" in entry else None,
        description=str(entry.get("description", "")),
    )


def _alias(entry: dict[str, Any]) -> Alias:
    only(entry, "columns.aliases")
    if (form := entry.get("format")) not in (None, *get_args(Form)):
        message = f"format {form!r} of an alias is not known"
        raise UsageError(message, facts={"expected": ", ".join(get_args(Form))})
    return Alias(label=normalised(entry["name"]), span=_span(entry), form=form)


def _codes(entry: dict[str, Any], kind: Logical) -> Codes:
    only(entry, "columns.codes")
    wanted = {"int": int, "text": str}.get(kind.kind)
    values = tuple((text.strip().lower(), value) for text, value in entry["values"].items())
    if wanted is None or not values or not all(type(value) is wanted for _, value in values):
        message = "codes map texts to values of an int or a text column"
        raise UsageError(message, facts={"type": str(kind)})
    rest = str(entry.get("rest", ""))
    if (kind.kind == "int") != bool(rest):
        message = "codes of an int column need `rest`, the text column that keeps other texts; those of a text do not"
        raise UsageError(message, facts={"type": str(kind)})
    return Codes(values=values, rest=rest, span=_span(entry))


def _allowed(entry: dict[str, Any], kind: Logical) -> Allowed:
    only(entry, "columns.allowed")
    wanted = {"int": int, "text": str}.get(kind.kind)
    found = Allowed(
        values=tuple(entry.get("values", ())),
        low=entry.get("from"),
        high=entry.get("to"),
        pattern=str(entry.get("pattern", "")),
    )
    numbers = [n for n in (found.low, found.high) if n is not None]
    sound = wanted is not None and all(type(v) is wanted for v in (*found.values, *numbers))
    if not sound or (found.pattern and wanted is not str) or not str(found):
        message = (
            "allowed needs `values`, `from` and `to` (int columns) or `pattern` (text columns) of the column's type"
        )
        raise UsageError(message, facts={"type": str(kind)})
    try:
        re.compile(found.pattern)
    except re.error as error:
        message = f"pattern {found.pattern!r} is wrong: {error}"
        raise UsageError(message) from error
    return found


def check_columns(columns: Sequence[Column]) -> None:
    """Refuse columns of which two could claim one header name in one month, and a `rest` that is no text column.

    Raises:
        UsageError: Names the columns.

    """
    if not columns:
        raise UsageError("a dataset needs at least one column")  # noqa: EM101 - nothing to add
    seen: dict[str, Column] = {}
    for one in columns:
        if one.name in seen and seen[one.name].name == one.name:
            message = f"column {one.name!r} is declared twice"
            raise UsageError(message)
        for label in (one.name, *one.aliases):
            if label in seen:
                message = f"{label!r} names both {seen[label].name!r} and {one.name!r}"
                raise UsageError(message)
            seen[label] = one
        if (
            one.codes
            and one.codes.rest
            and not any(c.name == one.codes.rest and c.type.kind == "text" for c in columns)
        ):
            message = f"{one.codes.rest!r}, which keeps the rest of {one.name!r}, is no text column"
            raise UsageError(message)
    dated = [(alias, one) for one in columns for alias in one.dated]
    for number, (alias, one) in enumerate(dated):
        for other, another in dated[:number]:
            same_form = None in (alias.form, other.form) or alias.form == other.form
            if another is not one and alias.label == other.label and same_form and alias.span.meets(other.span):
                message = f"{alias.label!r} names both {another.name!r} and {one.name!r} in the same months"
                raise UsageError(message)


def only(entry: dict[str, Any], table: str) -> None:
    """Refuse keys that the table does not have."""
    if unknown := set(entry) - KEYS[table]:
        message = f"key {min(unknown)!r} is not known in [{table or 'file'}]"
        raise UsageError(message, facts={"expected": ", ".join(sorted(KEYS[table]))})


def named(text: str, what: str) -> str:
    """Return a name that can be one in a database."""
    if not is_name(text):
        message = f"{text!r} cannot be a {what}"
        raise UsageError(message, facts={"expected": "a to z, 0 to 9 and _, at most 55, not starting with a digit"})
    return text


def span(entry: dict[str, Any], table: str) -> Span:
    """Read `since` and `until` of an entry that has nothing else."""
    only(entry, table)
    return _span(entry)


def _span(entry: dict[str, Any]) -> Span:
    return Span(since=month(entry.get("since")), until=month(entry.get("until")))


def month(text: str | None) -> Month | None:
    """Read a month; None stays None."""
    return None if text is None else Month.parse(text)
