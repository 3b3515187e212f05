"""Parameters of queries, put into a statement as constants of their types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from tests.fakes.bigquery.errors import invalid_query, not_covered

if TYPE_CHECKING:
    from tests.fakes.bigquery.names import Json

_TYPES = {
    "INT64": "BIGINT",
    "INTEGER": "BIGINT",
    "FLOAT64": "DOUBLE",
    "FLOAT": "DOUBLE",
    "BOOL": "BOOLEAN",
    "BOOLEAN": "BOOLEAN",
    "NUMERIC": "DECIMAL(38, 9)",
    "BIGNUMERIC": "DECIMAL(38, 18)",
    "DATE": "DATE",
    "TIME": "TIME",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameters:
    """What a query is given.

    Attributes:
        named: Parameters by name in lower case.
        positional: Parameters in order.

    """

    named: dict[str, Json] = field(default_factory=dict)
    positional: list[Json] = field(default_factory=list)

    @classmethod
    def from_json(cls, parameters: list[Json] | None) -> Parameters:
        """Read `queryParameters`."""
        given = parameters or []
        return cls(
            named={one["name"].lower(): one for one in given if one.get("name")},
            positional=[one for one in given if not one.get("name")],
        )


def put_in(tree: exp.Expr, parameters: Parameters) -> exp.Expr:
    """Return a statement with constants for its parameters."""
    for node in list(tree.find_all(exp.Parameter)):
        name = node.name
        if name.lower() not in parameters.named:
            raise invalid_query(f"Query parameter '{name}' not found")
        node.replace(_constant(parameters.named[name.lower()]))
    placeholders = list(tree.find_all(exp.Placeholder))
    if len(placeholders) > len(parameters.positional):
        raise invalid_query(message="Query parameter not found: too few positional parameters")
    for placeholder, given in zip(placeholders, parameters.positional, strict=False):
        placeholder.replace(_constant(given))
    return tree


def _constant(parameter: Json) -> exp.Expr:
    kind, value = parameter["parameterType"], parameter["parameterValue"]
    if kind["type"] == "ARRAY":
        inner = kind["arrayType"]["type"]
        return exp.Array(expressions=[_scalar(inner, one.get("value")) for one in value.get("arrayValues") or []])
    return _scalar(kind["type"], value.get("value"))


def _scalar(kind: str, value: str | None) -> exp.Expr:
    if kind not in _TYPES:
        raise not_covered(f"parameters of type {kind}")
    to = exp.DataType.build(_TYPES[kind], dialect="duckdb")
    if value is None:
        return exp.cast(exp.Null(), to)
    if kind == "BYTES":
        return exp.FromBase64(this=exp.Literal.string(value))
    return exp.cast(exp.Literal.string(str(value)), to)
