"""One dataset of BigQuery: its tables, its jobs, and the two Storage APIs.

A job's id is chosen here, so that a request whose answer was lost, or an engine that died, is found again instead of
repeated: an id is taken once, whatever became of its job.

Sources: cloud.google.com/bigquery/docs/running-jobs ("Generate a job ID"), .../docs/reference/rest/v2/jobs/insert.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import grpc
import requests.exceptions
from google.api_core import exceptions as api
from google.cloud import bigquery, bigquery_storage_v1
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport

from engine.google.credentials import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from engine.settings import Cloud

    Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter

# The client keeps one block of a file that it sends in memory; 100 MB of its own, for which it has no parameter.
UPLOAD_BLOCK = 16 << 20
bigquery.client._DEFAULT_CHUNKSIZE = UPLOAD_BLOCK  # noqa: SLF001 - see above

_TIMEOUT_SECONDS = 60.0
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_ANSWER_LOST = (requests.exceptions.RequestException, ConnectionError, api.ServerError, api.TooManyRequests)
_FOUND_SECONDS = 1.0
# Projects of old organisations have a domain with a colon in their names.
_JOB = re.compile(r"(.+):([^:.]+)\.([^.]+)")


class Warehouse:
    """A dataset.

    Args:
        project: The project that it is in; jobs run there too, unless the environment names another.
        dataset: Its name.
        cloud: Who asks, and where.
        max_bytes_billed: What one query may cost at most; None: no limit.

    """

    def __init__(self, project: str, dataset: str, cloud: Cloud, max_bytes_billed: int | None = None) -> None:
        self.project, self.dataset = project, dataset
        self._cloud, self._max_bytes_billed = cloud, max_bytes_billed
        self._credentials, _ = credentials(cloud, emulated=bool(cloud.bigquery))
        self.client = bigquery.Client(
            project=cloud.project or project,
            credentials=self._credentials,
            client_options={"api_endpoint": cloud.bigquery} if cloud.bigquery else None,
        )
        self.retry = DEFAULT_RETRY.with_timeout(cloud.retry_seconds).with_delay(initial=cloud.wait_seconds)
        self._job_retry = DEFAULT_JOB_RETRY.with_timeout(cloud.retry_seconds)
        self._location = ""
        self._channel: grpc.Channel | None = None

    def close(self) -> None:
        """Close all connections."""
        self.client.close()
        if self._channel is not None:
            self._channel.close()

    @property
    def name(self) -> str:
        """The dataset for people."""
        return f"bigquery://{self.project}/{self.dataset}"

    @property
    def retry_seconds(self) -> float:
        """How long one request is tried again."""
        return self._cloud.retry_seconds

    @property
    def location(self) -> str:
        """Where the dataset is, such as `EU`; its jobs must run there."""
        if not self._location:
            found = self.client.get_dataset(self.path(), retry=self.retry, timeout=_TIMEOUT_SECONDS)
            self._location = found.location or "US"
        return self._location

    def path(self, table: str = "") -> str:
        """Return the full name of a table, or of the dataset."""
        return f"{self.project}.{self.dataset}.{table}" if table else f"{self.project}.{self.dataset}"

    def quoted(self, table: str) -> str:
        """Return a table's name as statements write it; names with backticks are refused where they come in."""
        return f"`{self.path(table)}`"

    def table(self, name: str) -> bigquery.Table | None:
        """Return a table, or with `name$YYYYMM` what one partition has; None: there is none."""
        try:
            return self.client.get_table(self.path(name), retry=self.retry, timeout=_TIMEOUT_SECONDS)
        except api.NotFound as error:
            if "Not found: Dataset" in str(error):
                raise
            return None

    def create(self, table: bigquery.Table) -> bigquery.Table | None:
        """Create a table; None: there is one of that name."""
        try:
            return self.client.create_table(table, retry=self.retry, timeout=_TIMEOUT_SECONDS)
        except api.Conflict:
            return None

    def update(self, table: bigquery.Table, *fields: str) -> bigquery.Table | None:
        """Change a table that is still as it was read (its ETag); None: it is not."""
        try:
            return self.client.update_table(table, list(fields), retry=self.retry, timeout=_TIMEOUT_SECONDS)
        except (api.PreconditionFailed, api.NotFound):
            return None

    def tables(self) -> Iterator[str]:
        """Yield the names of all tables."""
        for found in self.client.list_tables(self.path(), retry=self.retry, timeout=_TIMEOUT_SECONDS):
            yield found.table_id

    def drop(self, table: str) -> None:
        """Remove a table, if it is there."""
        self.client.delete_table(self.path(table), not_found_ok=True, retry=self.retry, timeout=_TIMEOUT_SECONDS)

    def job_name(self, job_id: str) -> str:
        """Return a job's full name, `PROJECT:LOCATION.ID`: an id is given once in a project, and others may pay."""
        return f"{self.client.project}:{self.location}.{job_id}"

    def job_place(self, name: str) -> dict[str, Any]:
        """Return where the job of a full name is, as the client's calls take it."""
        project, location, job_id = _JOB.fullmatch(name).groups()  # type: ignore[union-attr]  # it is one of ours
        return {"job_id": job_id, "project": project, "location": location}

    def find_job(self, name: str) -> Any | None:  # noqa: ANN401 - a job of any kind
        """Return a job, whatever state it is in; None: there is none of that full name."""
        try:
            return self.client.get_job(**self.job_place(name), retry=self.retry, timeout=_TIMEOUT_SECONDS)
        except api.NotFound:
            return None

    def job(self, name: str, start: Callable[[], Any]) -> tuple[Any, bool]:
        """Start a job, or find the one that has its name already; it need not be done.

        Args:
            name: Its full name.
            start: Sends the request that starts it.

        Returns:
            The job, and whether this call started it, or may have.

        """
        try:
            return start(), True
        except api.Conflict:
            found, started = self.find_job(name), False
            if found is None:  # seen with the real service: an id that is taken, and not found for a moment
                time.sleep(_FOUND_SECONDS)
                found = self.find_job(name)
        except _ANSWER_LOST:
            if (found := self.find_job(name)) is None:
                raise
            started = True
        if found is None:
            message = f"job {name} exists and cannot be found"
            raise api.NotFound(message)
        return found, started

    def begin(self, text: str, name: str, labels: dict[str, str]) -> Any:  # noqa: ANN401 - a job
        """Send a statement whose job has a full name, and return the job, which need not be done."""
        config = self._config(labels)
        return self.client.query(
            text,
            job_config=config,
            **self.job_place(name),
            retry=self.retry,
            job_retry=None,
            timeout=_TIMEOUT_SECONDS,
        )

    def query(self, text: str, parameters: Sequence[Parameter] = ()) -> Any:  # noqa: ANN401 - the client's rows
        """Run a statement that may run twice, and return its rows."""
        config = self._config({"engine": "query"})
        config.query_parameters = list(parameters)
        job = self.client.query(
            text,
            job_config=config,
            location=self.location,
            retry=self.retry,
            job_retry=self._job_retry,
            timeout=_TIMEOUT_SECONDS,
        )
        return job.result(retry=self.retry, job_retry=self._job_retry)

    def _config(self, labels: dict[str, str]) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(labels=labels)
        if self._max_bytes_billed is not None:  # the client sends None as a word
            config.maximum_bytes_billed = self._max_bytes_billed
        return config

    def estimate(self, text: str) -> int:
        """Return how many bytes a statement would process; it is not run."""
        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
        job = self.client.query(
            text, job_config=config, location=self.location, retry=self.retry, timeout=_TIMEOUT_SECONDS
        )
        return int(job.total_bytes_processed or 0)

    def reader(self) -> bigquery_storage_v1.BigQueryReadClient:
        """Return a client of the Storage Read API."""
        if self._cloud.bigquery_storage:
            return bigquery_storage_v1.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=self._open()))
        return bigquery_storage_v1.BigQueryReadClient(credentials=self._credentials)

    def writer(self) -> bigquery_storage_v1.BigQueryWriteClient:
        """Return a client of the Storage Write API."""
        if self._cloud.bigquery_storage:
            return bigquery_storage_v1.BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=self._open()))
        return bigquery_storage_v1.BigQueryWriteClient(credentials=self._credentials)

    def _open(self) -> grpc.Channel:
        if self._channel is None:
            self._channel = grpc.insecure_channel(self._cloud.bigquery_storage, options=_UNLIMITED)
        return self._channel
