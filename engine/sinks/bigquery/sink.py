"""A dataset of BigQuery: one table a dataset, partitioned by month, in which a month is replaced by one free load job.

A month is written into a Parquet file on this machine, checked, and loaded into its partition (`table$YYYYMM`) by a job
that replaces it whole or not at all. To append, the rows that the month lacks go into a table of their own and are
merged by a statement that is bound to the month's partition.

BigQuery has no locks: an empty table that its holder keeps changing is a month's lease (`engine.lease`), and the job's
id is what is given only once (`engine.sinks.bigquery.publication`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from engine.google.table_record import TableRecord
from engine.lease import leased
from engine.sinks.bigquery.partition import Partition
from engine.sinks.bigquery.publication import ran
from engine.sinks.bigquery.reading import stored_rows
from engine.sinks.bigquery.rejects import Rejected
from engine.sinks.bigquery.statement import statement
from engine.sinks.bigquery.types import table_schema
from engine.sinks.bigquery.work import BigQueryWork

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.lease import Lease
    from engine.load import Load
    from engine.month import Month
    from engine.receipt import Receipt
    from engine.sinks.bigquery.loading import Staging
    from engine.sinks.bigquery.tables import MainTable


class History(Protocol):
    """What the ledger knows of a month."""

    def generation(self, month: Month) -> str:
        """Return how often the month was loaded, in a text that no other ledger gives."""
        ...

    def gone(self, month: Month) -> list[str]:
        """Return the ids of loads of which the month has no row: they failed, or were replaced."""
        ...


class BigQuerySink:
    """The table of one dataset.

    Args:
        main: The table.
        scratch: A folder for files that are on their way.
        history: Tells what became of a month's loads.
        staging: Where files are put for BigQuery; None: they are sent with the job.
        streamed: Whether rows go by the Storage Write API.
        lease_seconds: A holder of a month that is silent for so long is dead.

    """

    def __init__(
        self,
        main: MainTable,
        scratch: Path,
        history: History,
        *,
        staging: Staging | None,
        streamed: bool,
        lease_seconds: float,
    ) -> None:
        self._main, self._warehouse = main, main.warehouse
        self._scratch = scratch
        self._history = history
        self._staging, self._streamed = staging, streamed
        self._lease_seconds = lease_seconds
        self._lease: Lease | None = None

    @property
    def name(self) -> str:
        """The target for people."""
        return self._warehouse.name

    @property
    def reads_are_billed(self) -> bool:
        """The Storage Read API is billed by the bytes of the columns that are read."""
        return True

    def prepare(self, extras: tuple[Column, ...] = ()) -> None:
        """Create tables that are missing and add columns that the main table lacks."""
        self._main.prepare(extras)

    @contextmanager
    def locked(self, month: Month) -> Iterator[None]:
        """Hold the month's lease."""
        record = TableRecord(self._warehouse, self._main.lock(month))
        with leased(record, self._lease_seconds) as self._lease:
            yield

    def clear(self, month: Month) -> None:
        """Remove what loads of the month left: tables, files in the bucket, lines of what is not in place."""
        prefix = self._main.work_prefix(month)
        for table in self._warehouse.tables():
            if table.startswith(prefix):
                self._warehouse.drop(table)
        if self._staging is not None:
            self._staging.clear(self._main.work_prefix(month))
        self._partition(month).rejects().remove(self._history.gone(month))

    def has(self, month: Month) -> bool:
        """Tell whether the month has rows."""
        return self._partition(month).rows() > 0

    def stored(self, month: Month) -> int | None:
        """Return how many rows the month has; None: it has none, and an empty partition is no partition."""
        return self._partition(month).rows() or None

    def landed(self, receipt: Receipt) -> bool:
        """Tell whether the job of a load that was begun and never recorded did its work; the answer stays true.

        Where it did not, its bad lines are removed; those of what it replaced, the next run removes.
        """
        month = receipt.partition.month
        rejected = Rejected(warehouse=self._warehouse, table=self._main.name, month=month, load_id=receipt.load_id)
        if receipt.job and ran(self._warehouse, receipt.job, receipt.load_id):
            return True
        if receipt.rows.quarantined:
            rejected.remove()
        return False

    def ids(self, month: Month) -> Iterator[NDArray[np.uint8]]:
        """Yield the stored ids of the month."""
        return self._partition(month).ids()

    def read(self, month: Month, extras: tuple[Column, ...] = ()) -> Iterator[pl.DataFrame]:
        """Yield the month's rows as stored."""
        if (table := self._main.found()) is None:
            return
        there = {field.name for field in table.schema}
        columns = [c for c in (*self._main.dataset.contract.columns, *extras) if c.name in there]
        yield from stored_rows(self._warehouse, self._main.name, month, columns)

    def estimate(self, month: Month) -> int:
        """Return how many bytes the MERGE of an append would read in the month, at least."""
        if self._main.found() is None:
            return 0
        fields = table_schema(self._main.dataset.contract.columns)
        text = statement(
            "merge_estimate",
            main=self._warehouse.quoted(self._main.name),
            nothing=", ".join(
                f"CAST(NULL AS {_SQL_TYPES.get(f.field_type, f.field_type)}) AS `{f.name}`" for f in fields
            ),
            day=str(month.first_day),
            columns=", ".join(f"`{f.name}`" for f in fields),
        )
        return self._warehouse.estimate(text)

    def write(self, load: Load, batches: Iterable[pl.DataFrame]) -> BigQueryWork:
        """Write rows into a file on this machine; see `engine.sinks.protocol`."""
        if self._lease is None:
            message = "a month is written under its lock"
            raise RuntimeError(message)
        work = BigQueryWork(
            partition=self._partition(load.month),
            load=load,
            lease=self._lease,
            scratch=self._scratch,
            generation=self._history.generation(load.month),
        )
        try:
            work.fill(batches)
        except BaseException:
            work.discard()
            raise
        return work

    def _partition(self, month: Month) -> Partition:
        return Partition(main=self._main, month=month, staging=self._staging, streamed=self._streamed)


# What the REST API calls otherwise than statements do.
_SQL_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
