"""CSV and the official Parquet of one month side by side, into both targets, and one month of every kind of CSV."""

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

_FORMS = ("csv", "parquet")
_TARGETS = ("Parquet", "PostgreSQL")
_AT_LEAST = 1.0
# Eras whose rows look different to a parser: words and 17 digits, coordinates, fields without a name, all in quotes.
_ERAS = (
    ("yellow", "2011-05", "words and 17 digits"),
    ("yellow", "2015-05", "coordinates"),
    ("yellow", "2016-08", "two fields without a name"),
    ("yellow", "2019-03", "as the whole benchmark"),
    ("fhv", "2018-03", "every value in quotes"),
    ("fhvhv", "2019-03", "seven columns"),
)
_SHARE = 4


@dataclass(frozen=True, slots=True)
class Formats:
    """The part."""

    ground: Ground

    def contestants(self) -> list[Contestant]:
        """Return both formats into both targets, each round; then one month of each era, once."""
        return [
            *(
                Contestant(name=f"{form} -> {target}", run=partial(self._run, form, target))
                for target in _TARGETS
                for form in _FORMS
            ),
            *(
                Contestant(name=f"{dataset} {month}", run=partial(self._era, dataset, month), once=True)
                for dataset, month, _ in _ERAS
            ),
        ]

    def figures(self, runs: Runs) -> list[Figure]:
        """Compare medians, and say how long a row of each era takes."""
        wall = {name: measure.median(r.wall_seconds for r in done) for name, done in runs.items()}
        found = [
            Figure(
                name=f"Formats: CSV / official Parquet, into {target}",
                value=measure.ratio(wall.get(f"csv -> {target}"), wall.get(f"parquet -> {target}")),
                low=_AT_LEAST,
                note="whole processes, the same values",
            )
            for target in _TARGETS
        ]
        for dataset, month, what in _ERAS:
            done = runs.get(f"{dataset} {month}", ())
            inside = measure.median(r.inside_seconds / r.rows * 1e9 for r in done if r.rows)
            found.append(Figure(name=f"Formats: {dataset} {month}, a row", value=inside, unit=" ns", note=what))
        return found

    def _run(self, form: str, target: str) -> Run:
        source = self.ground.work.other("yellow", MONTH, self.ground.rows, form)
        if target == "PostgreSQL":
            database.clean(self.ground.url)
            run = ingest(self.ground.work, source, self.ground.url)
            run = replace(run, rows=database.rows(self.ground.url))
        else:
            run = self._to_folder(source.name, "yellow", MONTH, self.ground.rows, form)
        expect(f"{form} -> {target}", "rows", self.ground.rows, run.rows)
        return run

    def _era(self, dataset: str, month: str) -> Run:
        rows = max(1, self.ground.rows // _SHARE)
        run = self._to_folder(f"{dataset}-{month}", dataset, month, rows, "csv")
        expect(f"{dataset} {month}", "rows", rows, run.rows)
        return run

    def _to_folder(self, name: str, dataset: str, month: str, rows: int, form: str) -> Run:
        root = self.ground.work.folder / "formats" / name
        shutil.rmtree(root, ignore_errors=True)
        source = self.ground.work.other(dataset, month, rows, form)
        run = ingest(self.ground.work, source, str(root), dataset, month)
        found = pq.read_metadata(root / dataset / f"month={month}" / "data.parquet").num_rows
        shutil.rmtree(root)
        return replace(run, rows=found)
