"""A contract's types as BigQuery has them (cloud.google.com/bigquery/docs/reference/standard-sql/data-types)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.bigquery import SchemaField

from engine.contract import FILENAME, ID, SOURCE_MONTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Column
    from engine.logical import Logical

# NUMERIC has nine digits after its point, BIGNUMERIC thirty-eight.
_NUMERIC_SCALE = 9
_TYPES = {
    "int": "INTEGER",
    "float": "FLOAT",
    "datetime": "DATETIME",
    "date": "DATE",
    "bool": "BOOLEAN",
    "text": "STRING",
}
_ADDED = (
    SchemaField(ID, "BYTES", "REQUIRED", "MD5 of the row's values (docs/row-identity.md); unique within its month"),
    SchemaField(FILENAME, "STRING", "REQUIRED", "File that the row was published in"),
    SchemaField(
        SOURCE_MONTH,
        "DATE",
        "REQUIRED",
        "First of the month whose file the row was published in; the partitioning column",
    ),
)


def column_type(logical: Logical) -> str:
    """Return the type of a column, as the REST API names it."""
    if logical.kind == "decimal":
        return "NUMERIC" if logical.scale <= _NUMERIC_SCALE else "BIGNUMERIC"
    return _TYPES[logical.kind]


def table_schema(columns: Sequence[Column]) -> list[SchemaField]:
    """Return a main table's schema: the columns, then what the engine adds."""
    fields = [
        SchemaField(c.name, column_type(c.type), "NULLABLE" if c.nullable else "REQUIRED", description=c.description)
        for c in columns
    ]
    return [*fields, *_ADDED]
