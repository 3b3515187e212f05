"""Rows: one DuckDB file in a folder, a cursor for each reader, a transaction for each change.

Readers see the state of one moment. Changes of one table come after each other; those of different tables may run at
the same time. A change that fails leaves nothing.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from tests.fakes.bigquery.names import RESULTS, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MEMORY_LIMIT = "4GB"


class Warehouse:
    """The rows of all tables.

    Args:
        folder: Where its file and whatever does not fit into memory lie.

    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY_LIMIT,
            "temp_directory": str(folder / "spill"),
        }
        self._connection = duckdb.connect(str(folder / "rows.duckdb"), config=settings)
        self._guard = threading.Lock()
        self._tables: dict[tuple[str, str], threading.RLock] = {}
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(RESULTS)}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor; each statement on it sees the state of its own moment."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def alone(self, *tables: tuple[str, str]) -> Iterator[None]:
        """Keep every other change of these tables out; the order of locking is the same for all."""
        with self._guard:
            locks = [self._tables.setdefault(key, threading.RLock()) for key in sorted(set(tables))]
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            yield

    @contextmanager
    def changing(self, *tables: tuple[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor in a transaction on these tables, which is committed unless the block raises."""
        with self.alone(*tables), self.reading() as cursor:
            cursor.execute("BEGIN TRANSACTION")
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return all rows of a small result as tuples of Python values, times with zones in UTC."""
        with self.reading() as cursor:
            table = cursor.sql(statement).to_arrow_table()
        columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
        return list(zip(*columns, strict=True))

    def record(self, statement: str) -> Mapping[str, Any]:
        """Return the one row of a result by the names of its columns."""
        with self.reading() as cursor:
            found: Mapping[str, Any] = cursor.sql(statement).to_arrow_table().to_pylist()[0]
        return found
