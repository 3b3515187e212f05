"""gzip -> PostgreSQL with ids: the engine, the course flow's SQL and DuckDB on one server with one set of settings."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks import database, measure
from benchmarks.engine_run import ingest
from benchmarks.measure import Figure
from benchmarks.parts.part import Contestant, Ground, expect
from benchmarks.place import MONTH

if TYPE_CHECKING:
    from benchmarks.measure import Run
    from benchmarks.parts.part import Runs

ENGINE, COURSE, DUCKDB = "engine", "course flow's SQL", "DuckDB"
_LEAST_LEAD_COURSE = 5.0
_LEAST_LEAD_DUCKDB = 2.2


@dataclass(frozen=True, slots=True)
class Postgres:
    """The part."""

    ground: Ground

    def contestants(self) -> list[Contestant]:
        """Return the engine and its peers; DuckDB only where its extension is to be had."""
        peers = [Contestant(name=DUCKDB, run=self._duckdb)] if self.ground.peer else []
        return [Contestant(name=ENGINE, run=self._engine), *peers, Contestant(name=COURSE, run=self._course)]

    def figures(self, runs: Runs) -> list[Figure]:
        """Compare medians of whole processes."""
        wall = {name: measure.median(r.wall_seconds for r in done) for name, done in runs.items()}
        return [
            Figure(
                name="PostgreSQL: course flow / engine",
                value=measure.ratio(wall.get(COURSE), wall.get(ENGINE)),
                low=_LEAST_LEAD_COURSE,
                note="the flow has no unique index",
            ),
            Figure(
                name="PostgreSQL: DuckDB / engine",
                value=measure.ratio(wall.get(DUCKDB), wall.get(ENGINE)),
                low=_LEAST_LEAD_DUCKDB,
                note="" if self.ground.peer else "DuckDB's PostgreSQL extension was not to be had",
            ),
        ]

    def _engine(self) -> Run:
        database.clean(self.ground.url)
        folder = self.ground.work.sample(self.ground.rows)
        return self._checked(ENGINE, ingest(self.ground.work, folder, self.ground.url))

    def _course(self) -> Run:
        database.clean(self.ground.url)
        work = self.ground.work
        command = [sys.executable, "-m", "benchmarks.contestants.course_postgres", str(work.file(self.ground.rows))]
        run = measure.run([*command, MONTH, self.ground.url, database.SCHEMA, str(work.folder)])
        return self._checked(COURSE, run, index=False)

    def _duckdb(self) -> Run:
        database.clean(self.ground.url)
        work = self.ground.work
        command = [
            str(self.ground.peer),
            "-m",
            "benchmarks.contestants.duckdb_postgres",
            str(work.file(self.ground.rows)),
        ]
        # The extension's wheel is laid out below HOME.
        home = {"HOME": str(work.folder / "peers")}
        run = measure.run([*command, MONTH, self.ground.url, database.SCHEMA, "typed"], home)
        return self._checked(DUCKDB, run)

    def _checked(self, name: str, run: Run, *, index: bool = True) -> Run:
        found = database.rows(self.ground.url)
        expect(name, "rows of the table", self.ground.rows, found)
        expect(name, "a unique index on the ids", index, database.unique_ids(self.ground.url))
        return replace(run, rows=found, said={**run.said, "table_mb": database.megabytes(self.ground.url)})
