"""Which PostgreSQL type and which Arrow type a column of a contract has on its way into a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from engine.contract import ID

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
_ARROW = {
    "float": pa.float64(),
    "datetime": pa.timestamp("us"),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "text": pa.string(),
}
_INTS = {16: ("smallint", pa.int16()), 32: ("integer", pa.int32()), 64: ("bigint", pa.int64())}

# Widest alignment first, so that no padding stands between the columns of a row (PostgreSQL, "Database Page Layout").
_ORDER = ("datetime", "float", "int64", "int32", "date", "uuid", "int16", "bool", "decimal", "text")


def sql_type(logical: Logical) -> str:
    """Return the type's name as `format_type` prints it."""
    match logical.kind:
        case "int":
            return _INTS[logical.bits][0]
        case "decimal":
            return f"numeric({logical.precision},{logical.scale})"
        case kind:
            return _SQL[kind]


def arrow_type(logical: Logical) -> pa.DataType:
    """Return the Arrow type in which the column is sent."""
    match logical.kind:
        case "int":
            return _INTS[logical.bits][1]
        case "decimal":
            return pa.decimal128(logical.precision, logical.scale)
        case kind:
            return _ARROW[kind]


def stored_order(columns: Sequence[Column]) -> list[Column | None]:
    """Return the columns in the order that wastes no bytes; None stands for `unique_row_id`."""

    def rank(column: Column | None) -> int:
        if column is None:
            return _ORDER.index("uuid")
        kind = column.type.kind
        return _ORDER.index(str(column.type) if kind == "int" else kind)

    return sorted([None, *columns], key=rank)


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the schema of the batches that are sent, in stored order."""
    return pa.schema(
        [
            pa.field(ID, pa.binary(16)) if column is None else pa.field(column.name, arrow_type(column.type))
            for column in stored_order(columns)
        ]
    )
