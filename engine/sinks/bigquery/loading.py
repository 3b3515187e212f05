"""How a file of this machine gets into a table: a load job, by way of a bucket or not, which costs nothing.

Source: cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.cloud import bigquery

from engine.google.remains import leaving
from engine.google.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from engine.google.bucket import Bucket
    from engine.google.warehouse import Warehouse

_SILENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """A prefix of a bucket for files on their way to BigQuery.

    Attributes:
        bucket: The bucket.
        prefix: Empty, or ends with a slash.
        dataset: Where the files go, `PROJECT.DATASET`: several may share a prefix.

    """

    bucket: Bucket
    prefix: str
    dataset: str

    def name(self, work: str) -> str:
        """Return the name of the object of a load's work."""
        return f"{self.prefix}_engine/staging/{self.dataset}/{work}.parquet"

    def clear(self, month_prefix: str) -> None:
        """Remove a month's objects."""
        for stored in list(self.bucket.under(f"{self.prefix}_engine/staging/{self.dataset}/{month_prefix}")):
            self.bucket.remove(stored.name)


@contextmanager
def loadable(
    warehouse: Warehouse, staging: Staging | None, path: Path, name: str, progress: Callable[[int], None]
) -> Iterator[Callable[[str, str, bigquery.LoadJobConfig], Any]]:
    """Yield what starts a load job of a file: full name, table (`NAME` or `NAME$YYYYMM`) and configuration.

    Args:
        warehouse: Where the job runs.
        staging: Where the file is put for it; None: it is sent with the job.
        path: The file, Parquet.
        name: Its name there, without a suffix.
        progress: Told the bytes that are sent.

    """
    if staging is None:
        yield lambda job, table, config: _from_file(warehouse, path, job, table, config, progress)
        return
    staged = staging.name(name)
    staging.bucket.upload(path, staged, generation=None, progress=progress)
    try:
        uri = f"gs://{staging.bucket.name}/{staged}"
        yield lambda job, table, config: warehouse.client.load_table_from_uri(
            uri,
            warehouse.path(table),
            **warehouse.job_place(job),
            job_config=config,
            retry=warehouse.retry,
            timeout=_SILENCE_SECONDS,
        )
    finally:
        with leaving(staged):
            staging.bucket.remove(staged)


def load_config(
    labels: dict[str, str], disposition: str, schema: Sequence[bigquery.SchemaField]
) -> bigquery.LoadJobConfig:
    """Return a load job's configuration: Parquet, into a table that is there.

    The schema must be the table's: without it, the service takes each column of the file for nullable and refuses to
    make the table's required ones so (issue 1981 of python-bigquery).
    """
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=disposition,
        schema=schema,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        decimal_target_types=[bigquery.DecimalTargetType.NUMERIC, bigquery.DecimalTargetType.BIGNUMERIC],
    )
    config.labels = labels
    return config


def _from_file(
    warehouse: Warehouse,
    path: Path,
    job: str,
    table: str,
    config: bigquery.LoadJobConfig,
    progress: Callable[[int], None],
) -> Any:  # noqa: ANN401 - a job
    with path.open("rb") as file:
        watched = Watched(file, progress)
        return warehouse.client.load_table_from_file(
            watched,  # type: ignore[arg-type]  # a file for all that the client does
            warehouse.path(table),
            size=path.stat().st_size,
            **warehouse.job_place(job),
            job_config=config,
            timeout=_SILENCE_SECONDS,
        )
