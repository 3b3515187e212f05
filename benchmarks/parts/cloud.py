"""A month into a bucket and into BigQuery, beside the same month into a folder: seconds, requests, bytes and memory.

The servers are the fakes of the tests, on the same two cores: what they cost is measured too, so a ratio is a lower
bound of what the engine adds. How fast Google's own servers and a network are, nobody can tell from here.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from benchmarks import measure
from benchmarks.engine_run import ingest
from benchmarks.measure import Figure
from benchmarks.parts.part import Contestant, Ground, expect
from benchmarks.place import MONTH
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.gcs import FakeGCS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Run
    from benchmarks.parts.part import Runs

_FOLDER, _BUCKET, _LONG = "folder", "gs://", "gs://, ten times the rows"
_STAGED, _SENT, _STREAMED = "bigquery://, by a bucket", "bigquery://", "bigquery://, Write API"
_AT_LEAST, _MOST_MB, _TIMES = 0.9, 700, 10
_LEAST_RATIO, _MOST_RATIO = 0.9, 1.1


@dataclass(slots=True)
class Cloud:
    """The part."""

    ground: Ground
    _requests: dict[str, int] = field(default_factory=dict)
    _sent: dict[str, int] = field(default_factory=dict)

    def contestants(self) -> list[Contestant]:
        """Return folder and bucket each round; then BigQuery in its three ways, and a long month, once."""
        return [
            Contestant(name=_FOLDER, run=self._folder),
            Contestant(name=_BUCKET, run=partial(self._bucket, _BUCKET, 1)),
            *(
                Contestant(name=name, run=partial(self._warehouse, name), once=True)
                for name in (_SENT, _STAGED, _STREAMED)
            ),
            Contestant(name=_LONG, run=partial(self._bucket, _LONG, _TIMES), once=True),
        ]

    def figures(self, runs: Runs) -> list[Figure]:
        """Return the ratio, and what each way costs."""
        wall = {name: measure.median(r.wall_seconds for r in done) for name, done in runs.items()}
        peak = {name: max((r.peak_mb for r in done), default=None) for name, done in runs.items()}
        found = [
            Figure(
                name="Cloud: folder / gs://, seconds",
                value=measure.ratio(wall.get(_FOLDER), wall.get(_BUCKET)),
                low=_AT_LEAST,
                note="whole processes; the fake server's work included",
            ),
            Figure(
                name=f"Cloud: {_LONG} / gs://, peak memory",
                value=measure.ratio(peak.get(_LONG), peak.get(_BUCKET)),
                low=_LEAST_RATIO,
                high=_MOST_RATIO,
            ),
        ]
        for name in (_BUCKET, _SENT, _STAGED, _STREAMED, _LONG):
            if name in peak:
                found += [
                    Figure(name=f"Cloud: {name}, seconds", value=wall[name], unit=" s"),
                    Figure(name=f"Cloud: {name}, peak", value=peak[name], unit=" MB", high=_MOST_MB),
                    Figure(name=f"Cloud: {name}, requests", value=self._requests.get(name), unit=" in all"),
                    Figure(name=f"Cloud: {name}, sent", value=self._sent.get(name, 0) / 1e6, unit=" MB"),
                ]
        return found

    def _folder(self) -> Run:
        root = self.ground.work.folder / "cloud-folder"
        shutil.rmtree(root, ignore_errors=True)
        run = ingest(self.ground.work, self.ground.work.sample(self.ground.rows), str(root))
        found = pq.read_metadata(root / "yellow" / f"month={MONTH}" / "data.parquet").num_rows
        shutil.rmtree(root)
        expect(_FOLDER, "rows", self.ground.rows, found)
        return replace(run, rows=found)

    def _bucket(self, name: str, times: int) -> Run:
        rows = times * self.ground.rows
        with self._place() as folder, FakeGCS("lake", folder=folder) as fake:
            run = self._ingest(rows, "gs://lake/nyc", {"STORAGE_EMULATOR_HOST": fake.url})
            self._requests[name] = len(fake.requests)
            self._sent[name] = sum(r.bytes_in for r in fake.requests)
            local = folder / "back.parquet"
            local.write_bytes(fake.read("lake", f"nyc/yellow/month={MONTH}/data.parquet"))
            found = pq.read_metadata(local).num_rows
        expect(name, "rows", rows, found)
        return replace(run, rows=found)

    def _warehouse(self, name: str) -> Run:
        with ExitStack() as stack:
            folder = stack.enter_context(self._place())
            gcs = stack.enter_context(FakeGCS("lake", folder=folder / "gcs"))
            fake = stack.enter_context(FakeBigQuery(folder=folder / "bigquery", gcs_url=gcs.url))
            client = bigquery.Client(
                project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": fake.url}
            )
            stack.enter_context(closing(client)).create_dataset("p.wh")
            variables = {
                "STORAGE_EMULATOR_HOST": gcs.url,
                "BIGQUERY_EMULATOR_HOST": fake.url,
                "BIGQUERY_STORAGE_EMULATOR_HOST": fake.grpc_address,
                "ENGINE_STAGING": "gs://lake/stage" if name == _STAGED else "",
                "ENGINE_METHOD": "write_api" if name == _STREAMED else "load",
            }
            run = self._ingest(self.ground.rows, "bigquery://p/wh", {k: v for k, v in variables.items() if v})
            self._requests[name] = len(gcs.requests) + len(fake.requests)
            self._sent[name] = sum(r.bytes_in for r in gcs.requests) + sum(r.bytes_in for r in fake.requests)
            month = f"{MONTH.replace('-', '')}"
            found = int(client.get_table(f"p.wh.yellow_tripdata${month}").num_rows or 0)
        expect(name, "rows", self.ground.rows, found)
        return replace(run, rows=found)

    def _ingest(self, rows: int, target: str, variables: dict[str, str]) -> Run:
        return ingest(self.ground.work, self.ground.work.sample(rows), target, variables=variables)

    @contextmanager
    def _place(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self.ground.work.folder) as folder:
            yield Path(folder)
