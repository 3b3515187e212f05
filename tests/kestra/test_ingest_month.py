"""`ingest_month` with the Docker runner, by hand, into PostgreSQL: what it does, what it says, and how it ends."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.kestra import containers, middle
from tests.kestra.kestra_engine import Refused

if TYPE_CHECKING:
    from tests.kestra.conftest import Stage

ROWS = 1000


def _metrics(execution: dict[str, Any]) -> dict[str, float]:
    return {one["name"]: one["value"] for one in execution["metrics"]}


def _task(execution: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in execution["tasks"] if one["id"] == name)


def test_a_month_is_loaded_once(stage: Stage) -> None:
    """The rows are in the database, outputs, labels and metrics say so; a second run changes and counts nothing."""
    stage.publisher.publish("yellow", "2019-01", rows=ROWS)
    first, second = (stage.kestra.run("ingest_month", dataset="yellow", month="2019-01") for _ in range(2))

    assert first["state"] == "SUCCESS", first["logs"]
    outputs = {"dataset": "yellow", "month": "2019-01", "state": "loaded", "loaded": ROWS, "quarantined": 0}
    assert {name: first["outputs"][name] for name in outputs} == outputs
    ledger = "SELECT load_id::text FROM engine_loads WHERE dataset = 'yellow' AND source_month = '2019-01-01'"
    assert stage.database.query(ledger) == [(first["outputs"]["load_id"],)]
    labels = {"dataset": "yellow", "month": "2019-01", "target": "postgres", "state": "loaded"}
    assert labels.items() <= first["labels"].items()
    counted = _metrics(first)
    assert (counted["rows.loaded"], counted["rows.yellow"], counted["months.yellow"]) == (ROWS, ROWS, 1)
    assert counted["throughput.yellow"] > 0
    assert counted["duration.total"] > 0
    tagged = next(one["tags"] for one in first["metrics"] if one["name"] == "rows.loaded")
    assert tagged == {"dataset": "yellow", "target": "postgres"}

    assert second["outputs"]["state"] == second["labels"]["state"] == "unchanged"
    assert not {"rows.loaded", "rows.yellow", "months.yellow"} & set(_metrics(second))
    assert middle.rows(stage.database, "yellow", "2019-01") == ROWS


def test_a_month_that_is_not_published_is_no_failure(stage: Stage) -> None:
    """The execution ends as SUCCESS and says why nothing was loaded."""
    found = stage.kestra.run("ingest_month", dataset="yellow", month="2019-12")
    assert (found["state"], found["outputs"]["state"], found["labels"]["state"]) == ("SUCCESS", *["not_published"] * 2)
    assert not [line for line in found["logs"] if line.startswith("ERROR")]


def test_a_damaged_month_fails(stage: Stage) -> None:
    """The execution fails with the engine's exit code, its `errors` branch says so, and nothing of it is visible."""
    middle.ready(stage, "yellow")
    stage.publisher.publish("yellow", "2019-03", rows=ROWS)
    file = stage.publisher.file("yellow", "2019-03")
    file.write_bytes(file.read_bytes()[:-100])
    found = stage.kestra.run("ingest_month", dataset="yellow", month="2019-03")
    assert (found["state"], found["labels"]["state"], found["labels"]["month"]) == ("FAILED", "failed", "2019-03")
    assert _task(found, "load")["outputs"]["exitCode"] == 11
    assert any("failed with exit code 11" in line for line in found["logs"])
    assert middle.rows(stage.database, "yellow", "2019-03") == 0


def test_a_month_that_is_being_loaded_is_busy(stage: Stage) -> None:
    """The second execution ends as SUCCESS at once; the first one, in a container with its limits, loads the month."""
    middle.ready(stage, "yellow")
    stage.publisher.publish("yellow", "2019-04", rows=ROWS)
    with middle.held(stage.database, "yellow") as loads:
        first = stage.kestra.submit("ingest_month", dataset="yellow", month="2019-04")
        loads.reached(1)
        (container,) = containers.of_kestra()
        limits = containers.docker("inspect", "--format", "{{.HostConfig.Memory}} {{.Config.User}}", container)
        second = stage.kestra.run("ingest_month", dataset="yellow", month="2019-04")
    assert (second["state"], second["outputs"]["state"], second["labels"]["state"]) == ("SUCCESS", "busy", "busy")
    assert stage.kestra.ended(first)["outputs"]["state"] == "loaded"
    assert middle.rows(stage.database, "yellow", "2019-04") == ROWS
    memory, user = limits.split()
    assert int(memory) == 2 << 30
    assert user.startswith("10001")


def test_an_empty_month_lies_before_today(stage: Stage) -> None:
    """Without a month, the execution asks for the one that is `lag` months ago."""
    today = dt.datetime.now(dt.UTC).date()
    found = stage.kestra.run("ingest_month", dataset="green", lag=3)
    expected = (today.replace(day=1) - dt.timedelta(days=80)).strftime("%Y-%m")
    assert found["outputs"]["month"] == found["labels"]["month"] == expected
    assert found["outputs"]["state"] == "not_published"


@pytest.mark.parametrize("wrong", [{"month": "2019-13"}, {"dataset": "purple"}, {"target": "oracle"}, {"lag": -1}])
def test_inputs_are_checked(stage: Stage, wrong: dict[str, object]) -> None:
    """Kestra refuses an execution whose inputs make no sense."""
    with pytest.raises(Refused):
        stage.kestra.submit("ingest_month", **{"dataset": "yellow", "month": "2019-01"} | wrong)
