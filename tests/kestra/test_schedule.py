"""The schedules under a shifted clock: which month they ask for, and when.

The scheduler's clock goes from seconds before a date; copies of the flow get the triggers under test, because a trigger's
next date is computed when the scheduler first sees it. All dates lie before the machine's: the deployed flows sleep.
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kestra.render import FLOWS
from tests.kestra import middle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kestra.conftest import Stage
    from tests.kestra.kestra_engine import Execution

# Six in the morning in New York, in winter and in summer.
_WINTER, _SUMMER = dt.time(11), dt.time(10)


@contextmanager
def _at(stage: Stage, flow: str, moment: dt.datetime, keep: int) -> Iterator[str]:
    """Deploy a copy of a flow with its first triggers, three seconds before a moment; yield its id."""
    text = (FLOWS / f"{flow}.yaml").read_text()
    tasks, triggers = text.split("\ntriggers:\n")
    head, *rest = triggers.split("  - id: ")
    copy = f"{flow}_{moment:%Y_%m_%d}"
    tasks = tasks.replace(f"id: {flow}\n", f"id: {copy}\n", 1)
    stage.kestra.ask("clock", now=(moment - dt.timedelta(seconds=3)).isoformat().replace("+00:00", "Z"))
    try:
        stage.kestra.load(f"{tasks}\ntriggers:\n{'  - id: '.join([head, *rest[:keep]])}")
        yield copy
    finally:
        # Without triggers before the clock jumps back, or the scheduler would make up for what it missed.
        stage.kestra.load(tasks)
        stage.kestra.ask("clock")


def _fired(stage: Stage, flow: str, count: int) -> list[Execution]:
    def ended() -> list[Execution]:
        return [one for one in stage.kestra.executions(flow) if one["ended"]]

    stage.kestra.until(lambda: len(ended()) >= count, 60, lambda: stage.server.log()[-2000:])
    return ended()


def test_in_january_every_dataset_asks_for_november(stage: Stage) -> None:
    """On the first of January four executions ask for a month of the year before; what is not published is no failure."""
    stage.publisher.publish("yellow", "2021-11", rows=100)
    with _at(stage, "ingest_month", dt.datetime.combine(dt.date(2022, 1, 1), _WINTER, dt.UTC), keep=4) as flow:
        found = _fired(stage, flow, 4)
    assert sorted(one["trigger_id"] for one in found) == ["fhv", "fhvhv", "green", "yellow"]
    assert {one["outputs"]["month"] for one in found} == {"2021-11"}
    assert {one["state"] for one in found} == {"SUCCESS"}
    states = {one["outputs"]["dataset"]: one["outputs"]["state"] for one in found}
    assert states == {"yellow": "loaded"} | dict.fromkeys(("green", "fhv", "fhvhv"), "not_published")
    assert middle.rows(stage.database, "yellow", "2021-11") == 100


@pytest.mark.parametrize(
    ("day", "hour", "month"),
    [
        (dt.date(2023, 2, 1), _WINTER, "2022-12"),
        (dt.date(2024, 3, 1), _WINTER, "2024-01"),
        (dt.date(2024, 4, 1), _SUMMER, "2024-02"),
    ],
    ids=["February", "March of a leap year", "April of a leap year"],
)
def test_a_schedule_asks_for_the_month_that_is_due(stage: Stage, day: dt.date, hour: dt.time, month: str) -> None:
    """Two months before the date, in leap years and in summer time as well."""
    with _at(stage, "ingest_month", dt.datetime.combine(day, hour, dt.UTC), keep=1) as flow:
        (found,) = _fired(stage, flow, 1)
    assert (found["trigger_id"], found["outputs"]["month"]) == ("yellow", month)
    assert (found["state"], found["outputs"]["state"]) == ("SUCCESS", "not_published")


def test_catch_up_looks_at_the_months_before_its_date(stage: Stage) -> None:
    """Every morning it loads what is published in its window and not in the target, and nothing else."""
    stage.publisher.publish("green", "2022-09", "2022-12", "2023-03", rows=100)
    with _at(stage, "catch_up", dt.datetime(2023, 3, 15, 11, 30, tzinfo=dt.UTC), keep=1) as flow:
        (found,) = _fired(stage, flow, 1)
    assert found["outputs"]["states"] == {"loaded": 2}
    months = [middle.rows(stage.database, "green", month) for month in ("2022-09", "2022-12", "2023-03")]
    assert months == [100, 100, 0]
