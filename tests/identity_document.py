"""The identity as its document states it: the code and the query of docs/row-identity.md, and the published vectors."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.contract import Column, Contract, Identity, Policy
from engine.logical import Logical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCS = Path(__file__).parents[1] / "docs"
INTEGERS = {16: pl.Int16, 32: pl.Int32, 64: pl.Int64}

Row = dict[str, Any]


@cache
def block(language: str) -> str:
    """Return the document's only block of code in that language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", (DOCS / "row-identity.md").read_text("utf-8"), re.DOTALL)
    return str(code)


@cache
def reference() -> dict[str, Any]:
    """Return the names that the document's Python code defines."""
    names: dict[str, Any] = {}
    exec(compile(block("python"), "row-identity.md", "exec"), names)  # noqa: S102 - our own document, under test
    return names


def contract_of(base: Mapping[str, str], added: Mapping[str, str] | None = None) -> Contract:
    """Return a contract of base columns and others, given as types by name."""
    types = {**base, **(added or {})}
    return Contract(
        columns=tuple(Column(name=name, type=Logical.parse(kind)) for name, kind in types.items()),
        identity=Identity(version="row-v1", columns=tuple(base)),
        policy=Policy(),
    )


def stored(kind: Logical) -> pl.DataType:
    """Return the type in which frames hold a logical type."""
    match kind.kind:
        case "int":
            return INTEGERS[kind.bits]()
        case "decimal":
            return pl.Decimal(kind.precision, kind.scale)
        case other:
            return {
                "float": pl.Float64(),
                "datetime": pl.Datetime("us"),
                "date": pl.Date(),
                "bool": pl.Boolean(),
                "text": pl.String(),
            }[other]


def frame_of(rows: Sequence[Row], columns: Sequence[Column]) -> pl.DataFrame:
    """Return rows as a frame of conformed columns; what a row does not have is null."""
    return pl.DataFrame(
        {
            column.name: pl.Series([row.get(column.name) for row in rows], dtype=stored(column.type))
            for column in columns
        }
    )


def expected(rows: Sequence[Row], contract: Contract, columns: Sequence[Column] | None = None) -> list[bytes]:
    """Return the digests that the document's code computes."""
    base = {name: str(contract.column(name).type) for name in contract.identity.columns}
    others = contract.columns if columns is None else columns
    added = {column.name: str(column.type) for column in others if column.name not in base}
    return [reference()["digest"](base, added, row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One published row with its id."""

    contract: Contract
    note: str
    values: Row
    occurrence: int
    id: bytes


@cache
def published() -> dict[str, Any]:
    """Return the published file."""
    content: dict[str, Any] = json.loads((DOCS / "row-identity-vectors.json").read_text("utf-8"))
    return content


def vectors() -> list[Vector]:
    """Return the published rows, typed."""
    contracts = {name: contract_of(**types) for name, types in published()["contracts"].items()}
    return [
        Vector(
            contract=(contract := contracts[entry["contract"]]),
            note=f"{entry['contract']}: {entry['note']}",
            values={name: typed(contract.column(name).type, text) for name, text in entry["values"].items()},
            occurrence=entry["occurrence"],
            id=bytes.fromhex(entry["id"]),
        )
        for entry in published()["vectors"]
    ]


def typed(kind: Logical, text: str) -> object:
    """Read a value as the published file writes it."""
    return _READ[kind.kind](text)


def _time(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f")  # noqa: DTZ007 - wall-clock time without a zone


_READ: dict[str, Callable[[str], object]] = {
    "int": int,
    "decimal": Decimal,
    "float": float,
    "datetime": _time,
    "date": dt.date.fromisoformat,
    "bool": {"true": True, "false": False}.__getitem__,
    "text": str,
}
