"""Listings: which objects of a bucket are asked for, in pages, with names folded into prefixes at a delimiter."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.gcs.calls import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fakes.gcs.records import Record

_MOST = 1000
_GLOB = re.compile(r"(\*\*|\*|\?|\[[^\]]+\]|\{[^}]*\})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """What to list.

    Attributes:
        prefix: How names begin.
        delimiter: Names in which it follows the prefix are folded up to it; empty: none are.
        start: The first name that may appear.
        end: Names from here on do not appear; empty: all do.
        after: A name or prefix after which the page begins.
        glob: A pattern that names match; empty: all do.
        most: Names and prefixes of one page.

    """

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str = ""
    after: str = ""
    glob: str = ""
    most: int = _MOST


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What a listing found; `last` is the name or prefix to go on after, empty at the end."""

    records: list[Record]
    prefixes: list[str]
    last: str


def page(records: Iterable[Record], query: Query) -> Page:
    """Return one page of records that come in order of their names."""
    pattern = re.compile(_expression(query.glob)) if query.glob else None
    found: list[Record] = []
    prefixes: list[str] = []
    last = ""
    for record in records:
        name = record.name
        if not name.startswith(query.prefix) or name < query.start or (query.end and name >= query.end):
            continue
        if pattern is not None and not pattern.fullmatch(name):
            continue
        folded = _folded(name, query)
        if (query.after and folded <= query.after) or folded in prefixes[-1:]:
            continue
        if len(found) + len(prefixes) == min(query.most, _MOST):
            return Page(records=found, prefixes=prefixes, last=last)
        last = folded
        if folded == name and not (query.delimiter and name[len(query.prefix) :].endswith(query.delimiter)):
            found.append(record)
        else:
            prefixes.append(folded)
    return Page(records=found, prefixes=prefixes, last="")


def token(last: str) -> str:
    """Return a page's end as a token; empty: there is no next page."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def last_of(page_token: str) -> str:
    """Return the end that a token stands for."""
    try:
        return base64.urlsafe_b64decode(page_token).decode()
    except ValueError as error:
        raise Refusal(400, "invalid", "Invalid page token") from error


def _folded(name: str, query: Query) -> str:
    """Return a name up to and including the first delimiter after the prefix; the name itself where there is none."""
    head, delimiter, _ = name[len(query.prefix) :].partition(query.delimiter or "\0")
    return query.prefix + head + delimiter


def _expression(glob: str) -> str:
    """Translate a glob (https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob)."""
    simple = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = []
    for part in _GLOB.split(glob):
        if part in simple:
            parts.append(simple[part])
        elif part.startswith("["):
            parts.append(f"[^/{part[2:]}" if part.startswith("[!") else part)
        elif part.startswith("{"):
            parts.append(f"(?:{'|'.join(_expression(choice) for choice in part[1:-1].split(','))})")
        else:
            parts.append(re.escape(part))
    return "".join(parts)
