"""One month of a main table: how its rows are counted, read, and brought there."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.cloud import bigquery

from engine.google.remains import leaving
from engine.sinks.bigquery.reading import stored_ids
from engine.sinks.bigquery.rejects import MonthRejects
from engine.sinks.bigquery.tables import WORK_EXPIRES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from engine.google.warehouse import Warehouse
    from engine.load import Load
    from engine.month import Month
    from engine.sinks.bigquery.loading import Staging
    from engine.sinks.bigquery.tables import MainTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A month of a main table.

    Attributes:
        main: The table.
        month: The month.
        staging: Where files are put for BigQuery; None: they are sent with the job.
        streamed: Whether rows go by the Storage Write API.

    """

    main: MainTable
    month: Month
    staging: Staging | None
    streamed: bool

    @property
    def warehouse(self) -> Warehouse:
        """Where the table is."""
        return self.main.warehouse

    def of(self, table: str) -> str:
        """Return how BigQuery calls the month's partition of a table: `yellow_tripdata$201901`."""
        return f"{table}${self.month.year:04d}{self.month.month:02d}"

    def schema(self) -> list[bigquery.SchemaField]:
        """Return the columns of the main table as they are now."""
        found = self.main.found()
        return list(found.schema) if found else []

    def rows(self) -> int:
        """Return how many rows it has, from the metadata: nothing is read."""
        found = self.warehouse.table(self.of(self.main.name))
        return int(found.num_rows or 0) if found else 0

    def ids(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the stored ids, (rows, 16) bytes each time, in no order."""
        return stored_ids(self.warehouse, self.main.name, self.month)

    @contextmanager
    def work_table(self, load: Load) -> Iterator[str]:
        """Make a table of the main table's shape for one load, gone at the end, or a day after its engine died."""
        name = self.main.work(self.month, load.load_id)
        table = bigquery.Table(self.warehouse.path(name), schema=self.schema())
        self.main.shape(table)
        table.expires = dt.datetime.now(dt.UTC) + WORK_EXPIRES
        table.labels = {"engine": "work"}
        self.warehouse.create(table)
        yield name
        with leaving(name):
            self.warehouse.drop(name)

    def rejects(self) -> MonthRejects:
        """Return the month's quarantined lines."""
        return MonthRejects(warehouse=self.warehouse, table=self.main.name, month=self.month)
