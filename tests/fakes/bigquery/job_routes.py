"""The REST API's jobs: jobs.insert, get, list, cancel, query and getQueryResults."""

from __future__ import annotations

import copy
import re
import threading
from typing import TYPE_CHECKING

from tests.fakes.bigquery import copying, loading, querying, results, sources
from tests.fakes.bigquery.errors import ApiError, dataset_not_found, invalid
from tests.fakes.bigquery.http import Reply
from tests.fakes.bigquery.names import RESULTS
from tests.fakes.bigquery.tables import check_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.bigquery.http import Call
    from tests.fakes.bigquery.jobs import Job
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_PATIENCE_SECONDS = 0.25
_DEFAULT_TIMEOUT_MS = 10_000
_JOB_ID = re.compile(r"[\w-]{1,1024}", re.ASCII)
_QUERY = (
    "query",
    "queryParameters",
    "parameterMode",
    "defaultDataset",
    "maximumBytesBilled",
    "useLegacySql",
    "useQueryCache",
)


class JobRoutes:
    """Answers requests about jobs.

    Args:
        service: The project.

    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asked: dict[str, Job] = {}
        self._lock = threading.Lock()

    def insert(self, call: Call) -> Reply:
        """Start a job, or for a dry run say what it would do."""
        return Reply(body=self._shown(self._start(call.json(), None)))

    def insert_with_file(self, body: Json, path: Path) -> Reply:
        """Start a load job for a file that was sent along."""
        return Reply(body=self._shown(self._start(body, path)))

    def get(self, call: Call, job_id: str) -> Reply:
        """Return a job."""
        return Reply(body=self._shown(self._service.jobs.find(job_id, call.query.get("location", ""))))

    def cancel(self, call: Call, job_id: str) -> Reply:
        """Ask a job to end; one whose work has begun is finished."""
        job = self._service.jobs.find(job_id, call.query.get("location", ""))
        job.cancelled.set()
        return Reply(body={"kind": "bigquery#jobCancelResponse", "job": self._shown(job)})

    def list(self, call: Call) -> Reply:
        """Return jobs, the newest first."""
        wanted = call.query.get("stateFilter", "").upper()
        jobs = list(reversed(self._service.jobs.resources()))
        jobs = [one for one in jobs if wanted in {"", one["status"]["state"]}]
        begin, size = int(call.query.get("pageToken") or 0), int(call.query.get("maxResults") or 50)
        page = [{**one, "state": one["status"]["state"]} for one in jobs[begin : begin + size]]
        body: Json = {"kind": "bigquery#jobList", "etag": "", "jobs": page}
        if begin + size < len(jobs):
            body["nextPageToken"] = str(begin + size)
        return Reply(body=body)

    def query(self, call: Call) -> Reply:
        """Run a query, wait for a moment, and return its first rows where it is done."""
        body = call.json()
        with self._lock:
            job = self._asked.get(body.get("requestId") or "")
            if job is None:
                configuration = {"query": {key: body[key] for key in _QUERY if body.get(key) is not None}}
                configuration |= {key: body[key] for key in ("labels", "dryRun") if body.get(key)}
                job = self._start(
                    {"configuration": configuration, "jobReference": {"location": body.get("location")}}, None
                )
                if body.get("requestId"):
                    self._asked[body["requestId"]] = job
        options = {f"formatOptions.{key}": str(value) for key, value in (body.get("formatOptions") or {}).items()}
        return self._answered(
            job, {**options, **{key: str(body[key]) for key in ("maxResults", "timeoutMs") if key in body}}
        )

    def results(self, call: Call, job_id: str) -> Reply:
        """Return rows of a query, or after a moment say that it is not done."""
        return self._answered(self._service.jobs.find(job_id, call.query.get("location", "")), call.query)

    def _answered(self, job: Job, options: dict[str, str]) -> Reply:
        job.ended.wait(int(options.get("timeoutMs") or _DEFAULT_TIMEOUT_MS) / 1000)
        body: Json = {
            "kind": "bigquery#queryResponse",
            "jobReference": job.reference,
            "jobComplete": job.ended.is_set(),
        }
        if not job.ended.is_set():
            return Reply(body=body)
        if job.error is not None:
            raise job.error
        found = job.statistics.get("query") or {}
        body |= {key: found[key] for key in ("numDmlAffectedRows", "dmlStats", "cacheHit") if key in found}
        body["totalBytesProcessed"] = job.statistics.get("totalBytesProcessed", "0")
        body["schema"] = found.get("schema") or {"fields": []}
        if job.result is not None:  # without, there is no `totalRows` either
            body |= results.page(self._service, job.result, options)
        return Reply(body=body)

    def _shown(self, job: Job) -> Json:
        """Return a job's resource; a job that takes no time of its own is waited for, so that tests need not sleep."""
        if not self._service.jobs.seconds:
            job.ended.wait(_PATIENCE_SECONDS)
        return copy.deepcopy(job.resource)

    def _start(self, body: Json, path: Path | None) -> Job:
        service, configuration = self._service, body.get("configuration") or {}
        service.permissions.of_project("bigquery.jobs.create")
        check_labels(configuration)
        reference = body.get("jobReference") or {}
        if reference.get("jobId") and not _JOB_ID.fullmatch(reference["jobId"]):
            raise invalid(f'Invalid job ID "{reference["jobId"]}".')
        location = reference.get("location") or self._location(configuration)
        location = location.upper() if location.upper() in {"US", "EU"} else location.lower()
        if configuration.get("dryRun"):
            job = service.jobs.dry(configuration, reference, location)
            querying.run(service, job, dry=True)
            return job
        return service.jobs.insert(configuration, reference, location, self._work(configuration, path))

    def _location(self, configuration: Json) -> str:
        if "query" in configuration:
            return querying.location_of(self._service, configuration["query"])
        work = configuration.get("load") or configuration.get("copy")
        if not work:
            raise ApiError(400, "Required parameter is missing", "required")
        dataset = work["destinationTable"]["datasetId"]
        if dataset not in self._service.catalog.datasets or dataset == RESULTS:
            raise dataset_not_found(f"{self._service.project}:{dataset}")
        return self._service.catalog.datasets[dataset].location

    def _work(self, configuration: Json, path: Path | None) -> Callable[[Job], None]:
        service = self._service
        if "query" in configuration:
            return lambda job: querying.run(service, job, dry=False)
        if "copy" in configuration:
            return lambda job: copying.copy(service, job)
        if "load" not in configuration:
            raise ApiError(400, "Required parameter is missing: configuration", "required")
        if path is not None:
            return lambda job: _load_file(service, job, path)
        return lambda job: _load_uris(service, job)


def _load_file(service: Service, job: Job, path: Path) -> None:
    try:
        loading.load(service, job, [path])
    finally:
        path.unlink()


def _load_uris(service: Service, job: Job) -> None:
    with sources.fetched(service, job.resource["configuration"]["load"].get("sourceUris") or []) as paths:
        loading.load(service, job, paths)
