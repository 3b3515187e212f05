"""The same month again: as a process where nothing changed, and where the ledger is lost but the rows are there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks import database, measure
from benchmarks.engine_run import ingest
from benchmarks.measure import Figure
from benchmarks.parts.part import Contestant, Ground, expect

if TYPE_CHECKING:
    from benchmarks.measure import Run
    from benchmarks.parts.part import Runs

FIRST, UNCHANGED, LOST = "first load", "unchanged", "ledger lost"
_MOST_SECONDS = 1.0
_MOST_OF_FIRST = 0.6


@dataclass(frozen=True, slots=True)
class Again:
    """The part."""

    ground: Ground

    def contestants(self) -> list[Contestant]:
        """Return the three runs in the order in which they make sense."""
        return [
            Contestant(name=FIRST, run=self._first),
            Contestant(name=UNCHANGED, run=self._unchanged),
            Contestant(name=LOST, run=self._lost),
        ]

    def figures(self, runs: Runs) -> list[Figure]:
        """Return what repetition costs."""
        wall = {name: measure.median(r.wall_seconds for r in done) for name, done in runs.items()}
        lost = measure.ratio(wall.get(LOST), wall.get(FIRST))
        return [
            Figure(name="Again: unchanged month", value=wall.get(UNCHANGED), unit=" s", high=_MOST_SECONDS),
            Figure(name="Again: ledger lost / first load", value=lost, high=_MOST_OF_FIRST),
        ]

    def _first(self) -> Run:
        database.clean(self.ground.url)
        return self._ingested(FIRST, "loaded")

    def _unchanged(self) -> Run:
        return self._ingested(UNCHANGED, "unchanged")

    def _lost(self) -> Run:
        database.forget_loads(self.ground.url)
        run = self._ingested(LOST, "loaded")
        expect(LOST, "rows that were there", self.ground.rows, run.said["rows"]["present"])
        return run

    def _ingested(self, name: str, state: str) -> Run:
        run = ingest(self.ground.work, self.ground.work.sample(self.ground.rows), self.ground.url)
        expect(name, "the state", state, run.said["state"])
        found = database.rows(self.ground.url)
        expect(name, "rows of the table", self.ground.rows, found)
        return replace(run, rows=found)
