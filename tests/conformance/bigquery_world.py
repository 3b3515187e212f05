"""A world whose target is a dataset of BigQuery, read by SQL as anyone would."""

from __future__ import annotations

import decimal
import json
from abc import abstractmethod
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from engine.settings import Cloud
from engine.targets import Place
from tests.conformance.bucket_world import LEASE_SECONDS
from tests.conformance.world import MONTH, Row, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from engine.month import Month
    from engine.targets import Method
    from tests.fakes.bigquery import FakeBigQuery

DATASET = "wh"


@dataclass(slots=True, kw_only=True)
class TablesWorld(World):
    """A dataset of BigQuery, seen by whatever runs statements there.

    Attributes:
        project: The project that it is in.
        name: The dataset; there is one already.
        method: How rows get there.
        staging: Where the files are that it loads; None: files are sent to it.
        lease_seconds: How long a holder of a month may be silent.

    """

    project: str = "p"
    name: str = DATASET
    method: Method = "load"
    staging: str | None = None
    lease_seconds: float = LEASE_SECONDS

    @abstractmethod
    def connected(self) -> AbstractContextManager[bigquery.Client]:
        """Open a stranger's client."""

    @abstractmethod
    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Run a query as a stranger would."""

    @abstractmethod
    def jobs(self) -> list[dict[str, Any]]:
        """Return the resources of all jobs that may have been the engine's, in the order of their start."""

    def _place(self) -> Place:
        return Place(
            url=f"bigquery://{self.project}/{self.name}",
            method=self.method,
            staging=self.staging,
            lease_seconds=self.lease_seconds,
        )

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        with self.connected() as client:
            return sorted(table.table_id for table in client.list_tables(self.name))

    def drop_leases(self) -> None:
        """Remove every month's lease, as if its holder had been silent for too long."""
        with self.connected() as client:
            for name in self.tables():
                if name.startswith("_engine_lock_"):
                    client.delete_table(f"{self.project}.{self.name}.{name}", not_found_ok=True)

    def run_statement(self, text: str) -> None:
        """Run a statement that changes something, as a stranger would."""
        with self.connected() as client:
            client.query(text).result()

    def _rows(self, columns: str, month: Month) -> list[tuple[Any, ...]]:
        table = f"{self.name}.{self.dataset.table}"
        return self.query(f"SELECT {columns} FROM {table} WHERE source_month = DATE '{month.first_day}'")  # noqa: S608 - our own names

    def visible(self, month: Month = MONTH) -> list[Row] | None:
        """See `World`; a month without rows is one of which the ledger says that it is loaded."""
        if self.dataset.table not in self.tables():
            return None
        columns = self.dataset.contract.columns
        rows = [
            # NUMERIC has nine digits after its point whatever was put in, and DuckDB shows all of them.
            tuple(
                value.quantize(decimal.Decimal(1).scaleb(-c.type.scale))
                if isinstance(value, decimal.Decimal)
                else value
                for value, c in zip(row, columns, strict=True)
            )
            for row in self._rows(", ".join(c.name for c in columns), month)
        ]
        return sorted(rows, key=repr) if rows or self._in_place(month) else None

    def _in_place(self, month: Month) -> bool:
        if "engine_months" not in self.tables():
            return False
        table = f"{self.name}.engine_months"
        return bool(self.query(f"SELECT 1 FROM {table} WHERE source_month = DATE '{month.first_day}'"))  # noqa: S608 - our own names

    def added(self) -> set[tuple[object, ...]]:
        """See `World`."""
        return set(self._rows("filename, source_month", MONTH))

    def column(self, name: str) -> list[object]:
        """See `World`."""
        return [row[0] for row in self._rows(name, MONTH)]

    def remains(self) -> list[str]:
        """See `World`; a lease that its holder left is no remains, it ends by itself."""
        local = [str(path) for path in (self.settings.cache / "uploads").glob("*")]
        return [t for t in self.tables() if t.startswith("_engine_") and not t.startswith("_engine_lock_")] + local

    def states(self) -> dict[str, str]:
        """See `World`; a load's last record counts, and of a month's loaded ones the last."""
        if "engine_loads" not in self.tables():
            return {}
        columns, table = "load_id, table_name, source_month, state, receipt", f"{self.name}.engine_loads"
        text = f"SELECT {columns} FROM {table} ORDER BY recorded_at"  # noqa: S608 - our own names
        last: dict[str, str] = {}
        in_place: dict[tuple[object, object], str] = {}
        for load_id, table, month, state, receipt in self.query(text):
            assert json.loads(receipt)["state"] == state
            if state == "loaded" and (before := in_place.get((table, month))) not in (None, load_id):
                last[str(before)] = "superseded"
            if state == "loaded":
                in_place[table, month] = load_id
            last[load_id] = state
        return dict(sorted(last.items()))

    def rejects(self) -> list[tuple[int, str | None, str, str]]:
        """See `World`."""
        if "engine_rejects" not in self.tables():
            return []
        rows = self.query(f"SELECT line, column_name, reason, raw FROM {self.name}.engine_rejects ORDER BY line")  # noqa: S608 - our own names
        return [(line, column, reason, raw) for line, column, reason, raw in rows]

    def lose_ledger(self) -> None:
        """See `World`."""
        with self.connected() as client:
            client.delete_table(f"{self.project}.{self.name}.engine_loads")

    def age_ledger(self) -> None:
        """See `World`."""
        with self.connected() as client:
            table = client.get_table(f"{self.project}.{self.name}.engine_loads")
            table.labels = {**table.labels, "engine_ledger": "99"}
            client.update_table(table, ["labels"])

    def tamper(self, what: str) -> None:
        """See `World`."""
        table, inside = f"{self.name}.{self.dataset.table}", f"source_month = DATE '{MONTH.first_day}' AND id = 3"
        names = [c.name for c in self.dataset.contract.columns]
        columns = ", ".join([*names, "unique_row_id", "filename", "source_month"])
        alien = ", ".join("'alien'" if name == "note" else name for name in names)
        match what:
            case "changed":
                self.run_statement(f"UPDATE {table} SET note = 'other' WHERE {inside}")  # noqa: S608 - our own names
            case "missing":
                self.run_statement(f"DELETE FROM {table} WHERE {inside}")  # noqa: S608 - our own names
            case "extra":
                self.run_statement(
                    f"INSERT INTO {table} ({columns}) SELECT {alien}, FROM_HEX('{bytes(range(16)).hex()}'), filename, "  # noqa: S608 - our own names
                    f"source_month FROM {table} WHERE {inside}"
                )
            case _:
                self.run_statement(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE {inside}")  # noqa: S608 - our own names

    def reset(self) -> None:
        """See `World`."""
        with self.connected() as client:
            client.delete_dataset(self.name, delete_contents=True)
            client.create_dataset(f"{self.project}.{self.name}")

    def prints(self, month: Month) -> object:
        """See `World`; a partition is written by jobs."""
        partition = f"{self.dataset.table}${month.year:04d}{month.month:02d}"
        return [job["jobReference"]["jobId"] for job in self.jobs() if partition in json.dumps(job)]

    def fingerprint(self) -> object:
        """See `World`; queries that read are no change."""
        writing = [j for j in self.jobs() if j.get("statistics", {}).get("query", {}).get("statementType") != "SELECT"]
        return self.tables(), [job["jobReference"]["jobId"] for job in writing]


@dataclass(slots=True, kw_only=True)
class BigQueryWorld(TablesWorld):
    """A dataset of the fake BigQuery.

    Attributes:
        fake: The server.
        storage: URL of a Cloud Storage that it loads from; empty: files are sent to it.

    """

    fake: FakeBigQuery
    storage: str = ""

    def __post_init__(self) -> None:
        cloud = Cloud(
            bigquery=self.fake.url,
            bigquery_storage=self.fake.grpc_address,
            storage=self.storage,
            retry_seconds=5.0,
            wait_seconds=0.02,
        )
        self.settings = replace(self.settings, cloud=cloud)
        self.staging = "gs://lake/stage" if self.storage else None
        World.__post_init__(self)
        with self.connected() as client:
            client.create_dataset(f"{self.project}.{self.name}", exists_ok=True)

    @contextmanager
    def connected(self) -> Iterator[bigquery.Client]:
        """See `TablesWorld`."""
        options = {"api_endpoint": self.fake.url}
        client = bigquery.Client(project=self.project, credentials=AnonymousCredentials(), client_options=options)
        with closing(client):
            yield client

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """See `TablesWorld`."""
        return self.fake.query(text)

    def jobs(self) -> list[dict[str, Any]]:
        """See `TablesWorld`."""
        return self.fake.jobs()
