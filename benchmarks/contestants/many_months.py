"""One month after the other into one target, each loaded by a call of `engine.ingest`, its seconds noted.

Before each month what earlier ones left unwritten is flushed (CHECKPOINT, sync), outside the measured time: otherwise
the operating system begins to write some gigabytes later, in the middle of somebody else's month.

Then the first month goes into empty places of its own, a few times: what it costs there, at the end of the run, tells a
target that slows down with its months from a machine that became slower meanwhile.

Usage: python -m benchmarks.contestants.many_months REQUEST SCHEMA
REQUEST is JSON: {"rows": 1000, "months": 25, "empty": 3, "source": FOLDER, "target": URL}
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
    begin, first, target = time.perf_counter(), Month(2019, 1), request["target"]
    months, month = [], first
    for _ in range(request["months"]):
        months.append(_load(request, month, Place(url=target, schema=schema)))
        month = month.next()
    empty = []
    for number in range(request["empty"]):
        alone = f"alone_{number}"
        place = Place(url=target, schema=schema, table=alone) if "://" in target else Place(url=f"{target}/{alone}")
        empty.append(_load(request, first, place))
    total = round(time.perf_counter() - begin, 3)
    return {"seconds": total, "months": months, "empty": empty, "rows": request["rows"]}


def _load(request: dict[str, Any], month: Month, place: Place) -> float:
    """Load one month and return the seconds that it took."""
    _flush(request["target"])
    dataset, settings = catalog.find("yellow"), from_environment()
    start = time.perf_counter()
    result = ingest(Request(dataset=dataset, month=month, to=place, location=request["source"]), settings, Nobody())
    if result.error is not None:
        raise result.error
    if result.receipt.rows.loaded != request["rows"]:
        message = f"{month}: {result.receipt.rows}"
        raise ValueError(message)
    return round(time.perf_counter() - start, 3)


def _flush(target: str) -> None:
    if "://" in target:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
    os.sync()


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]), sys.argv[2])))
