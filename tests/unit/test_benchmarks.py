"""The benchmarks run, contestants do equal work, and results are written; how fast they are is no matter of tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.measure import Figure
from benchmarks.parts.part import UnequalWorkError, expect

ROOT = Path(__file__).parents[2]
ROWS = 1_000


def test_a_small_run_measures_every_contestant_and_writes_its_results(tmp_path: Path) -> None:
    """One round over a tiny month gives figures, all single runs, a table and a picture."""
    pytest.importorskip("duckdb")
    out = tmp_path / "result.json"
    command = [sys.executable, "-m", "benchmarks", "--rows", str(ROWS), "--rounds", "1", "--only", "parquet,identity"]
    subprocess.run(  # noqa: S603 - this package itself
        [*command, "--out", str(out), "--work", str(tmp_path / "work")],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    found = json.loads(out.read_text())
    assert found["machine"]["rows"] == ROWS
    assert {run["rows"] for runs in found["runs"]["parquet"].values() for run in runs} == {ROWS}
    assert len(found["runs"]["parquet"]) == 5
    assert all(figure["value"] > 0 for figure in found["figures"])
    assert "| Parquet: DuckDB / engine" in out.with_suffix(".md").read_text()
    assert out.with_suffix(".svg").read_text().startswith("<svg")


def test_a_contestant_that_fails_becomes_no_number() -> None:
    """The program's own words come with the error."""
    command = [sys.executable, "-c", "import sys; sys.exit('out of luck')"]
    with pytest.raises(measure.ContestantFailedError, match="out of luck"):
        measure.run(command)


def test_a_contestant_is_measured_from_outside_and_by_its_own_clock() -> None:
    """Clock and memory are seen from outside, whatever the benchmark itself holds; the time inside is the program's."""
    ballast = bytearray(300_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    measured = 'print(\'{"seconds": {"copy": 1, "total": 0.001}}\')'
    run = measure.run([sys.executable, "-c", measured])
    assert run.wall_seconds > run.inside_seconds == 0.001
    assert 1 < run.peak_mb < 100 < len(ballast) / 1e6


def test_unequal_work_is_refused() -> None:
    """A target that lacks rows is no result."""
    with pytest.raises(UnequalWorkError, match="rows should be 10 and is 9"):
        expect("peer", "rows", 10, 9)


@pytest.mark.parametrize(("value", "met"), [(0.89, False), (0.9, True), (1.1, True), (1.11, False), (None, None)])
def test_a_figure_says_whether_its_target_is_met(value: float | None, *, met: bool | None) -> None:
    """Both ends of a range count as met, and what could not be measured is neither."""
    assert Figure(name="24th month", value=value, low=0.9, high=1.1).met is met
