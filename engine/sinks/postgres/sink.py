"""PostgreSQL 14 to 18: a main table partitioned by list on `source_month`, one partition a month.

A month is loaded into a table of its own, indexed and analysed there, and becomes visible in one short transaction that
also writes the ledger. A first load blocks no reader. One advisory lock a month, held by the connection that publishes,
lets exactly one engine load it; when that engine dies, the server lets go of the lock.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from engine.contract import ID
from engine.errors import Busy, EngineError, TableMismatch, TargetUnreachable, UsageError
from engine.identity import Checksum
from engine.identity.arrays import id_bytes
from engine.postgres import masked, quoted, usable
from engine.sinks.postgres.copy import Copy
from engine.sinks.postgres.reading import selected, stored_rows
from engine.sinks.postgres.tables import MainTable, statement
from engine.sinks.postgres.types import stored_order
from engine.sinks.postgres.work import PostgresWork

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray
    from psycopg import Connection

    from engine.contract import Column, Dataset
    from engine.load import Load
    from engine.month import Month


# PostgreSQL cuts names at 63 bytes; a partition adds `_2019_01` and its index `_id`.
LONGEST_NAME = 63 - len("_2019_01_id")


class PostgresSink:
    """One main table.

    Args:
        connection: In autocommit, to the server itself; holds the locks and publishes.
        url: The same server for the connections that copy.
        schema: Schema of the main table and of everything else.
        dataset: What the table holds.
        table: Its name.
        lock_wait_seconds: How long a publication tries against readers before it ends as busy.

    """

    def __init__(
        self,
        connection: Connection[tuple[Any, ...]],
        *,
        url: str,
        schema: str,
        dataset: Dataset,
        table: str,
        lock_wait_seconds: float = 30.0,
    ) -> None:
        if len(table.encode()) > LONGEST_NAME:
            message = f"table name {table!r} is too long"
            raise UsageError(message, facts={"expected": f"at most {LONGEST_NAME} bytes: partitions add to it"})
        self._connection = connection
        self._url = url
        self._main = MainTable(connection=connection, schema=schema, name=table, dataset=dataset)
        self._lock_wait_seconds = lock_wait_seconds

    @property
    def name(self) -> str:
        """The target for people."""
        return masked(self._url)

    @property
    def reads_are_billed(self) -> bool:
        """Reading costs nothing but time."""
        return False

    def prepare(self, extras: tuple[Column, ...] = ()) -> None:
        """Create or extend the main table; see `engine.sinks.protocol`."""
        try:
            self._main.prepare(extras)
        except psycopg.errors.LockNotAvailable as error:
            message = "readers hold the main table, which has to get a new column"
            raise Busy(
                message,
                facts={"table": f"{self._main.schema}.{self._main.name}"},
                state="nothing was changed",
                next_step="run the command again when the long query has ended (pg_stat_activity shows it)",
            ) from error
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
            message = f"the main table cannot be made in schema {self._main.schema}"
            raise TableMismatch(
                message,
                facts={"reason": str(error).splitlines()[0]},
                state="nothing was changed",
                next_step=f"CREATE SCHEMA, or GRANT USAGE, CREATE ON SCHEMA {self._main.schema} to this role",
            ) from error

    @contextmanager
    def locked(self, month: Month) -> Iterator[None]:
        """Hold the month's advisory lock; it dies with the connection."""
        text = f"engine month {self._main.schema}.{self._main.name} {month}"
        key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
        if not (row and row[0]):
            message = "another engine is loading this month"
            raise Busy(
                message,
                state="this run changed nothing",
                next_step="wait for the other run, then look at `engine status`",
            )
        try:
            yield
        finally:
            if usable(self._connection):
                self._connection.execute("SELECT pg_advisory_unlock(%s)", [key])

    def clear(self, month: Month) -> None:
        """Drop the tables that dead loads of the month left behind."""
        rows = self._connection.execute(
            statement("remains"), {"schema": self._main.schema, "mark": self._mark(month)}
        ).fetchall()
        for (table,) in rows:
            self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(quoted(self._main.schema, table)))

    def _mark(self, month: Month) -> str:
        return f"engine: unpublished rows of {self._main.name} {month}"

    def has(self, month: Month) -> bool:
        """Tell whether there is a partition for the month."""
        return self._main.oid() is not None and self._main.partition(month) is not None

    def stored(self, month: Month) -> int | None:
        """Return how many rows the partition has; None: there is none."""
        if self._main.oid() is None or (partition := self._main.partition(month)) is None:
            return None
        row = self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(partition)).fetchone()
        return row[0] if row else None

    def ids(self, month: Month) -> Iterator[NDArray[np.uint8]]:
        """Yield the stored ids of the month."""
        if self._main.oid() is None or (partition := self._main.partition(month)) is None:
            return
        query = sql.SQL("SELECT {} FROM {}").format(quoted(ID), partition).as_string(self._connection)
        for frame in stored_rows(self._url, query, ()):
            yield id_bytes(frame[ID])

    def read(self, month: Month, extras: tuple[Column, ...] = ()) -> Iterator[pl.DataFrame]:
        """Yield the month's rows as stored."""
        if (oid := self._main.oid()) is None or (partition := self._main.partition(month)) is None:
            return
        there = {name for name, _, _, _ in self._main.columns(oid)}
        columns = [c for c in (*self._main.dataset.contract.columns, *extras) if c.name in there]
        query = sql.SQL("SELECT {} FROM {}").format(selected(columns), partition).as_string(self._connection)
        yield from stored_rows(self._url, query, columns)

    def write(self, load: Load, batches: Iterable[pl.DataFrame]) -> PostgresWork:
        """Copy rows into a table of their own; see `engine.sinks.protocol`."""
        work = PostgresWork(main=self._main, url=self._url, load=load, lock_wait_seconds=self._lock_wait_seconds)
        checksum = Checksum()
        try:
            work.create(self._mark(load.month))
            columns = stored_order(load.columns)
            copy = Copy(self._url, schema=self._main.schema, table=work.table, columns=columns)
            sent = copy.run(_summed(batches, checksum))
            work.finish(sent, checksum.hexdigest())
        except BaseException as error:
            # What went wrong first is what matters; the next run clears remains.
            with suppress(psycopg.Error, EngineError):
                work.discard()
            if not isinstance(error, psycopg.OperationalError):
                raise
            message = "PostgreSQL could not go on"
            facts = {"target": self.name, "reason": str(error).splitlines()[0]}
            raise TargetUnreachable(message, facts=facts) from error
        return work


def _summed(batches: Iterable[pl.DataFrame], checksum: Checksum) -> Iterator[pl.DataFrame]:
    """Yield each frame after its ids were added to the checksum."""
    for frame in batches:
        checksum.add(id_bytes(frame[ID]))
        yield frame
