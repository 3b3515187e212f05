"""Death in the middle of a month, of an execution, a container or a worker: afterwards the month is there, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kestra import containers, middle

if TYPE_CHECKING:
    import pytest

    from tests.kestra.conftest import Stage
    from tests.kestra.kestra_engine import Execution

ROWS = 1000


def _again(stage: Stage, dataset: str, month: str) -> Execution:
    found = stage.kestra.run("ingest_month", dataset=dataset, month=month)
    assert found["outputs"]["state"] == "loaded", found["logs"]
    assert middle.rows(stage.database, dataset, month) == ROWS
    assert middle.left_over(stage.database) == []
    return found


def test_a_killed_execution_leaves_nothing(stage: Stage) -> None:
    """Its container is gone, its rows are gone, nothing is visible; the next run loads the month."""
    middle.ready(stage, "fhv")
    stage.publisher.publish("fhv", "2018-02", rows=ROWS)
    with middle.held(stage.database, "fhv") as loads:
        number = stage.kestra.submit("ingest_month", dataset="fhv", month="2018-02")
        loads.reached(1)
        (container,) = containers.of_kestra()
        stage.kestra.kill(number)
        killed = stage.kestra.ended(number)
        assert (killed["state"], killed["labels"]["state"]) == ("KILLED", "started")
        stage.kestra.until(lambda: container not in containers.of_kestra(everything=True), 30)
        assert middle.rows(stage.database, "fhv", "2018-02") == 0
    stage.kestra.until(lambda: not middle.left_over(stage.database), 10)
    _again(stage, "fhv", "2018-02")


def test_a_killed_container_fails_its_execution(stage: Stage) -> None:
    """SIGKILL, as the kernel sends it for want of memory, fails the execution; the next run loads the month."""
    middle.ready(stage, "fhv")
    stage.publisher.publish("fhv", "2018-03", rows=ROWS)
    with middle.held(stage.database, "fhv") as loads:
        number = stage.kestra.submit("ingest_month", dataset="fhv", month="2018-03")
        loads.reached(1)
        containers.docker("kill", *containers.of_kestra())
        found = stage.kestra.ended(number)
    assert (found["state"], found["labels"]["state"]) == ("FAILED", "failed")
    assert any("exit code 137" in line for line in found["logs"])
    assert middle.rows(stage.database, "fhv", "2018-03") == 0
    _again(stage, "fhv", "2018-03")


def test_months_of_a_killed_worker_are_loaded_once(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    """After `kill -9` of a worker's JVM between two of its months' rows and their publication, all months end well."""
    months = [f"2018-{number:02}" for number in range(4, 8)]
    middle.ready(stage, "fhv")
    stage.publisher.publish("fhv", *months, rows=ROWS)
    log = tmp_path_factory.mktemp("worker") / "log"
    worker = stage.worker(log)
    with middle.held(stage.database, "fhv") as loads:
        numbers = [stage.kestra.submit("ingest_month", dataset="fhv", month=month) for month in months]
        loads.reached(len(months))
        worker.kill()
    found = [stage.kestra.ended(number) for number in numbers]
    assert [one["state"] for one in found] == ["SUCCESS"] * len(months)
    # Its containers went on, Kestra gave their months to another worker, and that one found them loaded or loaded them.
    attempts = [task["attempts"] for one in found for task in one["tasks"] if task["id"] == "load"]
    assert max(attempts) == 2, "the killed worker had no month"
    assert {one["outputs"]["state"] for one in found} <= {"loaded", "unchanged"}
    for month in months:
        assert middle.rows(stage.database, "fhv", month) == ROWS
    assert middle.left_over(stage.database) == []
