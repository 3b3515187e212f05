"""Peak memory of the engine's process, for a month and for one ten times as long."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks import database, measure
from benchmarks.engine_run import ingest
from benchmarks.measure import Figure
from benchmarks.parts.part import Contestant, Ground, expect
from benchmarks.place import MONTH

if TYPE_CHECKING:
    from benchmarks.measure import Run
    from benchmarks.parts.part import Runs

_MOST_MB = 700
_LEAST_RATIO, _MOST_RATIO = 0.9, 1.1
_TIMES = 10
_PARQUET, _POSTGRES = "Parquet", "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Memory:
    """The part."""

    ground: Ground

    def contestants(self) -> list[Contestant]:
        """Return each target with one month and with a long one."""
        long = [_PARQUET, _POSTGRES] if self.ground.ten_times else [_PARQUET]
        return [
            *(
                Contestant(name=target, run=partial(self._run, target, 1), once=True)
                for target in (_PARQUET, _POSTGRES)
            ),
            *(Contestant(name=_long(target), run=partial(self._run, target, _TIMES), once=True) for target in long),
        ]

    def figures(self, runs: Runs) -> list[Figure]:
        """Return peaks, the worst of all runs, and how they grow."""
        peak = {name: max((r.peak_mb for r in done), default=None) for name, done in runs.items()}
        return [
            *(
                Figure(name=f"Memory: {name}, peak", value=value, unit=" MB", high=_MOST_MB)
                for name, value in peak.items()
            ),
            *(
                Figure(
                    name=f"Memory: {_long(target)} / {target}",
                    value=measure.ratio(peak[_long(target)], peak.get(target)),
                    low=_LEAST_RATIO,
                    high=_MOST_RATIO,
                )
                for target in (_PARQUET, _POSTGRES)
                if _long(target) in peak
            ),
        ]

    def _run(self, target: str, times: int) -> Run:
        rows = times * self.ground.rows
        found = self._parquet(rows) if target == _PARQUET else self._postgres(rows)
        expect(target, "rows", rows, found.rows)
        return found

    def _parquet(self, rows: int) -> Run:
        root = self.ground.work.folder / "memory"
        shutil.rmtree(root, ignore_errors=True)
        run = ingest(self.ground.work, self.ground.work.sample(rows), str(root))
        found = pq.read_metadata(root / "yellow" / f"month={MONTH}" / "data.parquet").num_rows
        shutil.rmtree(root)
        return replace(run, rows=found)

    def _postgres(self, rows: int) -> Run:
        database.clean(self.ground.url)
        run = ingest(self.ground.work, self.ground.work.sample(rows), self.ground.url)
        run = replace(run, rows=database.rows(self.ground.url))
        database.clean(self.ground.url)
        return run


def _long(target: str) -> str:
    return f"{target}, ten times the rows"
