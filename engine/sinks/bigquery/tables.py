"""The main table of a dataset and the table of its bad lines: created, checked, extended; never touched if not ours."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.cloud import bigquery

from engine.contract import SOURCE_MONTH
from engine.errors import IdentityMismatch, TableMismatch
from engine.sinks.bigquery.types import table_schema

if TYPE_CHECKING:
    from engine.contract import Column, Dataset
    from engine.google.warehouse import Warehouse
    from engine.month import Month

REJECTS = "engine_rejects"
REJECTS_SCHEMA = [
    bigquery.SchemaField("load_id", "STRING", "REQUIRED"),
    bigquery.SchemaField("table_name", "STRING", "REQUIRED"),
    bigquery.SchemaField(SOURCE_MONTH, "DATE", "REQUIRED"),
    bigquery.SchemaField("filename", "STRING", "REQUIRED"),
    bigquery.SchemaField("line", "INTEGER", "REQUIRED"),
    bigquery.SchemaField("column_name", "STRING"),
    bigquery.SchemaField("reason", "STRING", "REQUIRED"),
    bigquery.SchemaField("raw", "STRING", "REQUIRED"),
]
# Work tables of an engine that died are gone after a day.
WORK_EXPIRES = dt.timedelta(days=1)
_IDENTITY = re.compile(r"identity (\S+)$")
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MainTable:
    """A main table by name.

    Attributes:
        warehouse: Where it is.
        name: Its name there.
        dataset: What it holds.

    """

    warehouse: Warehouse
    name: str
    dataset: Dataset

    def partition(self, month: Month) -> str:
        """Return how BigQuery calls the month's partition: `yellow_tripdata$201901`."""
        return f"{self.name}${month.year:04d}{month.month:02d}"

    def work(self, month: Month, load_id: str) -> str:
        """Return the name of a load's own table."""
        return f"{self.work_prefix(month)}{load_id.replace('-', '_')}"

    def work_prefix(self, month: Month) -> str:
        """Return what the names of the month's work tables begin with."""
        return f"_engine_{self.name}_{month.year:04d}{month.month:02d}_"

    def lock(self, month: Month) -> str:
        """Return the name of the table that is the month's lease."""
        return f"_engine_lock_{self.name}_{month.year:04d}{month.month:02d}"

    def found(self) -> bigquery.Table | None:
        """Return the table as it is; None: there is none.

        Raises:
            TableMismatch: It is not partitioned by month on `source_month`.
            IdentityMismatch: Its description names another identity.

        """
        if (table := self.warehouse.table(self.name)) is None:
            return None
        parts = table.time_partitioning
        if parts is None or parts.field != SOURCE_MONTH or parts.type_ != bigquery.TimePartitioningType.MONTH:
            message = f"table {self.name} is not ours: it is not partitioned by month on {SOURCE_MONTH}"
            raise TableMismatch(
                message,
                facts={"target": self.warehouse.name},
                state="nothing was changed",
                next_step="rename that table, or name another with --table",
            )
        label = self.dataset.contract.identity_label
        if (named := _IDENTITY.search(table.description or "")) and named[1] != label:
            message = f"the ids of {self.name} were computed in another way"
            raise IdentityMismatch(
                message,
                facts={"target": self.warehouse.name, "expected": label, "found": named[1]},
                state="nothing was changed",
                next_step=f"restore [identity] in {self.dataset.defined_in}, or load into another --table",
            )
        return table

    def prepare(self, extras: tuple[Column, ...]) -> list[str]:
        """Create what is missing and add columns that are; return what was done, for people."""
        done = []
        columns = (*self.dataset.contract.columns, *extras)
        for _ in range(_TRIES):
            if (table := self.found()) is None:
                if self.warehouse.create(self._new(columns)) is not None:
                    done.append(f"table {self.name}")
                    break
            elif (missing := self._missing(table, columns)) == [] or self._added(table, missing):
                done += [f"column {self.name}.{field.name}" for field in missing]
                break
        else:
            message = f"table {self.name} is changed by somebody else all the time"
            raise TableMismatch(message, facts={"target": self.warehouse.name}, next_step="run the command again")
        return done + self._prepare_rejects()

    def _new(self, columns: tuple[Column, ...]) -> bigquery.Table:
        table = bigquery.Table(self.warehouse.path(self.name), schema=table_schema(columns))
        self.shape(table)
        label = self.dataset.contract.identity_label
        table.description = f"{self.dataset.description}. Loaded by engine; identity {label}"
        table.labels = {"engine": "data", "engine_dataset": self.dataset.name[:63]}
        return table

    def shape(self, table: bigquery.Table) -> None:
        """Partition and cluster a table as the main table is; copies need equal ones."""
        table.time_partitioning = bigquery.TimePartitioning(
            type_=bigquery.TimePartitioningType.MONTH, field=SOURCE_MONTH
        )
        if self.dataset.time:
            table.clustering_fields = [self.dataset.time]

    def _missing(self, table: bigquery.Table, columns: tuple[Column, ...]) -> list[bigquery.SchemaField]:
        """Return the columns that the table lacks.

        Raises:
            TableMismatch: It has one of another type.

        """
        there = {field.name: field.field_type for field in table.schema}
        missing = []
        for field in table_schema(columns):
            if field.name not in there:
                missing.append(field)
            elif _SAME.get(there[field.name], there[field.name]) != field.field_type:
                message = f"column {field.name} of {self.name} has another type than the contract's"
                raise TableMismatch(
                    message,
                    facts={"target": self.warehouse.name, "expected": field.field_type, "found": there[field.name]},
                    state="nothing was changed",
                    next_step=f"mend {self.dataset.defined_in}, or load into another --table",
                )
        return missing

    def _added(self, table: bigquery.Table, missing: list[bigquery.SchemaField]) -> bool:
        # A table with rows takes nullable columns only.
        added = [bigquery.SchemaField(f.name, f.field_type, description=f.description) for f in missing]
        table.schema = [*table.schema, *added]
        return self.warehouse.update(table, "schema") is not None

    def _prepare_rejects(self) -> list[str]:
        if self.warehouse.table(REJECTS) is not None:
            return []
        table = bigquery.Table(self.warehouse.path(REJECTS), schema=REJECTS_SCHEMA)
        table.time_partitioning = bigquery.TimePartitioning(
            type_=bigquery.TimePartitioningType.MONTH, field=SOURCE_MONTH
        )
        table.clustering_fields = ["table_name"]
        table.description = "Lines that became no row, of the months that are in place"
        table.labels = {"engine": "rejects"}
        return [f"table {REJECTS}"] if self.warehouse.create(table) is not None else []


# Names of types that the service gives back for one and the same type.
_SAME = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "DECIMAL": "NUMERIC", "BIGDECIMAL": "BIGNUMERIC"}
