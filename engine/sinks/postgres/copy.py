"""Batches into one unpublished table, over several connections at once, by the driver's binary COPY.

The connections take from one short queue, so memory is bounded by a few batches and a slow connection holds up nobody.
An error on one of them stops all; the table is then somebody's to drop.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pyarrow as pa

from engine.errors import TargetUnreachable
from engine.postgres import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONNECTIONS = 2  # measured: two beat one, three do not on two cores (docs/decisions)
_WAITING_BATCHES = 4
_PATIENCE_SECONDS = 0.1


class _Stop(Exception):
    """Ends a COPY without committing it."""


class Copy:
    """A table being filled.

    Args:
        url: libpq URL of the server.
        schema: Schema of the table.
        table: The table; it exists, and nobody else writes to it.
        columns: Schema of the batches; names are the table's.

    """

    def __init__(self, url: str, *, schema: str, table: str, columns: pa.Schema) -> None:
        self._url = url
        self._schema = schema
        self._table = table
        self._columns = columns
        self._queue: queue.Queue[pa.RecordBatch | None] = queue.Queue(_WAITING_BATCHES)
        self._failed = threading.Event()
        self._errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._send, name=f"copy-{n}") for n in range(CONNECTIONS)]

    def run(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Send all batches and return how many rows they were; the table has them all, committed."""
        rows = 0
        for thread in self._threads:
            thread.start()
        try:
            for batch in batches:
                self._put(batch)
                rows += batch.num_rows
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

    def _put(self, batch: pa.RecordBatch | None) -> None:
        while not self._failed.is_set():
            try:
                self._queue.put(batch, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                continue
            return
        raise self._failure() from (self._errors[0] if self._errors else None)

    def _taken(self) -> Iterator[pa.RecordBatch]:
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
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - costs 50 ms that other commands need not pay

        try:
            with dbapi.connect(self._url) as connection, connection.cursor() as cursor:
                reader = pa.RecordBatchReader.from_batches(self._columns, self._taken())
                cursor.adbc_ingest(self._table, reader, mode="append", db_schema_name=self._schema)
                connection.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the thread that runs the load
            self._errors.append(error)
            self._failed.set()

    def _failure(self) -> TargetUnreachable:
        reason = str(self._errors[0]) if self._errors else "another connection failed"
        return TargetUnreachable(
            "PostgreSQL did not take the rows",
            facts={"target": masked(self._url), "table": f"{self._schema}.{self._table}", "reason": reason},
            next_step="look at the server's log, then run the command again",
        )
