"""One month after the other into one target, each loaded by a call of `engine.ingest`, its seconds noted.

Before each month what earlier ones left unwritten is flushed (CHECKPOINT, sync), outside the measured time: otherwise
the operating system begins to write some gigabytes later, in the middle of somebody else's month.

Usage: python -m benchmarks.contestants.many_months REQUEST SCHEMA
REQUEST is JSON: {"rows": 1000, "months": 25, "source": FOLDER, "target": URL}
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import psycopg

from engine import catalog
from engine.ingest import Request, ingest
from engine.month import Month
from engine.settings import from_environment
from engine.targets import Place
from engine.watch import Nobody


def main(request: dict[str, Any], schema: str) -> dict[str, Any]:
    """Load all months and return how long each took."""
    dataset, month, settings = catalog.find("yellow"), Month(2019, 1), from_environment()
    begin = time.perf_counter()
    seconds = []
    for _ in range(request["months"]):
        _flush(request["target"])
        start = time.perf_counter()
        place = Place(url=request["target"], schema=schema)
        result = ingest(Request(dataset=dataset, month=month, to=place, location=request["source"]), settings, Nobody())
        if result.error is not None:
            raise result.error
        if result.receipt.rows.loaded != request["rows"]:
            message = f"{month}: {result.receipt.rows}"
            raise ValueError(message)
        seconds.append(round(time.perf_counter() - start, 3))
        month = month.next()
    return {"seconds": round(time.perf_counter() - begin, 3), "months": seconds, "rows": request["rows"]}


def _flush(target: str) -> None:
    if "://" in target:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
    os.sync()


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]), sys.argv[2])))
