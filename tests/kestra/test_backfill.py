"""Nineteen months: by Kestra's backfill of a schedule, shared by two workers, and by the flow `backfill`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kestra import middle

if TYPE_CHECKING:
    import pytest

    from tests.kestra.conftest import Stage
    from tests.kestra.kestra_engine import Execution

ROWS = 500
COURSE = ("2020-01-01T00:00:00-05:00", "2021-07-31T23:59:59-04:00")
MONTHS = [f"{year}-{month:02}" for year in (2020, 2021) for month in range(1, 13)][:19]
_LOADED = """
SELECT count(*) FROM engine_loads WHERE dataset = 'green' AND source_month BETWEEN '2020-01-01' AND '2021-07-01'
"""


def _backfill(stage: Stage, label: str) -> list[Execution]:
    """Backfill the schedule of green over the course's range and return its executions when all have ended."""

    def ended() -> list[Execution]:
        return [one for one in stage.kestra.executions("ingest_month", ("backfill", label)) if one["ended"]]

    stage.kestra.backfill("green", *COURSE, label, dataset="green", lag=0)
    stage.kestra.until(lambda: len(ended()) >= len(MONTHS), 240, lambda: f"{len(ended())} months")
    # Nothing comes after the last month.
    stage.kestra.until(lambda: not stage.kestra.trigger("ingest_month", "green").get("backfill"), 20)
    return ended()


def test_a_schedule_is_backfilled(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    """2020-01-01..2021-07-31 is 19 executions, each month once, by two workers; a second backfill changes nothing."""
    stage.publisher.publish("green", *MONTHS, rows=ROWS)
    worker = stage.worker(tmp_path_factory.mktemp("worker") / "log")
    first = _backfill(stage, "first")
    worker.stop()
    assert sorted(one["outputs"]["month"] for one in first) == MONTHS
    assert {one["outputs"]["state"] for one in first} == {"loaded"}
    workers = {name for one in first for name in _workers(stage, one["id"])}
    assert len(workers) == 2
    assert {month: middle.rows(stage.database, "green", month) for month in MONTHS} == dict.fromkeys(MONTHS, ROWS)
    assert stage.database.query(_LOADED) == [(len(MONTHS),)]

    second = _backfill(stage, "second")
    assert sorted(one["outputs"]["month"] for one in second) == MONTHS
    assert {one["outputs"]["state"] for one in second} == {"unchanged"}
    assert stage.database.query(_LOADED) == [(len(MONTHS),)]


def _workers(stage: Stage, number: str) -> set[str]:
    tasks = stage.kestra.execution(number)["tasks"]
    return {name for task in tasks if task["id"] == "load" for name in task["workers"]}


def test_the_flow_goes_on_after_a_failed_month(stage: Stage) -> None:
    """A damaged month fails the execution at its end and no other month; when it is mended, only it is loaded."""
    wanted = [(dataset, month) for dataset in ("yellow", "fhv") for month in ("2020-12", "2021-01")]
    for dataset, month in wanted:
        stage.publisher.publish(dataset, month, rows=ROWS)
    file = stage.publisher.file("yellow", "2020-12")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    asked: dict[str, object] = {"from": "2020-12", "to": "2021-01", "datasets": ["yellow", "fhv"], "workers": 3}

    first = stage.kestra.run("backfill", **asked)
    assert (first["state"], first["outputs"]["states"]) == ("FAILED", {"failed": 1, "loaded": 3}), first["logs"]
    assert any("these months failed: yellow 2020-12" in line for line in first["logs"])
    assert any("fhv 2021-01: loaded\nyellow 2020-12: failed\nyellow 2021-01: loaded" in line for line in first["logs"])

    file.write_bytes(whole)
    second = stage.kestra.run("backfill", **asked)
    assert (second["state"], second["outputs"]["states"]) == ("SUCCESS", {"loaded": 1, "unchanged": 3})
    assert [middle.rows(stage.database, *one) for one in wanted] == [ROWS] * len(wanted)


def test_months_that_are_not_there_are_a_warning(stage: Stage) -> None:
    """A range with months that nobody has published loads the others, and does not end as if all were there."""
    stage.publisher.publish("fhv", "2016-11", rows=ROWS)
    asked: dict[str, object] = {"from": "2016-11", "to": "2016-12", "datasets": ["fhv"], "workers": 2}
    found = stage.kestra.run("backfill", **asked)
    assert (found["state"], found["outputs"]["states"]) == ("WARNING", {"loaded": 1, "not_published": 1}), found["logs"]
    assert any("these months may not be there: fhv 2016-12" in line for line in found["logs"])


def test_a_range_has_an_order(stage: Stage) -> None:
    """The flow refuses a range that ends before it begins, and starts nothing."""
    before = len(stage.kestra.executions("ingest_month"))
    found = stage.kestra.run("backfill", **{"from": "2020-02", "to": "2019-12"})
    assert found["state"] == "FAILED"
    assert any("2020-02 is after 2019-12" in line for line in found["logs"])
    assert len(stage.kestra.executions("ingest_month")) == before
