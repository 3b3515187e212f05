"""A world whose target is a schema of a database, read by SQL as anyone would."""

from __future__ import annotations

import itertools
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from engine.targets import Place
from tests.conformance.world import MONTH, Row, World, settings_in, trips

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.month import Month

_NUMBERS = itertools.count(1)


@dataclass(slots=True, kw_only=True)
class PostgresWorld(World):
    """A schema of a database.

    Attributes:
        url: The database.
        schema: The schema.

    """

    url: str
    schema: str = "public"

    def _place(self) -> Place:
        return Place(url=self.url, schema=self.schema, lock_wait_seconds=2.0)

    def query(self, text: str, *values: object) -> list[Row]:
        """Run one statement as a stranger would and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT set_config('search_path', %s, false)", [self.schema])
            cursor = connection.execute(text.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def _is(self, table: str) -> bool:
        return bool(self.query("SELECT to_regclass(%s) IS NOT NULL", table)[0][0])

    def visible(self, month: Month = MONTH) -> list[Row] | None:
        """See `World`; through the main table, as anyone would."""
        if not self._is(self.dataset.table):
            return None
        columns = ", ".join(c.name for c in self.dataset.contract.columns)
        query = f"SELECT {columns} FROM {self.dataset.table} WHERE source_month = %s"  # noqa: S608 - our own names
        rows = self.query(query, month.first_day)
        partition = f"{self.dataset.table}_{month.year:04d}_{month.month:02d}"
        return sorted(rows, key=repr) if rows or self._is(partition) else None

    def remains(self) -> list[str]:
        """See `World`."""
        rows = self.query(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace "
            "AND (relname LIKE '\\_engine\\_%%' OR (NOT relispartition AND relname ~ %s))",
            self.schema,
            f"^{self.dataset.table}_\\d{{4}}_\\d\\d$",
        )
        return [row[0] for row in rows]

    def states(self) -> dict[str, str]:
        """See `World`."""
        if not self._is("engine_loads"):
            return {}
        rows = self.query("SELECT load_id::text, state, receipt->>'state' FROM engine_loads ORDER BY load_id")
        assert all(column == document for _, column, document in rows)
        return {load: state for load, state, _ in rows}

    def rejects(self) -> list[tuple[int, str | None, str, str]]:
        """See `World`."""
        if not self._is("engine_rejects"):
            return []
        rows = self.query("SELECT line, column_name, reason, raw FROM engine_rejects ORDER BY line")
        return [(line, column, reason, raw) for line, column, reason, raw in rows]

    def lose_ledger(self) -> None:
        """See `World`."""
        self.query("DROP TABLE engine_loads")

    def age_ledger(self) -> None:
        """See `World`."""
        self.query("COMMENT ON TABLE engine_loads IS 'What was loaded. Ledger schema 99'")

    def tamper(self, what: str) -> None:
        """See `World`."""
        partition = f"{self.dataset.table}_{MONTH.year:04d}_{MONTH.month:02d}"
        match what:
            case "changed":
                self.query(f"UPDATE {partition} SET note = 'other' WHERE id = 3")  # noqa: S608 - our own names
            case "missing":
                self.query(f"DELETE FROM {partition} WHERE id = 3")  # noqa: S608 - our own names
            case "extra":
                self.query(
                    f"INSERT INTO {partition} (unique_row_id, id, at, fare, note) "  # noqa: S608 - our own names
                    f"SELECT md5('x')::uuid, id, at, fare, 'alien' FROM {partition} WHERE id = 3"
                )
            case _:
                self.query(f"DROP INDEX {partition}_id")
                self.query(f"INSERT INTO {partition} SELECT * FROM {partition} WHERE id = 3")  # noqa: S608 - our own names

    def reset(self) -> None:
        """See `World`."""
        self.query(f"DROP SCHEMA {self.schema} CASCADE")
        self.query(f"CREATE SCHEMA {self.schema}")

    def added(self) -> set[tuple[object, ...]]:
        """See `World`."""
        return set(self.query("SELECT DISTINCT filename, source_month FROM trips_tripdata"))

    def column(self, name: str) -> list[object]:
        """See `World`."""
        return [row[0] for row in self.query(f"SELECT {name} FROM trips_tripdata")]  # noqa: S608 - our own names

    def prints(self, month: Month) -> object:
        """See `World`."""
        partition = f"trips_tripdata_{month.year:04d}_{month.month:02d}"
        return self.query("SELECT oid, pg_relation_filenode(oid) FROM pg_class WHERE oid = %s::regclass", partition)

    def fingerprint(self) -> object:
        """See `World`."""
        tables = self.query(
            "SELECT relname, oid, pg_relation_filenode(oid) FROM pg_class WHERE relnamespace = %s::regnamespace "
            "ORDER BY 1",
            self.schema,
        )
        return tables, self.query("SELECT *, xmin::text FROM engine_loads ORDER BY load_id")


@contextmanager
def postgres_world(server: str, folder: Path) -> Iterator[PostgresWorld]:
    """Yield a world in a schema of its own, which is as good as a database of its own and made at once."""
    schema = f"world_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    yield PostgresWorld(folder=folder, dataset=trips(folder), settings=settings_in(folder), url=server, schema=schema)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"r_{schema}")))
