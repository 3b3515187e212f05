"""Ids of rows in memory, by one thread on one core: nanoseconds a row, Parquet, CSV and threads left out.

Usage: python -m benchmarks.contestants.hashing FILE MONTH ROWS
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from engine import catalog
from engine.decode import Quarantine, Report, batches, read_layout, scan
from engine.identity import digests
from engine.month import Month

_BATCH_ROWS = 1 << 16  # as the pipeline hands them over
_AT_LEAST_ROWS = 8_000_000


def main(file: Path, month_text: str, rows: int) -> dict[str, float]:
    """Hash the first rows of a month, often enough for the clock, and return what one costs."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    dataset, month = catalog.find("yellow", ()), Month.parse(month_text)
    layout = read_layout(file, dataset, month, name=file.name)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        quarantine = Quarantine(Path(folder) / "rejects")
        query = scan(file, layout, strict=False, report=report, quarantine=quarantine).head(rows)
        frame = pl.concat(batches(query, report)).rechunk()
        quarantine.close()
    parts = [frame.slice(at, _BATCH_ROWS).rechunk() for at in range(0, frame.height, _BATCH_ROWS)]
    digests(parts[0], dataset.contract, layout.columns)
    turns = -(-_AT_LEAST_ROWS // frame.height)
    start = time.perf_counter()
    for _ in range(turns):
        for part in parts:
            digests(part, dataset.contract, layout.columns)
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 4), "nanoseconds": round(seconds / turns / frame.height * 1e9, 2)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
