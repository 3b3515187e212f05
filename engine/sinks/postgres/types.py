"""Which PostgreSQL type a column of a contract has, and in which order columns stand in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Column
    from engine.logical import Logical

_SQL = {
    "float": "double precision",
    "datetime": "timestamp without time zone",
    "date": "date",
    "bool": "boolean",
    "text": "text",
}
_INTS = {16: "smallint", 32: "integer", 64: "bigint"}

# Widest alignment first, so that no padding stands between the columns of a row (PostgreSQL, "Database Page Layout").
_ORDER = ("datetime", "float", "int64", "int32", "date", "uuid", "int16", "bool", "decimal", "text")


def sql_type(logical: Logical) -> str:
    """Return the type's name as `format_type` prints it."""
    match logical.kind:
        case "int":
            return _INTS[logical.bits]
        case "decimal":
            return f"numeric({logical.precision},{logical.scale})"
        case kind:
            return _SQL[kind]


def stored_order(columns: Sequence[Column]) -> list[Column | None]:
    """Return the columns in the order that wastes no bytes; None stands for `unique_row_id`."""

    def rank(column: Column | None) -> int:
        if column is None:
            return _ORDER.index("uuid")
        kind = column.type.kind
        return _ORDER.index(str(column.type) if kind == "int" else kind)

    return sorted([None, *columns], key=rank)
