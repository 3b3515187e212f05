"""The schedules under a shifted clock: when they fire, and which month they ask for.

A Kestra of its own, whose scheduler lives in the past. Time only goes forward for a scheduler, so all dates are visited
once, in order, before the tests look at what happened. At each date a copy of the flow gets the triggers under test,
because a trigger's first date is computed when the scheduler first sees it, and nothing else may fire on the way.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from kestra.render import FLOWS
from tests.kestra import middle
from tests.kestra.conftest import engine

if TYPE_CHECKING:
    from tests.kestra.conftest import Stage
    from tests.kestra.kestra_engine import Execution, Kestra

# Six in the morning in New York, in winter and in summer, and when catch_up gets up in March.
JANUARY = dt.datetime(2022, 1, 1, 11, tzinfo=dt.UTC)
FEBRUARY = dt.datetime(2023, 2, 1, 11, tzinfo=dt.UTC)
MORNING = dt.datetime(2023, 3, 15, 11, 30, tzinfo=dt.UTC)
APRIL = dt.datetime(2024, 4, 1, 10, tzinfo=dt.UTC)
Fired = dict[dt.datetime, list["Execution"]]
_DATASETS = 4


def _deploy(kestra: Kestra, flow: str, copy: str, triggers: int) -> None:
    """Deploy a copy of a flow with its first triggers."""
    tasks, text = (FLOWS / f"{flow}.yaml").read_text().split("\ntriggers:\n")
    before, *each = text.split("  - id: ")
    tasks = tasks.replace(f"id: {flow}\n", f"id: {copy}\n", 1)
    kept = f"\ntriggers:\n{'  - id: '.join([before, *each[:triggers]])}" if triggers else ""
    kestra.load(tasks + kept)


def _visit(kestra: Kestra, flow: str, moment: dt.datetime, triggers: int = 1) -> list[Execution]:
    """Go to three seconds before a moment, wait for as many executions as triggers, and return them at their end."""

    def ended() -> list[Execution]:
        return [one for one in kestra.executions(copy) if one["ended"]]

    copy = f"{flow}_{moment:%Y_%m_%d}"
    kestra.ask("clock", now=f"{moment - dt.timedelta(seconds=3):%Y-%m-%dT%H:%M:%SZ}")
    _deploy(kestra, flow, copy, triggers)
    kestra.until(lambda: len(ended()) >= triggers, 60, lambda: f"{kestra.executions(copy)}")
    _deploy(kestra, flow, copy, 0)
    return ended()


@pytest.fixture(scope="module")
def fired(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Fired:
    """Give what fired at each date."""
    stage.publisher.publish("yellow", "2021-11", rows=100)
    stage.publisher.publish("green", "2022-09", "2022-12", "2023-03", rows=100)
    with engine(stage.java, tmp_path_factory.mktemp("past"), "2021-12-15T00:00:00Z") as (kestra, _):
        kestra.load((FLOWS / "ingest_month.yaml").read_text().split("\ntriggers:\n")[0])
        kestra.put("ENGINE_FROM", stage.publisher.url)
        return {
            JANUARY: _visit(kestra, "ingest_month", JANUARY, _DATASETS),
            FEBRUARY: _visit(kestra, "ingest_month", FEBRUARY),
            MORNING: _visit(kestra, "catch_up", MORNING),
            APRIL: _visit(kestra, "ingest_month", APRIL),
        }


def test_in_january_every_dataset_asks_for_november(stage: Stage, fired: Fired) -> None:
    """Four executions ask for a month of the year before; what is published is loaded, the rest is no failure."""
    found = fired[JANUARY]
    assert sorted(one["trigger_id"] for one in found) == ["fhv", "fhvhv", "green", "yellow"]
    assert {one["outputs"]["month"] for one in found} == {"2021-11"}
    assert {one["state"] for one in found} == {"SUCCESS"}
    states = {one["outputs"]["dataset"]: one["outputs"]["state"] for one in found}
    assert states == {"yellow": "loaded"} | dict.fromkeys(("green", "fhv", "fhvhv"), "not_published")
    assert middle.rows(stage.database, "yellow", "2021-11") == 100


@pytest.mark.parametrize(
    ("moment", "month"),
    [(FEBRUARY, "2022-12"), (APRIL, "2024-02")],
    ids=["February", "April of a leap year"],
)
def test_a_schedule_asks_for_the_month_that_is_due(fired: Fired, moment: dt.datetime, month: str) -> None:
    """Two months before the date, also over a turn of the year, in leap years and in summer time."""
    (found,) = fired[moment]
    assert dt.datetime.fromisoformat(found["trigger"]["date"]) == moment
    assert (found["trigger_id"], found["outputs"]["month"]) == ("yellow", month)
    assert (found["state"], found["outputs"]["state"]) == ("SUCCESS", "not_published")


def test_catch_up_looks_at_the_months_before_its_date(stage: Stage, fired: Fired) -> None:
    """Every morning it loads what is published in its window and not in the target, and nothing else."""
    (found,) = fired[MORNING]
    assert (found["state"], found["outputs"]["states"]) == ("SUCCESS", {"loaded": 2})
    months = [middle.rows(stage.database, "green", month) for month in ("2022-09", "2022-12", "2023-03")]
    assert months == [100, 100, 0]
