"""A BigQuery of one's own: its REST API and its Storage Read and Write APIs over real sockets."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from tests.fakes.bigquery import queries, sql
from tests.fakes.bigquery.http import Seen, Server
from tests.fakes.bigquery.names import TableName, quoted
from tests.fakes.bigquery.routes import Routes
from tests.fakes.bigquery.rpc import RpcServer
from tests.fakes.bigquery.service import Service
from tests.fakes.faults import Faults

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.permissions import Permission


class FakeBigQuery:
    """One project of BigQuery; a context manager that ends what it started.

    Args:
        folder: Where its rows and files lie; not shared with anything else.
        project: The project's id.
        gcs_url: The endpoint of the JSON API behind gs:// names; None: such loads are refused.
        token: The only bearer token that REST lets in; None: everyone is let in.
        port: REST's port; 0: any.
        grpc_port: The Storage APIs' port; 0: any.
        host: The address of this machine that it listens on.
        faults: What goes wrong; None: a list of its own, at `faults`.

    Attributes:
        requests: Every request, in the order of arrival.
        faults: What goes wrong.

    """

    def __init__(  # noqa: PLR0913 - all by name, each with a default
        self,
        *,
        folder: Path,
        project: str = "p",
        gcs_url: str | None = None,
        token: str | None = None,
        port: int = 0,
        grpc_port: int = 0,
        host: str = "127.0.0.1",
        faults: Faults | None = None,
    ) -> None:
        self.requests: list[Seen] = []
        self.faults = Faults() if faults is None else faults
        self.project = project
        with ExitStack() as stack:
            self._service = Service(project=project, folder=folder, gcs_url=gcs_url, token=token)
            stack.callback(self._service.close)
            self._rest = Server((host, port), Routes(self._service, token).answer, self.faults, self.requests)
            stack.callback(self._rest.close)
            self._rpc = RpcServer((host, grpc_port), self._service, self.faults, self.requests)
            stack.callback(self._rpc.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything; a second time does nothing."""
        self._stack.close()

    @property
    def url(self) -> str:
        """REST's endpoint, without a slash at its end."""
        return self._rest.url

    @property
    def grpc_address(self) -> str:
        """The Storage APIs' address, as `grpc.insecure_channel` takes it."""
        return self._rpc.address

    @property
    def job_seconds(self) -> float:
        """How long every job is RUNNING before it does its work."""
        return self._service.jobs.seconds

    @job_seconds.setter
    def job_seconds(self, seconds: float) -> None:
        self._service.jobs.seconds = seconds

    def deny(self, *permissions: Permission) -> None:
        """Take permissions away from every caller."""
        self._service.permissions.denied.update(permissions)

    def allow(self, *permissions: Permission) -> None:
        """Give permissions back."""
        self._service.permissions.denied.difference_update(permissions)

    def pass_time(self, seconds: float) -> None:
        """Move its clock forward, by which tables expire."""
        self._service.clock_offset_seconds += seconds

    def jobs(self) -> list[Json]:
        """Return copies of the resources of all jobs in the order of their start."""
        return self._service.jobs.resources()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT in BigQuery's SQL, without a job, a bill, permissions and required filters."""
        tree = sql.Reader(catalog=self._service.catalog).read(text).tree
        with queries.refusing():
            return self._service.warehouse.rows(sql.duckdb(tree))

    def rows(self, dataset: str, table: str) -> list[tuple[Any, ...]]:
        """Return the rows of a table, or with `table$YYYYMM` of a partition, as they were written."""
        name = TableName.of(self.project, dataset, table)
        found = self._service.catalog.table(name)
        columns = ", ".join(quoted(field["name"]) for field in found.fields)
        by = found.partitioning
        inside = by.rows_of(name.decorator) if by is not None and name.decorator else "true"
        return self._service.warehouse.rows(f"SELECT {columns} FROM {name.sql} WHERE {inside}")  # noqa: S608 - quoted
