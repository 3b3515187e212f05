"""The job that makes rows the month: named, so that it runs once, and asked after its death whether it ran.

A job's id is made of the partition, the content, the ledger's generation (how often the month was loaded) and a number
of attempts. The same load again finds the running or finished job; bytes A, then B, then A again are three generations.
A job that failed keeps its id, so the next attempt has another.

BigQuery's jobs take no preconditions, but an id is given once. So whoever takes over a month from a dead engine takes
the id of that engine's job first: where the job is there, it is waited for; where it is not, the id is burnt, and an
engine that was only stopped for a while cannot start it any more.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as api

from engine.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.google.warehouse import Warehouse
    from engine.load import Load
    from engine.sinks.bigquery.tables import MainTable

_LOAD_LABEL = "engine_load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One load's job.

    Attributes:
        warehouse: Where it runs.
        main: What it changes.
        load: For which load.
        content: What the month will be, as a text that is equal for equal content.
        generation: How often the month was loaded.

    """

    warehouse: Warehouse
    main: MainTable
    load: Load
    content: str
    generation: str

    @property
    def labels(self) -> dict[str, str]:
        """What the job says of itself (cloud.google.com/bigquery/docs/labels-intro: lower case, at most 63)."""
        return {
            "engine": "publish",
            _LOAD_LABEL: self.load.load_id,
            "engine_dataset": self.load.dataset.name[:63],
            "engine_month": str(self.load.month),
        }

    def job_id(self, is_there: Callable[[], bool]) -> tuple[str, bool]:
        """Return the job's id, and whether its job did the work already.

        Args:
            is_there: Tells whether the month has as many rows as the job would have left; something else may have
                changed it since.

        """
        digest = hashlib.sha256(self.content.encode()).hexdigest()[:20]
        month = f"{self.load.month.year:04d}{self.load.month.month:02d}"
        base = f"engine_{self.warehouse.dataset}_{self.main.name}_{month}_{digest}_g{self.generation}"
        for attempt in itertools.count():
            job_id = self.warehouse.job_name(f"{base}_a{attempt}")
            if (job := self.warehouse.find_job(job_id)) is None:
                return job_id, False
            if ended_well(self.warehouse, job) and not _burnt(job) and is_there():
                return job_id, True
        raise AssertionError  # the numbers do not end

    def run(self, job_id: str, start: Callable[[], Any]) -> Any:  # noqa: ANN401 - a job of any kind
        """Start the job, wait for its end and return it.

        Raises:
            Busy: Another engine has taken the month over, and the job's id with it.
            GoogleAPICallError: The job failed.

        """
        job, _ = self.warehouse.job(job_id, start)
        if (job.labels or {}).get(_LOAD_LABEL) != self.load.load_id:
            message = "another engine has taken this month over"
            raise Busy(
                message,
                facts={"job": job_id},
                state="nothing of this load is visible",
                next_step="look at `engine status`, then run the same command again",
            )
        job.result(retry=self.warehouse.retry)
        return job


def ran(warehouse: Warehouse, job_id: str, load_id: str) -> bool:
    """Tell whether a load's job did its work, in such a way that the answer stays true.

    A job that is there is waited for. An id whose job is not there is taken, so that it never will be. Whose job it is
    its labels say: equal content has equal ids, and another load may have been first.
    """
    job, _ = warehouse.job(job_id, lambda: _burn(warehouse, job_id))
    if _burnt(job):
        return False
    return ended_well(warehouse, job) and (job.labels or {}).get(_LOAD_LABEL) == load_id


def ended_well(warehouse: Warehouse, job: Any) -> bool:  # noqa: ANN401 - a job of any kind
    """Wait for a job and tell whether it did its work."""
    try:
        job.result(retry=warehouse.retry)
    except api.GoogleAPICallError:
        if job.state != "DONE":
            raise
        return False
    return True


def _burn(warehouse: Warehouse, job_id: str) -> Any:  # noqa: ANN401 - a job
    return warehouse.begin("SELECT 1", job_id, {"engine": "burnt"})


def _burnt(job: Any) -> bool:  # noqa: ANN401 - a job of any kind
    return (job.labels or {}).get("engine") == "burnt"
