"""What all parts of the fake share: one project's catalog, rows, jobs and permissions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.fakes.bigquery.catalog import Catalog, Dataset
from tests.fakes.bigquery.jobs import Jobs
from tests.fakes.bigquery.names import RESULTS
from tests.fakes.bigquery.permissions import Permissions
from tests.fakes.bigquery.sizes import Sizes
from tests.fakes.bigquery.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path


class Service:
    """One project.

    Args:
        project: Its id.
        folder: Where everything that it keeps lies.
        gcs_url: The endpoint behind gs:// names; None: there is none.
        token: The caller's bearer token, with which objects are read: they have to be the caller's too; None: none.

    """

    def __init__(self, *, project: str, folder: Path, gcs_url: str | None, token: str | None) -> None:
        self.project = project
        self.folder = folder
        self.gcs_url = gcs_url
        self.token = token
        self.clock_offset_seconds = 0.0
        self.warehouse = Warehouse(folder)
        self.catalog = Catalog(project, self.now)
        self.sizes = Sizes(self.warehouse)
        self.permissions = Permissions(project)
        self.jobs = Jobs(project, self.now)
        self.spool = folder / "spool"
        self.spool.mkdir(exist_ok=True)
        now = self.catalog.now_ms()
        self.catalog.put_dataset(RESULTS, Dataset(settings={}, location="US", created_ms=now, modified_ms=now))

    def now(self) -> float:
        """Return the time in seconds since the epoch, as tests may move it."""
        return time.time() + self.clock_offset_seconds

    def close(self) -> None:
        """End all jobs, then close the files."""
        self.jobs.close()
        self.warehouse.close()
