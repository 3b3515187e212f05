"""What a statement costs: the bytes that BigQuery counts and bills, before it runs.

- A query is charged the columns that it names, in the partitions that constant predicates keep.
- UPDATE, DELETE and a MERGE that does either are charged the target's kept partitions with all columns.
- Bills are rounded up to whole MB, with at least 10 MB for each table of which any byte is read.

Sources: https://cloud.google.com/bigquery/docs/estimate-costs#dml_statements_on_partitioned_tables and
https://cloud.google.com/bigquery/pricing#on_demand_pricing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from tests.fakes.bigquery import sql
from tests.fakes.bigquery.errors import invalid_query
from tests.fakes.bigquery.names import text

if TYPE_CHECKING:
    from tests.fakes.bigquery.partitions import Partitioning
    from tests.fakes.bigquery.scans import Scan
    from tests.fakes.bigquery.service import Service

_MB = 1 << 20
_MINIMUM = 10 * _MB
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "begin <= {0} AND {0} < after",
    exp.GTE: "after > {0}",
    exp.GT: "latest > {0}",
    exp.LTE: "begin <= {0}",
    exp.LT: "begin < {0}",
}
_TURNED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.EQ,
    exp.GTE: exp.LTE,
    exp.GT: exp.LT,
    exp.LTE: exp.GTE,
    exp.LT: exp.GT,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a statement costs.

    Attributes:
        processed: Bytes that it reads.
        billed: Bytes that are paid for.

    """

    processed: int
    billed: int


def cost(service: Service, scans: list[Scan]) -> Cost:
    """Return what reading costs."""
    read: dict[tuple[str, str], int] = {}
    for scan in scans:
        found = sum(
            partition.bytes_in(None if scan.changes else scan.columns)
            for partition in service.sizes.of(scan.table)
            if partition.id in _kept(service, scan)
        )
        read[scan.table.name.key] = read.get(scan.table.name.key, 0) + found
    billed = sum(max(size, _MINIMUM) for size in read.values() if size)
    return Cost(processed=sum(read.values()), billed=-(-billed // _MB) * _MB)


def require_filters(scans: list[Scan]) -> None:
    """Refuse to read a table without the filter that it requires."""
    for scan in scans:
        by = scan.table.partitioning
        if by and scan.table.settings.get("requirePartitionFilter") and _conditions(scan, by) == ["true"]:
            name = scan.table.name
            raise invalid_query(
                f"Cannot query over table '{name.project}.{name.dataset}.{name.table}' without a filter over column(s) "
                f"'{by.field}' that can be used for partition elimination"
            )


def _kept(service: Service, scan: Scan) -> set[str]:
    """Return the ids of the partitions that constant predicates keep."""
    by, partitions = scan.table.partitioning, service.sizes.of(scan.table)
    if by is None or not partitions:
        return {partition.id for partition in partitions}
    after, latest = (
        by.end_of("begin"),
        f"{by.end_of('begin')} - INTERVAL 1 {'DAY' if by.kind == 'DATE' else 'MICROSECOND'}",
    )
    listed = service.sizes.sql_list(partitions)
    conditions = " AND ".join(f"({condition})" for condition in _conditions(scan, by))
    rows = service.warehouse.rows(
        f"WITH known(id, begin) AS (VALUES {listed}), "  # noqa: S608 - ids and constants of ours
        f"bounds AS (SELECT id, begin, {after} AS after, {latest} AS latest FROM known) "
        f"SELECT id FROM bounds WHERE {conditions}"
    )
    return {row[0] for row in rows}


def _conditions(scan: Scan, by: Partitioning) -> list[str]:
    """Return conditions over begin, after and latest of a partition; ["true"]: nothing is known."""
    found = [_translated(predicate, by) for predicate in scan.predicates]
    return [condition for condition in found if condition != "true"] or ["true"]


def _translated(predicate: exp.Expr, by: Partitioning) -> str:
    """Say when a partition may hold a row that fulfils a predicate; "true": always, as far as one can tell."""
    node = predicate.unnest()
    if isinstance(node, exp.And):
        both = [side for side in (_translated(node.left, by), _translated(node.right, by)) if side != "true"]
        return " AND ".join(f"({side})" for side in both) or "true"
    if isinstance(node, exp.Or):
        left, right = _translated(node.left, by), _translated(node.right, by)
        return "true" if "true" in {left, right} else f"({left}) OR ({right})"
    if isinstance(node, exp.Between) and _is_column(node.this, by):
        low, high = _constant(node.args["low"], by), _constant(node.args["high"], by)
        return f"after > {low} AND begin <= {high}" if low and high else "true"
    if isinstance(node, exp.In) and _is_column(node.this, by) and node.expressions:
        constants = [_constant(value, by) for value in node.expressions]
        each = [_COMPARISONS[exp.EQ].format(constant) for constant in constants]
        return " OR ".join(f"({one})" for one in each) if all(constants) else "true"
    if isinstance(node, exp.Is) and _is_column(node.this, by) and isinstance(node.expression, exp.Null):
        return "begin IS NULL"
    return _compared(node, by)


def _compared(node: exp.Expr, by: Partitioning) -> str:
    kind = type(node)
    if kind not in _COMPARISONS:
        return "true"
    column, value = node.this, node.expression
    if not _is_column(column, by):
        column, value, kind = value, column, _TURNED[kind]
    constant = _constant(value, by) if _is_column(column, by) else ""
    return _COMPARISONS[kind].format(constant) if constant else "true"


def _is_column(node: exp.Expr, by: Partitioning) -> bool:
    bare = node.unnest()
    return isinstance(bare, exp.Column) and bare.name.lower() == by.field.lower()


def _constant(node: exp.Expr, by: Partitioning) -> str:
    """Return a constant in DuckDB's SQL; empty: it is none."""
    if node.find(exp.Column, exp.Query):
        return ""
    bare = node.unnest()
    if isinstance(bare, exp.Literal) and bare.is_string:
        return by.literal(text(bare.this)[1:-1])
    return f"CAST({sql.duckdb(node)} AS {by.sql_type})"
