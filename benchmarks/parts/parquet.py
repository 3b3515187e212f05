"""gzip -> checked -> typed -> id -> Parquet: what ids cost, and how far the engine is ahead of DuckDB."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks import measure
from benchmarks.engine_run import ingest
from benchmarks.measure import Figure
from benchmarks.parts.part import Contestant, Ground, expect
from benchmarks.place import MONTH

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Run
    from benchmarks.parts.part import Runs

ENGINE, PLAIN = "engine", "engine without ids"
DUCKDB, DUCKDB_TYPED, DUCKDB_TEXT = "DuckDB", "DuckDB, types declared", "DuckDB, MD5 over raw text"
_SLOWEST_OWN = 1.25
_LEAST_LEAD = 2.1


@dataclass(frozen=True, slots=True)
class Parquet:
    """The part."""

    ground: Ground

    def contestants(self) -> list[Contestant]:
        """Return the engine, itself without ids, and DuckDB in three forms."""
        return [
            Contestant(name=ENGINE, run=self._engine),
            Contestant(name=PLAIN, run=self._plain),
            Contestant(name=DUCKDB, run=lambda: self._duckdb(DUCKDB, "detected")),
            Contestant(name=DUCKDB_TYPED, run=lambda: self._duckdb(DUCKDB_TYPED, "typed")),
            Contestant(name=DUCKDB_TEXT, run=lambda: self._duckdb(DUCKDB_TEXT, "text")),
        ]

    def figures(self, runs: Runs) -> list[Figure]:
        """Compare medians."""
        wall = {name: measure.median(r.wall_seconds for r in runs.get(name, ())) for name in runs}
        inside = {name: measure.median(r.inside_seconds for r in runs.get(name, ())) for name in runs}
        return [
            Figure(
                name="Parquet: with ids / without",
                value=measure.ratio(wall.get(ENGINE), wall.get(PLAIN)),
                high=_SLOWEST_OWN,
                note="whole processes",
            ),
            Figure(
                name="Parquet: with ids / without, inside",
                value=measure.ratio(inside.get(ENGINE), inside.get(PLAIN)),
                high=_SLOWEST_OWN,
                note="after imports",
            ),
            Figure(
                name="Parquet: DuckDB / engine",
                value=measure.ratio(wall.get(DUCKDB), wall.get(ENGINE)),
                low=_LEAST_LEAD,
                note="whole processes; MD5 over values, types as DuckDB detects them",
            ),
            Figure(
                name="Parquet: DuckDB, types declared / engine",
                value=measure.ratio(wall.get(DUCKDB_TYPED), wall.get(ENGINE)),
                note="whole processes; MD5 over values, every type written out, money DECIMAL as the engine's",
            ),
            Figure(
                name="Parquet: DuckDB, raw text / engine",
                value=measure.ratio(wall.get(DUCKDB_TEXT), wall.get(ENGINE)),
                note="whole processes; MD5 over the fields as they stand, which depends on how numbers are written",
            ),
        ]

    def _folder(self) -> Path:
        """Return an empty folder for what is written."""
        folder = self.ground.work.folder / "parquet"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def _engine(self) -> Run:
        root = self._folder()
        run = ingest(self.ground.work, self.ground.work.sample(self.ground.rows), str(root))
        return self._checked(ENGINE, run, root / "yellow" / f"month={MONTH}" / "data.parquet")

    def _plain(self) -> Run:
        target, source = self._folder() / "data.parquet", self.ground.work.sample(self.ground.rows)
        command = [sys.executable, "-m", "benchmarks.contestants.without_ids", str(source), MONTH, str(target)]
        run = measure.run([*command, str(target.parent)], self.ground.work.environment)
        return self._checked(PLAIN, run, target, ids=False)

    def _duckdb(self, name: str, over: str) -> Run:
        target, file = self._folder() / "data.parquet", self.ground.work.file(self.ground.rows)
        command = [sys.executable, "-m", "benchmarks.contestants.duckdb_parquet", str(file), MONTH, str(target), over]
        return self._checked(name, measure.run(command), target)

    def _checked(self, name: str, run: Run, path: Path, *, ids: bool = True) -> Run:
        found = pq.read_metadata(path)
        expect(name, "rows of the file", self.ground.rows, found.num_rows)
        expect(name, "ids in the file", ids, "unique_row_id" in found.schema.to_arrow_schema().names)
        said = {**run.said, "file_mb": round(path.stat().st_size / 1e6, 1)}
        return replace(run, rows=found.num_rows, said=said)
