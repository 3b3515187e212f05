"""A schema of a PostgreSQL server: itself, the ledger, the main tables, the table of bad lines, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from engine.errors import AccessDenied
from engine.ledger.postgres import TABLE
from engine.postgres import quoted
from engine.setup.thing import Standing, Thing
from engine.sinks.postgres.tables import REJECTS
from engine.targets import open_target, server
from engine.targets.postgres import connected, reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.contract import Dataset
    from engine.settings import Settings
    from engine.setup.thing import Asked


def steps(asked: Asked, settings: Settings) -> Iterator[Thing]:
    """Make the schema and its tables, or look at what is there; then say what to grant."""
    tables = [TABLE, *(dataset.table for dataset in asked.datasets), REJECTS]
    with server(asked.place, settings) as url, reached(), connected(url) as connection:
        making = _Making(asked, settings, connection)
        yield making.schema()
        for dataset in asked.datasets:
            yield from making.prepared(dataset)
        yield from _grants(connection, asked.place.schema, tables)


class _Making:
    """One schema that is made or looked at.

    Args:
        asked: What the user wants.
        settings: Who asks.
        connection: Where is looked and where the schema is made; tables are made as a load makes them.

    """

    def __init__(self, asked: Asked, settings: Settings, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._asked, self._settings, self._connection = asked, settings, connection
        self._schema = asked.place.schema
        self._said: set[str] = set()

    def schema(self) -> Thing:
        """Make the schema."""
        first = self._asked.datasets[0]
        with open_target(self._asked.place, first, self._settings):
            pass  # it refuses names that PostgreSQL would cut
        what, found = (
            f"schema {self._schema}",
            self._find("SELECT 1 FROM pg_namespace WHERE nspname = %s", self._schema),
        )
        if found:
            return Thing(what=what, state=Standing.THERE)
        if not self._asked.dry_run:
            try:
                self._connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(quoted(self._schema)))
            except psycopg.errors.InsufficientPrivilege as error:
                message = "this role may not make a schema"
                raise AccessDenied(
                    message,
                    facts={"schema": self._schema, "reason": str(error).splitlines()[0]},
                    state="nothing was changed",
                    next_step="GRANT CREATE ON DATABASE ... to this role, or let the database's owner run this command",
                ) from error
        return Thing(what=what, state=self._asked.made())

    def prepared(self, dataset: Dataset) -> Iterator[Thing]:
        """Make the main table of a dataset, and with the first one the ledger and the table of bad lines."""
        tables = (TABLE, dataset.table, REJECTS)
        before = {table: self._columns(table) for table in tables}
        if self._asked.dry_run:
            wanted = [column.name for column in dataset.contract.columns]
            after = {table: before[table] or ["new"] for table in tables}
            after[dataset.table] = [*before[dataset.table], *(n for n in wanted if n not in before[dataset.table])]
        else:
            with open_target(self._asked.place, dataset, self._settings) as target:
                target.sink.prepare()
                target.ledger.prepare()
            after = {table: self._columns(table) for table in tables}
        for table in tables:
            if table not in self._said:
                self._said.add(table)
                yield self._thing(table, before[table], after[table])

    def _thing(self, table: str, before: list[str], after: list[str]) -> Thing:
        what, added = f"table {self._schema}.{table}", [name for name in after if name not in before]
        if not before:
            return Thing(what=what, state=self._asked.made())
        if added:
            return Thing(what=what, state=self._asked.changed(), detail=f"columns that it lacked: {', '.join(added)}")
        return Thing(what=what, state=Standing.THERE)

    def _columns(self, table: str) -> list[str]:
        """Return a table's columns; none: there is no such table."""
        return self._find(
            "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            self._schema,
            table,
        )

    def _find(self, statement: str, *values: str) -> list[str]:
        return [str(row[0]) for row in self._connection.execute(statement.encode(), values)]


def _grants(connection: psycopg.Connection[tuple[Any, ...]], schema: str, tables: Sequence[str]) -> Iterator[Thing]:
    """Yield the statements that let one role load and another one read.

    A partition can be attached only by the owner of its table; who reads a table needs no right on its partitions.
    """
    names = [quoted(schema, table) for table in tables]
    loader, reader, place = quoted("LOADER"), quoted("READER"), quoted(schema)
    loads = [sql.SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {};").format(place, loader)]
    loads += [sql.SQL("ALTER TABLE {} OWNER TO {};").format(name, loader) for name in names]
    reads = [
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {};").format(place, reader),
        sql.SQL("GRANT SELECT ON TABLE {} TO {};").format(sql.SQL(", ").join(names), reader),
    ]
    for who, statements in (("a role that loads", loads), ("a role that reads", reads)):
        for statement in statements:
            yield Thing(what=statement.as_string(connection), state=Standing.HINT, detail=who)
