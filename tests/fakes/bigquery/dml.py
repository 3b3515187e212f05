"""Statements that change rows: INSERT, UPDATE, DELETE, MERGE and TRUNCATE."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlglot import exp

from tests.fakes.bigquery import queries, sql
from tests.fakes.bigquery.errors import invalid_query

if TYPE_CHECKING:
    import duckdb

    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service
    from tests.fakes.bigquery.sql import Statement

_WINDOW_ROWS = 100_000
_COUNTS = {"INSERT": "insertedRowCount", "UPDATE": "updatedRowCount", "DELETE": "deletedRowCount"}


def completed(statement: Statement, table: Table) -> exp.Expr:
    """Return a statement as DuckDB takes it: all columns of an INSERT named, no alias in SET.

    Raises:
        ApiError: It lacks the WHERE that BigQuery wants.

    """
    tree = statement.tree
    if isinstance(tree, exp.Update | exp.Delete) and not tree.args.get("where"):
        raise invalid_query(f"{statement.kind} must have a WHERE clause")
    for update in tree.find_all(exp.Update):
        for assignment in update.expressions:
            assignment.this.set("table", None)
    if isinstance(tree, exp.Merge):
        for when in tree.args["whens"].expressions:
            _complete_insert(when, tree.args["using"].alias_or_name, table)
    return tree


def _complete_insert(when: exp.Expr, source: str, table: Table) -> None:
    then = when.args["then"]
    if not isinstance(then, exp.Insert):
        return
    names = [field["name"] for field in table.fields]
    if not then.expression:  # INSERT ROW
        columns = [exp.column(exp.to_identifier(name, quoted=True)) for name in names]
        values = [exp.column(exp.to_identifier(name, quoted=True), table=source) for name in names]
        when.set("then", exp.Insert(this=exp.Tuple(expressions=columns), expression=exp.Tuple(expressions=values)))


def run(service: Service, statement: Statement, table: Table, job_statistics: Json) -> None:
    """Change rows, or none where it is refused; say in the job's statistics how many."""
    name, tree = table.name, statement.tree
    with service.warehouse.alone(name.key):
        with queries.refusing(), service.warehouse.changing(name.key) as cursor:
            counts = _execute(cursor, statement.kind, tree)
        service.catalog.change(name, lambda settings: settings, rows=True, if_match=None)
    job_statistics["numDmlAffectedRows"] = str(sum(counts.values()))
    job_statistics["dmlStats"] = {_COUNTS[kind]: str(counts[kind]) for kind in _COUNTS}


def _execute(cursor: duckdb.DuckDBPyConnection, kind: str, tree: exp.Expr) -> Counter[str]:
    if isinstance(tree, exp.Update):
        _refuse_ambiguous(cursor, tree)
    text = sql.duckdb(tree)
    if isinstance(tree, exp.Merge):
        cursor.execute(f"{text} RETURNING merge_action")
        counts: Counter[str] = Counter()
        while rows := cursor.fetchmany(_WINDOW_ROWS):
            counts.update(row[0] for row in rows)
        return counts
    if isinstance(tree, exp.TruncateTable):
        text, kind = f"DELETE FROM {sql.duckdb(tree.expressions[0])}", "DELETE"  # noqa: S608 - quoted
    rows = cursor.execute(text).fetchall()
    return Counter({kind: int(rows[0][0])})


def _refuse_ambiguous(cursor: duckdb.DuckDBPyConnection, tree: exp.Update) -> None:
    """Refuse an UPDATE whose FROM gives a target row two rows."""
    others = tree.args.get("from_")
    if not others:
        return
    alias = tree.this.alias_or_name
    query = exp.select(exp.Literal.number(1)).from_(tree.this.copy()).join(others.this.copy(), join_type="CROSS")
    query = query.where(tree.args["where"].this.copy()).group_by(exp.column("rowid", table=alias))
    if cursor.execute(f"{sql.duckdb(query)} HAVING count(*) > 1 LIMIT 1").fetchall():
        raise invalid_query(message="UPDATE/MERGE must match at most one source row for each target row")
