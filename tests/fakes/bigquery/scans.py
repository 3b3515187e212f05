"""What a statement reads: which columns of which tables, and which predicates on the partition column are constant.

A predicate counts where BigQuery prunes by it: it compares the partition column itself with constants, and it stands
in a WHERE, or in the ON of a join that may drop rows of this table. What a join, a subquery or another column implies
about the column does not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from tests.fakes.bigquery.columns import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.bigquery.catalog import Catalog, Table
    from tests.fakes.bigquery.names import TableName
    from tests.fakes.bigquery.sql import Statement

# Which side of a join keeps all its rows, so that its ON drops none of them.
_KEEPS_LEFT, _KEEPS_RIGHT = ("LEFT", "FULL"), ("RIGHT", "FULL")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """One table that a statement reads.

    Attributes:
        table: The table.
        columns: Names of the columns that it needs, in lower case.
        predicates: Conditions on this table alone, of which a row must fulfil every one.
        changes: Whether it is rewritten: UPDATE, DELETE, or a MERGE that does either.

    """

    table: Table
    columns: set[str]
    predicates: list[exp.Expr] = field(default_factory=list)
    changes: bool = False


def scans(statement: Statement, catalog: Catalog) -> list[Scan]:
    """Return what a statement reads; a table that it names twice is read twice."""
    query, target = _as_query(statement)
    if query is None:
        return []
    tables = {name.key: catalog.table(name) for name in _names(statement)}
    schema: dict[str, Any] = {}
    for table in tables.values():
        columns = {column["name"]: type_of(column) for column in table.fields}
        schema.setdefault(table.name.dataset, {})[table.name.table] = columns
    tree = qualify(query.copy(), schema=schema, dialect="bigquery", validate_qualify_columns=False)
    tree = pushdown_projections(pushdown_predicates(tree, dialect="bigquery"))
    found = []
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table) and (table_read := tables.get((source.db, source.name))):
                changes = scope.is_root and alias.lower() == target.lower()
                found.append(
                    Scan(
                        table=table_read,
                        columns=_columns(scope, alias),
                        predicates=list(_predicates(scope, alias)),
                        changes=changes,
                    )
                )
    return found


def _names(statement: Statement) -> list[TableName]:
    if statement.target is None or statement.kind in {"CREATE", "DROP"}:
        return statement.sources
    return [*statement.sources, statement.target]


def _columns(scope: Scope, alias: str) -> set[str]:
    return {column.name.lower() for column in scope.columns if column.table == alias}


def _predicates(scope: Scope, alias: str) -> Iterator[exp.Expr]:
    select = scope.expression
    if where := select.args.get("where"):
        yield from _about(where.this, alias)
    seen = [select.args["from_"].this.alias_or_name] if select.args.get("from_") else []
    for join in select.args.get("joins") or []:
        right, side = join.this.alias_or_name, join.side.upper()
        drops = (alias == right and side not in _KEEPS_RIGHT) or (alias in seen and side not in _KEEPS_LEFT)
        if drops and join.args.get("on"):
            yield from _about(join.args["on"], alias)
        seen.append(right)


def _about(condition: exp.Expr, alias: str) -> Iterator[exp.Expr]:
    """Give the parts of a conjunction that are about one table only."""
    parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
    for part in parts:
        bare = part.unnest()
        if isinstance(bare, exp.And):
            yield from _about(bare, alias)
        elif not bare.find(exp.Query) and {column.table for column in bare.find_all(exp.Column)} == {alias}:
            yield bare


def _as_query(statement: Statement) -> tuple[exp.Query | None, str]:
    """Return a query that reads what a statement reads, and the alias of the table that it rewrites."""
    tree = statement.tree
    if isinstance(tree, exp.Query):
        return tree, ""
    if isinstance(tree, exp.Insert | exp.Create):
        inner = tree.expression
        return (inner, "") if isinstance(inner, exp.Query) else (None, "")
    if isinstance(tree, exp.Update):
        values = [assignment.expression for assignment in tree.expressions]
        others = tree.args.get("from_")
        return _select(values, tree.this, [others.this] if others else [], tree.args.get("where")), _alias(tree.this)
    if isinstance(tree, exp.Delete):
        return _select([], tree.this, [], tree.args.get("where")), _alias(tree.this)
    if isinstance(tree, exp.Merge):
        return _merge(tree)
    return None, ""


def _select(values: list[exp.Expr], target: exp.Expr, others: list[exp.Expr], where: exp.Expr | None) -> exp.Select:
    query = exp.select(*([value.copy() for value in values] or [exp.Literal.number(1)])).from_(target.copy())
    for other in others:
        query = query.join(other.copy(), join_type="CROSS")
    return query.where(where.this.copy()) if where else query


def _merge(tree: exp.Merge) -> tuple[exp.Query, str]:
    source, rewrites = tree.args["using"], False
    values: list[exp.Expr] = []
    for when in tree.args["whens"].expressions:
        inserts = isinstance(when.args["then"], exp.Insert)
        rewrites = rewrites or not inserts
        parts = [when.args.get("condition"), *_values(when.args["then"], source)]
        values += [_of_source(part, source) if inserts else part.copy() for part in parts if part is not None]
    query = exp.select(*(values or [exp.Literal.number(1)])).from_(source.copy())
    query = query.join(tree.this.copy(), on=tree.args["on"].copy(), join_type="LEFT")
    return query, _alias(tree.this) if rewrites else ""


def _values(then: exp.Expr, source: exp.Expr) -> list[exp.Expr]:
    if isinstance(then, exp.Update):
        return [assignment.expression for assignment in then.expressions]
    if isinstance(then, exp.Insert):
        values = then.expression
        return list(values.expressions) if values else [exp.column(exp.Star(), table=source.alias_or_name)]
    return []


def _of_source(value: exp.Expr, source: exp.Expr) -> exp.Expr:
    """Say that the columns of an inserted row are the source's."""
    found = value.copy()
    for column in [found] if isinstance(found, exp.Column) else list(found.find_all(exp.Column)):
        if not column.table:
            column.set("table", exp.to_identifier(source.alias_or_name))
    return found


def _alias(table: exp.Expr) -> str:
    return table.alias_or_name


def names(found: list[Scan]) -> list[TableName]:
    """Return the tables of some scans, each once."""
    return list({scan.table.name.key: scan.table.name for scan in found}.values())
