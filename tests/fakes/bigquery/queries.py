"""Selections: their columns, and their rows in tables that no list shows."""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from tests.fakes.bigquery import sql
from tests.fakes.bigquery.catalog import Table
from tests.fakes.bigquery.columns import casts, result_field
from tests.fakes.bigquery.errors import invalid, invalid_query
from tests.fakes.bigquery.names import RESULTS, TableName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp

    from tests.fakes.bigquery.errors import ApiError
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_UNKNOWN = re.compile(r'Referenced column "([^"]+)"|does not have a column named "([^"]+)"')
_NULL = re.compile(r"NOT NULL constraint failed: (?:.*\.)?\"?([^\".]+)")


@contextmanager
def refusing() -> Iterator[None]:
    """Say in the service's words why DuckDB did not run a statement."""
    try:
        yield
    except duckdb.Error as error:
        raise _refusal(str(error)) from error


def _refusal(message: str) -> ApiError:
    if found := _NULL.search(message):
        return invalid(f"Required field {found[1]} cannot be null")
    if "more than one source row" in message or "more than once" in message:
        return invalid_query("UPDATE/MERGE must match at most one source row for each target row")
    if found := _UNKNOWN.search(message):
        return invalid_query(f"Unrecognized name: {found[1] or found[2]}")
    return invalid_query(message)


def fields_of(service: Service, tree: exp.Expr) -> list[Json]:
    """Return the columns that a query selects; refuse what cannot run."""
    with refusing(), service.warehouse.reading() as cursor:
        rows = cursor.execute(f"DESCRIBE {sql.duckdb(tree)}").fetchall()
    return [result_field(name, kind) for name, kind, *_ in rows]


def selected_fields(service: Service, text: str) -> list[Json]:
    """Return the columns of a view's query."""
    return fields_of(service, sql.Reader(catalog=service.catalog).read(text).tree)


def typed(tree: exp.Expr, fields: list[Json]) -> str:
    """Return a query in DuckDB's SQL whose columns have exactly the types of these fields."""
    return f"SELECT {casts(fields)} FROM ({sql.duckdb(tree)})"  # noqa: S608 - quoted


def check(service: Service, tree: exp.Expr) -> None:
    """Refuse a statement that could not run, without running it."""
    with refusing(), service.warehouse.reading() as cursor:
        cursor.execute(f"EXPLAIN {sql.duckdb(tree)}")


def keep(service: Service, statement: str, fields: list[Json], location: str) -> Table:
    """Keep the rows of a query in DuckDB's SQL under a new name among the results."""
    name = TableName(project=service.project, dataset=RESULTS, table=f"anon{uuid.uuid4().hex}")
    with refusing(), service.warehouse.reading() as cursor:
        cursor.execute(f"CREATE TABLE {name.sql} AS {statement}")
    now = service.catalog.now_ms()
    made = Table(name=name, settings={"schema": {"fields": fields}}, location=location, created_ms=now, modified_ms=now)
    service.catalog.put(made)
    return made
