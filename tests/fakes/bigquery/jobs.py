"""Jobs: work in threads of its own, with an id that is used once, and states PENDING, RUNNING, DONE.

A job's id stays taken when the job has failed. A job whose work is refused is done with an `errorResult`.
"""

from __future__ import annotations

import copy
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from tests.fakes.bigquery.errors import ApiError, job_exists, job_not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.names import Json

_FINDABLE = ("US", "EU")


@dataclass(kw_only=True, eq=False)
class Job:
    """One job.

    Attributes:
        resource: Its resource as the REST API answers it.
        error: Why it failed; None: it did not.
        result: The table that holds what a query selected; None: nothing was selected.
        ended: Set once it is done.
        cancelled: Set once somebody asked to cancel it.

    """

    resource: Json
    error: ApiError | None = None
    result: Table | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def reference(self) -> Json:
        """Its `JobReference`."""
        found: Json = self.resource["jobReference"]
        return found

    @property
    def statistics(self) -> Json:
        """Its statistics, to be filled by its work."""
        found: Json = self.resource["statistics"]
        return found

    def end(self, now_ms: str) -> None:
        """Say that it is done."""
        status: Json = {"state": "DONE"}
        if self.error is not None:
            status |= {"errorResult": self.error.result(), "errors": [self.error.result()]}
        self.statistics["endTime"] = now_ms
        self.resource["status"] = status
        self.ended.set()


class Jobs:
    """All jobs of a project.

    Args:
        project: Its id.
        clock: Seconds since the epoch.

    """

    def __init__(self, project: str, clock: Callable[[], float]) -> None:
        self.seconds = 0.0
        self._project = project
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._threads: list[threading.Thread] = []
        self._numbers = itertools.count(1)

    def insert(self, configuration: Json, reference: Json, location: str, work: Callable[[Job], None]) -> Job:
        """Start a job.

        Args:
            configuration: Its configuration, kept as it is.
            reference: The `JobReference` of the request; without an id the job gets one.
            location: Where it runs.
            work: Does what it is for; raises where that is refused.

        Raises:
            ApiError: The id is taken.

        """
        job = self._new(configuration, reference, location)
        key = (location.lower(), job.reference["jobId"])
        with self._lock:
            if key in self._jobs:
                raise job_exists(job.resource["id"])
            self._jobs[key] = job
            thread = threading.Thread(target=self._run, args=(job, work), name=f"job {key[1]}", daemon=True)
            self._threads = [known for known in self._threads if known.is_alive()] + [thread]
        thread.start()
        return job

    def dry(self, configuration: Json, reference: Json, location: str) -> Job:
        """Return a job that is done without having been there; it takes no id."""
        job = self._new(configuration, reference, location)
        job.end(self._now_ms())
        return job

    def find(self, job_id: str, location: str = "") -> Job:
        """Return a job; outside of US and EU the location must be named."""
        with self._lock:
            for place in [location] if location else _FINDABLE:
                if found := self._jobs.get((place.lower(), job_id)):
                    return found
        raise job_not_found(f"{self._project}:{location + '.' if location else ''}{job_id}")

    def all(self) -> list[Job]:
        """Return all jobs in the order of their start."""
        with self._lock:
            return list(self._jobs.values())

    def resources(self) -> list[Json]:
        """Return copies of the resources of all jobs in the order of their start."""
        return [copy.deepcopy(job.resource) for job in self.all()]

    def close(self) -> None:
        """Cancel what waits, and wait for what works."""
        for job in self.all():
            job.cancelled.set()
        for thread in self._threads:
            thread.join()

    def _new(self, configuration: Json, reference: Json, location: str) -> Job:
        job_id = reference.get("jobId") or f"job_{next(self._numbers):06d}"
        full = {"projectId": self._project, "jobId": job_id, "location": location}
        name = f"{self._project}:{location}.{job_id}"
        kind = next((kind for kind in ("load", "copy", "query") if kind in configuration), "")
        resource = {
            "kind": "bigquery#job",
            "id": name,
            "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{self._project}/jobs/{job_id}",
            "user_email": "fake@example.com",
            "jobReference": full,
            "configuration": {**configuration, "jobType": kind.upper()},
            "statistics": {"creationTime": self._now_ms()},
            "status": {"state": "PENDING"},
        }
        return Job(resource=resource)

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        job.statistics["startTime"] = self._now_ms()
        job.resource["status"] = {"state": "RUNNING"}
        try:
            self._wait(job)
            work(job)
        except ApiError as refused:
            job.error = refused
        except duckdb.Error as failed:
            job.error = ApiError(400, str(failed), "invalidQuery")
        except Exception as failed:  # noqa: BLE001 - whoever waits for the job has to learn of it
            job.error = ApiError(500, f"An internal error occurred: {failed!r}", "internalError")
        job.end(self._now_ms())

    def _wait(self, job: Job) -> None:
        """Let a job be RUNNING for as long as jobs are; refuse to go on where it was cancelled meanwhile."""
        if job.cancelled.wait(self.seconds) if self.seconds else job.cancelled.is_set():
            raise ApiError(499, "Job execution was cancelled: User requested cancellation", "stopped")

    def _now_ms(self) -> str:
        return str(int(self._clock() * 1000))
