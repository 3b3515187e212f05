"""Rows into a table, as load, copy and query jobs do it: dispositions, partitions, schemas; all or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.bigquery import partitions, queries, schemas, tables
from tests.fakes.bigquery.catalog import Table
from tests.fakes.bigquery.columns import definitions
from tests.fakes.bigquery.errors import invalid, table_exists, table_not_found
from tests.fakes.bigquery.names import quoted

if TYPE_CHECKING:
    import duckdb

    from tests.fakes.bigquery.names import Json, TableName
    from tests.fakes.bigquery.service import Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Filling:
    """What is to happen to a table.

    Attributes:
        target: The table, or with a decorator the partition.
        rows: Query in DuckDB's SQL that gives the rows, its columns named and typed as `fields`.
        fields: Their columns.
        write: WRITE_APPEND, WRITE_TRUNCATE or WRITE_EMPTY.
        create: CREATE_IF_NEEDED or CREATE_NEVER.
        settings: Settings of a table that is made: partitioning, clustering and so on.
        options: `schemaUpdateOptions`.
        location: Where the job runs.

    """

    target: TableName
    rows: str
    fields: list[Json]
    write: str
    create: str = "CREATE_IF_NEEDED"
    settings: Json = field(default_factory=dict)
    options: tuple[str, ...] = ()
    location: str = ""


def fill(service: Service, filling: Filling) -> int:
    """Write rows into a table or partition, and return how many; where it is refused, nothing has changed."""
    target, key = filling.target, filling.target.key
    dataset = service.catalog.dataset(target.dataset, filling.location)
    with service.warehouse.alone(key):
        old = service.catalog.find(target.whole())
        if old is None and filling.create == "CREATE_NEVER":
            raise table_not_found(target)
        service.permissions.of_table("bigquery.tables.updateData", target)
        if old is None:
            service.permissions.of_dataset("bigquery.tables.create", target.dataset)
        elif old.view:
            raise invalid(f"Cannot write to a view: {target.bare()}")
        new, statements = _plan(service, filling, old)
        with queries.refusing(), service.warehouse.changing(key) as cursor:
            # Large files go in at twice the speed, and a small one comes in its own order all the same.
            cursor.execute("SET SESSION preserve_insertion_order = false")
            for statement in statements:
                cursor.execute(statement)
            count = _write(cursor, filling, new)
        now = service.catalog.now_ms()
        if old is None:
            name = target.whole()
            made = Table(name=name, settings=new, location=dataset.location, created_ms=now, modified_ms=now)
            service.catalog.put(made)
        else:
            service.catalog.change(
                target.whole(), lambda now: {**now, "schema": new["schema"]}, rows=True, if_match=None
            )
    return count


def _plan(service: Service, filling: Filling, old: Table | None) -> tuple[Json, list[str]]:
    """Return the settings of the table afterwards, and the statements that make its columns fit."""
    target, schema = filling.target, {"fields": filling.fields}
    replaced = f"CREATE OR REPLACE TABLE {target.sql} ({definitions(filling.fields)})"
    if old is None:
        new = tables.checked(service, {**filling.settings, "schema": schema})
        partitions.rows_of(target, partitions.of(new))
        return new, [replaced]
    _compatible(filling, old)
    if (filling.write == "WRITE_TRUNCATE" and not target.decorator) or not old.fields:
        if schemas.same(old.fields, filling.fields):
            return old.settings, [f"CREATE OR REPLACE TABLE {target.sql} ({definitions(old.fields)})"]
        new = {**old.settings, "schema": schema}
        partitions.of(new)
        return new, [replaced]
    found = schemas.evolved(target, old.fields, filling.fields, allowed=filling.options)
    return {**old.settings, "schema": {"fields": found.fields}}, found.statements(target)


def _compatible(filling: Filling, old: Table) -> None:
    """Refuse a job that says otherwise how the table is partitioned and clustered."""
    for key, what in (("timePartitioning", "partitioning"), ("clustering", "clustering")):
        if key in filling.settings:
            asked = partitions.described({key: filling.settings[key]})
            there = partitions.described({key: old.settings.get(key)})
            if asked != there:
                raise invalid(
                    f"Incompatible table {what} specification. Destination table exists with {what} specification "
                    f"{there}, but transfer target {what} specification is {asked}. Please retry after updating "
                    f"either the destination table or the transfer {what} specification."
                )


def _write(cursor: duckdb.DuckDBPyConnection, filling: Filling, new: Json) -> int:
    target, by = filling.target, partitions.of(new)
    inside = partitions.rows_of(target, by)
    if filling.write == "WRITE_EMPTY" and _count(cursor, target.sql, inside):
        raise table_exists(target)
    if filling.write == "WRITE_TRUNCATE" and target.decorator:
        cursor.execute(f"DELETE FROM {target.sql} WHERE {inside}")  # noqa: S608 - quoted
    if target.decorator and by is not None:
        _one_partition(cursor, filling, by, inside)
    names = ", ".join(quoted(column["name"]) for column in filling.fields)
    rows = cursor.execute(f"INSERT INTO {target.sql} ({names}) {filling.rows}").fetchall()
    return int(rows[0][0])


def _one_partition(
    cursor: duckdb.DuckDBPyConnection, filling: Filling, by: partitions.Partitioning, inside: str
) -> None:
    """Refuse rows that belong to other partitions than the one that the name says."""
    names = [column["name"].lower() for column in filling.fields]
    outside = f"NOT coalesce({inside}, false)" if by.field.lower() in names else "true"
    if _count(cursor, f"({filling.rows})", outside):
        raise invalid(
            message="Some rows belong to different partitions rather than destination partition "
            f"{filling.target.table}${filling.target.decorator}"
        )


def _count(cursor: duckdb.DuckDBPyConnection, source: str, condition: str) -> int:
    return int(cursor.execute(f"SELECT count(*) FROM {source} WHERE {condition}").fetchall()[0][0])  # noqa: S608 - quoted
