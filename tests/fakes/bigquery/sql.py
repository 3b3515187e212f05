"""Statements: BigQuery's SQL as sqlglot reads it, with parameters, names and views in place, and as DuckDB runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from tests.fakes.bigquery.errors import ApiError, invalid_query, not_covered
from tests.fakes.bigquery.names import TableName
from tests.fakes.bigquery.parameters import Parameters, put_in

if TYPE_CHECKING:
    from tests.fakes.bigquery.catalog import Catalog

_KINDS: dict[type[exp.Expr], str] = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "MERGE",
    exp.TruncateTable: "TRUNCATE_TABLE",
    exp.Create: "CREATE",
    exp.Drop: "DROP",
}
_MAX_VIEWS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        tree: It, with names as DuckDB has them and views as subqueries.
        kind: INSERT, UPDATE, DELETE, MERGE, TRUNCATE_TABLE, CREATE, DROP or SELECT.
        target: The table that it changes; None: it selects.
        sources: The tables that it names otherwise.

    """

    tree: exp.Expr
    kind: str
    target: TableName | None
    sources: list[TableName]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Reads statements.

    Attributes:
        catalog: The tables.
        location: Where the tables must lie; empty: anywhere.
        dataset: The dataset of names without one; empty: such names are refused.

    """

    catalog: Catalog
    location: str = ""
    dataset: str = ""

    def read(self, text: str, parameters: Parameters | None = None) -> Statement:
        """Read one statement; every table that it reads or changes must be there, unless it makes or drops it."""
        tree = _keep_types(put_in(parse(text), parameters or Parameters()))
        kind = _KINDS.get(type(tree), "SELECT")
        if kind == "SELECT" and not isinstance(tree, exp.Query):
            raise not_covered(f"statements like {text.split(maxsplit=1)[0]}")
        target = self._target(tree)
        sources = self._resolve(tree, skip=target, depth=0)
        name = self._place(target) if target is not None else None
        if name is not None and kind not in {"CREATE", "DROP"}:
            self._changeable(name)
        return Statement(tree=name_columns(tree), kind=kind, target=name, sources=sources)

    def tables(self, text: str) -> list[TableName]:
        """Return all tables that a statement names, there or not."""
        tree = parse(text)
        return [self._name(node) for node in _named(tree)]

    def _target(self, tree: exp.Expr) -> exp.Table | None:
        if isinstance(tree, exp.Query):
            return None
        found = tree.this
        if isinstance(tree, exp.TruncateTable):
            found = tree.expressions[0]
        elif isinstance(tree, exp.Delete | exp.Drop) and tree.args.get("tables"):  # DELETE without FROM
            found = tree.args["tables"][0]
            tree.set("tables", None)
            tree.set("this", found)
        if isinstance(found, exp.Schema):
            found = found.this
        return found if isinstance(found, exp.Table) else None

    def _changeable(self, name: TableName) -> None:
        if self.catalog.table(name, self.location).view:
            raise invalid_query(f"DML statements are not supported over views: {name.bare()}")

    def _resolve(self, tree: exp.Expr, *, skip: exp.Table | None, depth: int) -> list[TableName]:
        if depth > _MAX_VIEWS:
            raise invalid_query(message="Views nest too deeply")
        found = []
        for node in _named(tree):
            if node is skip:
                continue
            table = self.catalog.table(self._name(node), self.location)
            if table.view:
                inner = parse(table.view)
                found += self._resolve(inner, skip=None, depth=depth + 1)
                alias = exp.TableAlias(this=exp.to_identifier(node.alias_or_name, quoted=True))
                node.replace(exp.Subquery(this=name_columns(inner), alias=alias))
            else:
                found.append(self._place(node))
        return found

    def _name(self, node: exp.Table) -> TableName:
        dataset = node.db or self.dataset
        if not dataset:
            raise ApiError(
                400, f'Table "{node.name}" must be qualified with a dataset (e.g. dataset.table).', "invalidQuery"
            )
        if "INFORMATION_SCHEMA" in f"{dataset}.{node.name}".upper():
            raise not_covered(what="INFORMATION_SCHEMA")
        return TableName.of(node.catalog or self.catalog.project, dataset, node.name)

    def _place(self, node: exp.Table) -> TableName:
        """Give a table the name that it has in DuckDB."""
        name = self._name(node)
        node.set("catalog", None)
        node.set("db", exp.to_identifier(name.dataset, quoted=True))
        node.set("this", exp.to_identifier(name.table, quoted=True))
        return name


def parse(text: str) -> exp.Expr:
    """Return the tree of one statement."""
    try:
        found = [tree for tree in sqlglot.parse(text, read="bigquery") if tree is not None]
    except SqlglotError as error:
        raise invalid_query(f"Syntax error: {str(error).splitlines()[0]}") from error
    if len(found) != 1:
        raise not_covered(what="scripts of several statements") if found else invalid_query("Syntax error: empty query")
    return found[0]


def duckdb(tree: exp.Expr) -> str:
    """Return a statement as DuckDB runs it."""
    return tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.IGNORE)


def condition(text: str) -> exp.Expr:
    """Return the tree of a condition such as a row restriction."""
    try:
        found: exp.Expr = sqlglot.parse_one(f"SELECT 1 WHERE {text}", read="bigquery").args["where"].this
    except SqlglotError as error:
        raise invalid_query(f"Syntax error: {str(error).splitlines()[0]}") from error
    return found


def name_columns(tree: exp.Expr) -> exp.Expr:
    """Give columns without a name the names that BigQuery gives them: f0_, f1_ and so on."""
    if isinstance(tree, exp.Select):
        unnamed = [
            node for node in tree.expressions if not isinstance(node, exp.Alias | exp.Column) and not node.is_star
        ]
        for number, node in enumerate(unnamed):
            node.replace(exp.alias_(node.copy(), f"f{number}_"))
    return tree


def _keep_types(tree: exp.Expr) -> exp.Expr:
    """Let arithmetic on dates give dates, and 0.5 be a FLOAT64, where DuckDB has timestamps and decimals."""
    for node in list(tree.find_all(exp.DateTrunc, exp.DateAdd, exp.DateSub)):
        if not node.find_ancestor(exp.PartitionedByProperty):
            node.replace(exp.cast(node.copy(), exp.DataType.Type.DATE))
    for number in list(tree.find_all(exp.Literal)):
        if not number.is_string and not number.is_int:
            number.replace(exp.cast(number.copy(), exp.DataType.Type.DOUBLE))
    return tree


def _named(tree: exp.Expr) -> list[exp.Table]:
    """Return the nodes of tables, not those of common table expressions and functions."""
    expressions = {node.alias for node in tree.find_all(exp.CTE)}
    return [
        node
        for node in tree.find_all(exp.Table)
        if isinstance(node.this, exp.Identifier) and (node.db or node.name not in expressions)
    ]
