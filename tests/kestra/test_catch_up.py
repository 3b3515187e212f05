"""`catch_up` and `verify_month` by hand: what is missing comes in, and what is there can be proven."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tests.kestra import middle

if TYPE_CHECKING:
    from tests.kestra.conftest import Stage

ROWS = 200


def _months_ago(count: int) -> str:
    today = dt.datetime.now(dt.UTC).date()
    months = today.year * 12 + today.month - 1 - count
    return f"{months // 12}-{months % 12 + 1:02}"


def test_what_is_missing_is_loaded(stage: Stage) -> None:
    """The first run loads the published months of its window, the second one finds nothing to do."""
    months = [_months_ago(2), _months_ago(4)]
    stage.publisher.publish("fhvhv", *months, rows=ROWS)
    first = stage.kestra.run("catch_up", datasets=["fhvhv"], back=5)
    assert (first["state"], first["outputs"]["states"]) == ("SUCCESS", {"loaded": 2}), first["logs"]
    assert [middle.rows(stage.database, "fhvhv", month) for month in months] == [ROWS, ROWS]
    second = stage.kestra.run("catch_up", datasets=["fhvhv"], back=5)
    assert (second["state"], second["tasks"][-1]["id"]) == ("SUCCESS", "nothing_due")


def test_a_loaded_month_is_verified(stage: Stage) -> None:
    """Every id is computed anew and the file read again; a changed cell fails the execution and is its state."""
    stage.publisher.publish("yellow", "2018-06", rows=ROWS)
    assert stage.kestra.run("ingest_month", dataset="yellow", month="2018-06")["outputs"]["state"] == "loaded"
    asked = {"dataset": "yellow", "month": "2018-06", "against_source": True}

    good = stage.kestra.run("verify_month", **asked)
    assert (good["state"], good["labels"]["state"]) == ("SUCCESS", "verified"), good["logs"]
    assert good["outputs"] == {"state": "verified", "rows": ROWS}

    with stage.database.connect() as connection:
        one = b"(SELECT min(ctid) FROM yellow_tripdata_2018_06)"
        connection.execute(b"UPDATE yellow_tripdata_2018_06 SET fare_amount = fare_amount + 1 WHERE ctid = " + one)
    bad = stage.kestra.run("verify_month", **asked)
    assert (bad["state"], bad["labels"]["state"]) == ("FAILED", "different")
