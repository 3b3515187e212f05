"""What tests of the fake begin with: a project with a dataset, clients, and tables of trips by month."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from google.cloud import bigquery

from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.bigquery.clients import StorageClients, parquet, rest_client, storage_clients

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

JANUARY, FEBRUARY = dt.date(2024, 1, 1), dt.date(2024, 2, 1)
SCHEMA = [
    bigquery.SchemaField("id", "BYTES"),
    bigquery.SchemaField("source_month", "DATE"),
    bigquery.SchemaField("fare", "NUMERIC"),
]
LAYOUT: dict[str, Any] = {
    "time_partitioning": bigquery.TimePartitioning(type_="MONTH", field="source_month"),
    "clustering_fields": ["id"],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A dataset of one's own, and clients.

    Attributes:
        client: Client of REST.
        storage: Clients of the Storage APIs.
        dataset: Its id.

    """

    client: bigquery.Client
    storage: StorageClients
    dataset: str

    def name(self, table: str) -> str:
        """Return a table's name as SQL and REST clients take it."""
        return f"{self.client.project}.{self.dataset}.{table}"

    def path(self, table: str) -> str:
        """Return a table's name as the Storage APIs take it."""
        return f"projects/{self.client.project}/datasets/{self.dataset}/tables/{table}"

    def create(
        self,
        table: str,
        schema: Sequence[bigquery.SchemaField] = SCHEMA,
        **settings: Any,  # noqa: ANN401 - attributes
    ) -> bigquery.Table:
        """Make a table; settings are attributes of `bigquery.Table`."""
        made = bigquery.Table(self.name(table), schema=schema)
        for key, value in settings.items():
            setattr(made, key, value)
        return self.client.create_table(made)

    def load(self, target: str, rows: Any, write: str = "WRITE_TRUNCATE", **settings: Any) -> bigquery.LoadJob:  # noqa: ANN401 - pyarrow has no types
        """Load an Arrow table into `table` or `table$YYYYMM`, and wait; settings are attributes of `LoadJobConfig`."""
        config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition=write, **settings)
        job = self.client.load_table_from_file(parquet(rows), self.name(target), job_config=config)
        job.result()
        return job

    def ask(self, text: str, *parameters: Any, **settings: Any) -> bigquery.QueryJob:  # noqa: ANN401 - any of the client's
        """Run a statement, and wait; names without a dataset are this dataset's."""
        config = bigquery.QueryJobConfig(
            query_parameters=list(parameters), default_dataset=f"{self.client.project}.{self.dataset}", **settings
        )
        job = self.client.query(text, job_config=config)
        if not settings.get("dry_run"):
            job.result()
        return job

    def rows(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - any of the client's
        """Return the rows of a query."""
        return [tuple(row) for row in self.ask(text, *parameters).result()]


def trips(*ids: str, month: dt.date = JANUARY, fare: str = "1.50") -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return rows for `SCHEMA` as an Arrow table."""
    fares = pa.array([fare] * len(ids), pa.string()).cast(pa.decimal128(12, 2))
    months = pa.array([month] * len(ids), pa.date32())
    return pa.table(
        {"id": pa.array([name.encode() for name in ids], pa.binary()), "source_month": months, "fare": fares}
    )


@contextlib.contextmanager
def running(folder: Path, **settings: Any) -> Iterator[tuple[FakeBigQuery, Place]]:  # noqa: ANN401 - the fake's own
    """Run a fake with a dataset `d`; settings are those of `FakeBigQuery`."""
    with FakeBigQuery(folder=folder, **settings) as fake, place(fake.url, fake.grpc_address, dataset="d") as found:
        yield fake, found


@contextlib.contextmanager
def place(url: str, grpc_address: str, *, project: str = "p", dataset: str = "") -> Iterator[Place]:
    """Give a new dataset, and clients for it."""
    name = dataset or f"d{uuid.uuid4().hex[:8]}"
    with rest_client(url, project) as client, storage_clients(grpc_address) as storage:
        client.create_dataset(name)
        yield Place(client=client, storage=storage, dataset=name)
