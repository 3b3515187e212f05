"""Frames into one unpublished table, over several connections at once, by binary COPY.

The connections take from one short queue, so memory is bounded by a few batches and a slow connection holds up nobody.
An error on one of them stops all; the table is then somebody's to drop.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from engine.contract import ID
from engine.errors import EngineError, TargetUnreachable
from engine.postgres import connect, masked, quoted
from engine.sinks.postgres import binary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from engine.contract import Column

CONNECTIONS = 2  # measured: two beat one, three do not on two cores (docs/decisions/0003)
_WAITING_BATCHES = 2
_PATIENCE_SECONDS = 0.1


class _Stop(Exception):
    """Ends a COPY without committing it."""


class Copy:
    """A table being filled.

    Args:
        url: libpq URL of the server.
        schema: Schema of the table.
        table: The table; it exists, and nobody else writes to it.
        columns: Its columns in order; None stands for `unique_row_id`.

    """

    def __init__(self, url: str, *, schema: str, table: str, columns: Sequence[Column | None]) -> None:
        self._url = url
        self._table = quoted(schema, table)
        self._columns = columns
        self._queue: queue.Queue[pl.DataFrame | None] = queue.Queue(_WAITING_BATCHES)
        self._failed = threading.Event()
        self._errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._send, name=f"copy-{n}") for n in range(CONNECTIONS)]

    def run(self, batches: Iterable[pl.DataFrame]) -> int:
        """Send all batches and return how many rows they were; the table has them all, committed."""
        rows = 0
        for thread in self._threads:
            thread.start()
        try:
            for batch in batches:
                self._put(batch)
                rows += batch.height
            for _ in self._threads:
                self._put(None)
        except BaseException:
            self._failed.set()
            raise
        finally:
            for thread in self._threads:
                thread.join()
        if self._errors:
            raise self._failure() from self._errors[0]
        return rows

    def _put(self, batch: pl.DataFrame | None) -> None:
        while not self._failed.is_set():
            try:
                self._queue.put(batch, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                continue
            return
        raise self._failure() from (self._errors[0] if self._errors else None)

    def _taken(self) -> Iterator[pl.DataFrame]:
        while True:
            try:
                batch = self._queue.get(timeout=_PATIENCE_SECONDS)
            except queue.Empty:
                if self._failed.is_set():
                    raise _Stop from None
                continue
            if batch is None:
                return
            yield batch

    def _send(self) -> None:
        names = sql.SQL(", ").join(quoted(ID if column is None else column.name) for column in self._columns)
        query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(self._table, names)
        try:
            with connect(self._url) as connection, connection.cursor() as cursor, cursor.copy(query) as copy:
                copy.write(binary.HEADER)
                for batch in self._taken():
                    for piece in binary.rows(batch, self._columns):
                        copy.write(piece)
                copy.write(binary.TRAILER)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the thread that runs the load
            self._errors.append(error)
            self._failed.set()

    def _failure(self) -> EngineError:
        error = self._errors[0] if self._errors else None
        if isinstance(error, EngineError):
            return error
        kind = TargetUnreachable if isinstance(error, psycopg.Error) else EngineError
        return kind(
            "PostgreSQL did not take the rows",
            facts={"target": masked(self._url), "reason": str(error or "another connection failed").splitlines()[0]},
            next_step="look at the server's log, then run the command again",
        )
