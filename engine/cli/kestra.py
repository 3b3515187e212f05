"""What Kestra reads from a task's output: one line of JSON between pairs of colons becomes its outputs and metrics.

The form is Kestra's (https://kestra.io/docs/scripts/outputs-metrics); timers are in seconds. Whatever else is printed
becomes a log entry: information where it comes by stdout, an error where it comes by stderr, so everything goes to
stdout here. Nothing in such a line is secret: outputs are not masked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.errors import Busy, NotPublished
from engine.receipt import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from engine.errors import EngineError
    from engine.receipt import Receipt

Metric = dict[str, Any]


def line(outputs: Mapping[str, object], metrics: Iterable[Metric] = ()) -> str:
    """Return the line that Kestra reads."""
    return f"::{json.dumps({'outputs': dict(outputs), 'metrics': list(metrics)})}::"


def is_no_failure(error: EngineError) -> bool:
    """Tell that an error is a state of the world that a flow looks at, not a failure that wakes somebody up."""
    return isinstance(error, NotPublished | Busy)


def of_receipt(receipt: Receipt) -> str:
    """Return outputs and metrics of one load."""
    source = {"source": receipt.source.url, "bytes_billed": receipt.bytes_billed}
    return line(outputs(receipt) | source, metrics([receipt]))


def of_receipts(receipts: list[Receipt]) -> str:
    """Return outputs and metrics of several loads: `state` is `failed` where one failed, else `loaded`."""
    failed = sum(receipt.state is State.FAILED for receipt in receipts)
    state = State.FAILED if failed else State.LOADED
    months = [outputs(receipt) for receipt in receipts]
    return line({"state": state.value, "failed": failed, "months": months}, metrics(receipts))


def outputs(receipt: Receipt) -> dict[str, object]:
    """Return what a flow wants to know of one load."""
    rows = receipt.rows
    return {
        "dataset": receipt.dataset,
        "month": receipt.month,
        "state": receipt.state.value,
        "target": receipt.target,
        "load_id": receipt.load_id,
        "lines": rows.lines,
        "loaded": rows.loaded,
        "present": rows.present,
        "quarantined": rows.quarantined,
        "seconds": round(receipt.seconds.get("total", 0.0), 3),
    }


def metrics(receipts: Iterable[Receipt]) -> Iterator[Metric]:
    """Yield counters and timers of loads, tagged with dataset and kind of target.

    An unchanged month's rows are counted by the load that brought them, so that sums over time are right.
    """
    for receipt in receipts:
        tags = {"dataset": receipt.dataset, "target": kind(receipt.target)}
        if receipt.state is State.LOADED:
            rows = receipt.rows
            counted = {
                "rows.lines": rows.lines,
                "rows.loaded": rows.loaded,
                "rows.present": rows.present,
                "rows.quarantined": rows.quarantined,
                "source.bytes": receipt.source.bytes or 0,
                "billed.bytes": receipt.bytes_billed,
            }
            for name, value in counted.items():
                yield {"name": name, "type": "counter", "value": value, "tags": tags}
        for phase, seconds in receipt.seconds.items():
            yield {"name": f"duration.{phase}", "type": "timer", "value": seconds, "tags": tags}


def kind(target: str) -> str:
    """Return the kind of a target: `postgres`, `gcs`, `bigquery` or `folder`."""
    match urlsplit(target).scheme:
        case "gs":
            return "gcs"
        case "bigquery":
            return "bigquery"
        case "" | "file":
            # Where no URL was named, rows go to a PostgreSQL that others name, or to the embedded one.
            return "folder" if target else "postgres"
        case _:
            return "postgres"
