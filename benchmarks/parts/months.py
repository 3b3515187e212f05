"""The 24th month of a table or folder costs what the first did.

All months have the same bytes, so that nothing but what the target already holds can make a difference.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import database, measure
from benchmarks.measure import Figure
from benchmarks.parts.part import Contestant, Ground, expect

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Run
    from benchmarks.parts.part import Runs

_MONTHS = 24
_WARM_UP = 1
_AVERAGED = 3
_SHARE = 10  # a month of these is a tenth of the others
_LEAST, _MOST = 0.9, 1.1
_PARQUET, _POSTGRES = "Parquet", "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Months:
    """The part."""

    ground: Ground

    def contestants(self) -> list[Contestant]:
        """Return both targets."""
        return [Contestant(name=name, run=partial(self._run, name), once=True) for name in (_PARQUET, _POSTGRES)]

    def figures(self, runs: Runs) -> list[Figure]:
        """Compare the last months with the first ones after a warm-up."""
        figures = []
        for name, done in runs.items():
            for run in done:
                months = run.said["months"][_WARM_UP:]
                first, last = (measure.median(part) for part in (months[:_AVERAGED], months[-_AVERAGED:]))
                figures.append(
                    Figure(
                        name=f"Months: {name}, last {_AVERAGED} of {_MONTHS} / first {_AVERAGED}",
                        value=measure.ratio(last, first),
                        low=_LEAST,
                        high=_MOST,
                        note=f"medians; months of {run.said['rows']:,} rows, one more before them as a warm-up",
                    )
                )
                empty = measure.median(run.said["empty"])
                figures.append(
                    Figure(
                        name=f"Months: {name}, last {_AVERAGED} / {_AVERAGED} into empty places afterwards",
                        value=measure.ratio(last, empty),
                        low=_LEAST,
                        high=_MOST,
                        note="medians; tells the months in a target from what became of the machine meanwhile",
                    )
                )
        return figures

    def _run(self, name: str) -> Run:
        rows = max(self.ground.rows // _SHARE, 1)
        target = self._clean(name)
        request = {
            "rows": rows,
            "months": _MONTHS + _WARM_UP,
            "empty": _AVERAGED,
            "source": str(self._sources(rows)),
            "target": target,
        }
        command = [sys.executable, "-m", "benchmarks.contestants.many_months", json.dumps(request), database.SCHEMA]
        run = measure.run(command, self.ground.work.environment)
        total = (_MONTHS + _WARM_UP) * rows
        if name == _POSTGRES:
            expect(name, "rows of the table", total, database.rows(self.ground.url))
        return replace(run, rows=total)

    def _clean(self, name: str) -> str:
        if name == _POSTGRES:
            database.clean(self.ground.url)
            return self.ground.url
        folder = self.ground.work.folder / "months"
        shutil.rmtree(folder, ignore_errors=True)
        return str(folder)

    def _sources(self, rows: int) -> Path:
        """Return a folder where one file stands under the names of all months."""
        self.ground.work.sample(rows)
        file = self.ground.work.file(rows)
        folder = file.parent / "many"
        folder.mkdir(exist_ok=True)
        for number in range(_MONTHS + _WARM_UP):
            link = folder / f"yellow_tripdata_{2019 + number // 12}-{number % 12 + 1:02}.csv.gz"
            if not link.exists():
                link.hardlink_to(file)
        return folder
