"""The identity as one PostgreSQL query, so that anyone can check a table without this engine.

It uses what servers 14 to 18 have in common: `int8send` and `float8send` give big-endian bytes, `md5` takes them. Names
of columns are quoted, whatever they contain.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from engine.identity.layout import layout_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Column, Contract

_TEMPLATE = resources.files("engine.identity").joinpath("row_v1.sql").read_text(encoding="utf-8")
_NULLS_PER_WORD = 64

# A value as the number that is sent; text is sent as its own digest. -0.0 + 0 is 0.0.
_NUMBERS = {
    "int": "{}::int8",
    "decimal": "({} * {})::int8",
    "float": "{} + 0",
    "datetime": "(extract(epoch FROM {}) * 1000000)::int8",
    "date": "({} - date '1970-01-01')::int8",
    "bool": "{}::int::int8",
}


def sql_query(contract: Contract, table: str, columns: Sequence[Column], *, schema: str = "") -> str:
    """Return a query that computes the id of every row of a table anew, occurrence numbers included.

    Args:
        contract: Says which columns are base columns.
        table: Name of the table; it has the column `source_month`.
        columns: The columns that the table has: some of the contract's, and others that its policy carries.
        schema: Name of its schema; empty: the search path decides.

    Returns:
        A query with the columns `source_month` and `unique_row_id` (uuid), in no particular order, without semicolon.

    """
    layout = layout_of(contract, columns)
    present = set(layout.present)
    values = [f"|| {_base(column, present=column.name in present)}" for column in layout.base]
    return _TEMPLATE.format(
        table=".".join(_quoted(name) for name in (schema, table) if name),
        nulls="\n        ".join(_null_words(layout.base, present)),
        values="\n        ".join(values),
        steps="".join(_step(at, column) for at, column in enumerate(layout.added, start=1)),
        digest=f"step{len(layout.added)}",
    ).strip()


def _quoted(name: str) -> str:
    # `engine.postgres` quotes with psycopg; this text must be printable where no driver is.
    return '"' + name.replace('"', '""') + '"'


def _null_words(base: Sequence[Column], present: set[str]) -> list[str]:
    """Return one `int8send` for each 64 base columns."""
    words = []
    for first in range(0, len(base), _NULLS_PER_WORD):
        bits = [
            f"(r.{_quoted(column.name)} IS NULL)::int::int8 << {bit}" if column.name in present else f"1::int8 << {bit}"
            for bit, column in enumerate(base[first : first + _NULLS_PER_WORD])
        ]
        words.append("|| int8send((" + ")\n            | (".join(bits) + "))")
    return words


def _base(column: Column, *, present: bool) -> str:
    """Return the bytes of a value; zero bytes where it is null or absent."""
    if column.type.kind == "text":
        nothing = f"'\\x{'00' * 16}'::bytea"
        return f"coalesce({_text(column)}, {nothing})" if present else nothing
    return _sent(column, f"coalesce({_number(column)}, 0)" if present else "0")


def _step(at: int, column: Column) -> str:
    """Return the join that hashes an added column into the digest before it, where it is not null."""
    before = f"step{at - 1}.digest"
    name = hashlib.md5(column.name.encode(), usedforsecurity=False).hexdigest()
    value = _text(column) if column.type.kind == "text" else _sent(column, _number(column))
    message = f"'col1'::bytea || {before} || '\\x{name}'::bytea\n        || {value}"
    changed = f"decode(md5({message}), 'hex')"
    return f"\n    CROSS JOIN LATERAL (SELECT coalesce({changed}, {before}) AS digest) AS step{at}"


def _number(column: Column) -> str:
    return _NUMBERS[column.type.kind].format(f"r.{_quoted(column.name)}", f"1{'0' * column.type.scale}")


def _sent(column: Column, number: str) -> str:
    return f"{'float8send' if column.type.kind == 'float' else 'int8send'}({number})"


def _text(column: Column) -> str:
    return f"decode(md5(convert_to(r.{_quoted(column.name)}, 'UTF8')), 'hex')"
