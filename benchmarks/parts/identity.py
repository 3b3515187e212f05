"""Ids alone: nanoseconds a row on one core, over frames in memory."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.measure import Figure
from benchmarks.parts.part import Contestant, Ground
from benchmarks.place import MONTH

if TYPE_CHECKING:
    from benchmarks.measure import Run
    from benchmarks.parts.part import Runs

_MOST_NANOSECONDS = 60
_MOST_ROWS = 1_000_000
_NAME = "row-v1, one core"


@dataclass(frozen=True, slots=True)
class Identity:
    """The part."""

    ground: Ground

    def contestants(self) -> list[Contestant]:
        """Return the one that there is."""
        return [Contestant(name=_NAME, run=self._run)]

    def figures(self, runs: Runs) -> list[Figure]:
        """Return what a row costs."""
        cost = measure.median(r.said["nanoseconds"] for r in runs.get(_NAME, ()))
        return [Figure(name="Identity: a row on one core", value=cost, unit=" ns", high=_MOST_NANOSECONDS)]

    def _run(self) -> Run:
        self.ground.work.sample(self.ground.rows)
        rows = min(self.ground.rows, _MOST_ROWS)
        file = self.ground.work.file(self.ground.rows)
        command = [sys.executable, "-m", "benchmarks.contestants.hashing", str(file), MONTH, str(rows)]
        return replace(measure.run(command, {"POLARS_MAX_THREADS": "1"}), rows=rows)
