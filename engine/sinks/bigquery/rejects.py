"""The quarantined lines of one load in `engine_rejects`: added before the month is published, removed if it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from engine.contract import SOURCE_MONTH
from engine.sinks.bigquery.loading import load_config
from engine.sinks.bigquery.statement import statement
from engine.sinks.bigquery.tables import REJECTS, REJECTS_SCHEMA

if TYPE_CHECKING:
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
            job_id = f"engine_rejects_{self.load_id}"
            config = load_config({"engine": "rejects"}, bigquery.WriteDisposition.WRITE_APPEND, REJECTS_SCHEMA)
            with path.open("rb") as file:
                job, _ = self.warehouse.job(
                    job_id,
                    lambda: self.warehouse.client.load_table_from_file(
                        file,
                        self.warehouse.path(REJECTS),
                        size=path.stat().st_size,
                        job_id=job_id,
                        job_config=config,
                        location=self.warehouse.location,
                        timeout=_SILENCE_SECONDS,
                    ),
                )
            job.result(retry=self.warehouse.retry)
        path.unlink()

    def replace_others(self) -> None:
        """Remove the lines of the month's other loads: it was replaced."""
        self._delete("forget_rejects")

    def remove(self) -> None:
        """Remove the lines: the load never came."""
        self._delete("drop_rejects")

    def _delete(self, which: str) -> None:
        partition = self.warehouse.table(f"{REJECTS}${self.month.year:04d}{self.month.month:02d}")
        if partition is None or not partition.num_rows:
            return  # a look costs nothing, a statement does
        text = statement(which, rejects=self.warehouse.quoted(REJECTS), day=str(self.month.first_day))
        values = {"table_name": self.table, "load_id": self.load_id}
        self.warehouse.query(text, [bigquery.ScalarQueryParameter(k, "STRING", v) for k, v in values.items()])
