"""The quarantined lines of one load in `engine_rejects`: added before the month is published, removed if it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from engine.contract import SOURCE_MONTH
from engine.sinks.bigquery.loading import load_config
from engine.sinks.bigquery.statement import statement
from engine.sinks.bigquery.tables import REJECTS, REJECTS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.google.warehouse import Warehouse
    from engine.load import Rejects
    from engine.month import Month

_SCHEMA = pa.schema(
    [
        pa.field("load_id", pa.string(), nullable=False),
        pa.field("table_name", pa.string(), nullable=False),
        pa.field(SOURCE_MONTH, pa.date32(), nullable=False),
        pa.field("filename", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("column_name", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
    ]
)
_SILENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRejects:
    """The bad lines of all loads of a month.

    They are removed by the ids of their loads, which whoever removes them saw under the month's lease: whoever lost it
    meanwhile removes nothing of the engine that came after.

    Attributes:
        warehouse: Where they are.
        table: Main table that the loads were for.
        month: Its month.

    """

    warehouse: Warehouse
    table: str
    month: Month

    def loads(self) -> list[str]:
        """Return the ids of the loads that have lines here."""
        return [row[0] for row in self._run("rejects_loads", [])] if self._any() else []

    def remove(self, load_ids: Sequence[str]) -> None:
        """Remove the lines of some loads."""
        if load_ids and self._any():
            self._run("drop_rejects", [bigquery.ArrayQueryParameter("load_ids", "STRING", list(load_ids))])

    def _any(self) -> bool:
        """Tell whether there are lines at all: a look costs nothing, a statement does."""
        partition = self.warehouse.table(f"{REJECTS}${self.month.year:04d}{self.month.month:02d}")
        return partition is not None and bool(partition.num_rows)

    def _run(self, which: str, parameters: list[bigquery.ArrayQueryParameter]) -> Any:  # noqa: ANN401 - the client's rows
        text = statement(which, rejects=self.warehouse.quoted(REJECTS), day=str(self.month.first_day))
        return self.warehouse.query(
            text, [bigquery.ScalarQueryParameter("table_name", "STRING", self.table), *parameters]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The bad lines of one load.

    Attributes:
        warehouse: Where they are.
        table: Main table that the load was for.
        month: Its month.
        load_id: The load.

    """

    warehouse: Warehouse
    table: str
    month: Month
    load_id: str

    def write(self, rejects: Rejects, filename: str, path: Path) -> None:
        """Add the lines, where there are any; once, however often it is called.

        Args:
            rejects: Opens them.
            filename: File that they are from.
            path: A file that is free.

        """
        rows = 0
        same = [self.load_id, self.table, pa.scalar(self.month.first_day, pa.date32()), filename]
        with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
            for batch in rejects():
                columns = [*(pa.repeat(value, batch.num_rows) for value in same), *batch.columns]
                arrays = [c.cast(f.type) for c, f in zip(columns, _SCHEMA, strict=True)]
                writer.write_table(pa.table(arrays, schema=_SCHEMA))
                rows += batch.num_rows
        if rows:
            name = self.warehouse.job_name(f"engine_rejects_{self.load_id}")
            config = load_config({"engine": "rejects"}, bigquery.WriteDisposition.WRITE_APPEND, REJECTS_SCHEMA)
            with path.open("rb") as file:
                job, _ = self.warehouse.job(
                    name,
                    lambda: self.warehouse.client.load_table_from_file(
                        file,
                        self.warehouse.path(REJECTS),
                        size=path.stat().st_size,
                        **self.warehouse.job_place(name),
                        job_config=config,
                        timeout=_SILENCE_SECONDS,
                    ),
                )
            job.result(retry=self.warehouse.retry)
        path.unlink()

    def remove(self) -> None:
        """Remove the lines: the load never came."""
        MonthRejects(warehouse=self.warehouse, table=self.table, month=self.month).remove([self.load_id])
