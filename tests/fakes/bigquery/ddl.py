"""Statements that make or drop tables, views and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from tests.fakes.bigquery import datasets, queries, sql, tables
from tests.fakes.bigquery.errors import invalid_query, not_covered
from tests.fakes.bigquery.filling import Filling, fill

if TYPE_CHECKING:
    from tests.fakes.bigquery.names import Json, TableName
    from tests.fakes.bigquery.service import Service
    from tests.fakes.bigquery.sql import Statement

_UNITS = {"YEAR", "MONTH", "DAY", "HOUR"}
_MILLISECONDS = 1000


def run(service: Service, statement: Statement, text: str, location: str) -> str:
    """Do what a CREATE or DROP says, and return what was done: CREATE, REPLACE, SKIP or DROP."""
    tree = statement.tree
    kind = str(tree.args.get("kind") or "").upper()
    if kind == "SCHEMA" and isinstance(tree, exp.Create):
        return _schema(service, tree, location)
    if statement.target is None or kind not in {"TABLE", "VIEW"}:
        raise not_covered(f"{statement.kind} {kind}")
    there = service.catalog.find(statement.target) is not None
    if isinstance(tree, exp.Drop):
        tables.drop(service, statement.target, missing_ok=bool(tree.args.get("exists")))
        return "DROP" if there else "SKIP"
    if there and tree.args.get("exists"):
        return "SKIP"
    if there and tree.args.get("replace"):
        tables.drop(service, statement.target)
    given = _settings(service, tree)
    if kind == "VIEW":
        given["view"] = {"query": _view(text), "useLegacySql": False}
    query = tree.expression
    if kind == "TABLE" and isinstance(query, exp.Query):
        _as_select(service, statement.target, query, given, location)
    else:
        tables.create(service, statement.target, given, exists_ok=bool(tree.args.get("exists")))
    return "REPLACE" if there else "CREATE"


def _schema(service: Service, tree: exp.Create, location: str) -> str:
    name = tree.this.db or tree.this.name
    if name in service.catalog.datasets and tree.args.get("exists"):
        return "SKIP"
    datasets.create(service, {"datasetReference": {"datasetId": name}, "location": location})
    return "CREATE"


def _as_select(service: Service, target: TableName, query: exp.Query, given: Json, location: str) -> None:
    fields = queries.fields_of(service, query)
    rows = queries.typed(query, fields)
    fill(
        service,
        Filling(target=target, rows=rows, fields=fields, write="WRITE_EMPTY", settings=given, location=location),
    )


def _view(text: str) -> str:
    """Return the query of a view as it was written, so that it is read anew whenever the view is."""
    tree = sql.parse(text)
    inner = tree.args["expression"]
    return str(inner.sql(dialect="bigquery"))


def _settings(service: Service, tree: exp.Expr) -> Json:
    found: Json = {}
    if isinstance(tree.this, exp.Schema):
        found["schema"] = {"fields": [_field(column) for column in tree.this.expressions]}
    properties = tree.args.get("properties")
    for one in properties.expressions if properties else []:
        if isinstance(one, exp.PartitionedByProperty):
            found["timePartitioning"] = _partitioning(one.this)
        elif isinstance(one, exp.Cluster | exp.ClusterProperty):
            found["clustering"] = {"fields": [column.name for column in one.expressions]}
        elif isinstance(one, exp.Property):
            found |= _option(service, one.this.name, one.args["value"])
    return found


def _field(column: exp.Expr) -> Json:
    if not isinstance(column, exp.ColumnDef):
        raise not_covered(what="constraints of tables")
    kind: exp.DataType = column.args["kind"]
    repeated = kind.this == exp.DataType.Type.ARRAY
    name, _, parameters = (kind.expressions[0] if repeated else kind).sql(dialect="bigquery").partition("(")
    field: Json = {"name": column.name, "type": name, "mode": "REPEATED" if repeated else "NULLABLE"}
    if parameters and name in {"NUMERIC", "BIGNUMERIC"}:
        precision, _, scale = parameters.rstrip(")").partition(",")
        field |= {"precision": precision.strip(), "scale": scale.strip() or "0"}
    for constraint in column.args.get("constraints") or []:
        if isinstance(constraint.kind, exp.NotNullColumnConstraint):
            field["mode"] = "REQUIRED"
        elif isinstance(constraint.kind, exp.Properties):
            for option in constraint.kind.expressions:
                if option.this.name == "description":
                    field["description"] = option.args["value"].name
    return field


def _partitioning(by: exp.Expr) -> Json:
    if isinstance(by, exp.Schema | exp.Tuple) and len(by.expressions) == 1:
        by = by.expressions[0]
    column = by if isinstance(by, exp.Column | exp.Identifier) else by.find(exp.Column)
    if column is None:
        raise not_covered(f"PARTITION BY {by.sql(dialect='bigquery')}")
    unit = str(by.args["unit"].name).upper() if by.args.get("unit") else "DAY"
    if unit not in _UNITS:
        raise invalid_query(f"Invalid partitioning unit {unit}")
    return {"type": unit, "field": column.name}


def _option(service: Service, name: str, value: exp.Expr) -> Json:
    if name == "labels":
        return {"labels": {pair.expressions[0].name: pair.expressions[1].name for pair in value.expressions}}
    if name in {"description", "friendly_name"}:
        return {{"description": "description", "friendly_name": "friendlyName"}[name]: value.name}
    if name == "require_partition_filter":
        return {"requirePartitionFilter": bool(value.this)}
    if name == "expiration_timestamp":
        moment: Any = service.warehouse.rows(f"SELECT epoch_ms({sql.duckdb(value)})")[0][0]
        return {"expirationTime": str(moment)}
    raise not_covered(f"the option {name}")
