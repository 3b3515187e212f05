"""`engine plan`: what the ledger and the source say together, and nothing changed."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from engine.cli.plan import ago
from engine.month import Month

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Engine
    from tests.conformance.postgres_world import PostgresWorld

YEAR = ("plan", "yellow", "--first", "2019-01", "--last", "2019-03")


def states(engine: Engine, *words: object) -> list[tuple[str, str]]:
    """Return month and state of a plan."""
    found = engine.call(*words, "--output", "json")
    assert found.code == 0, found.err
    months: list[dict[str, Any]] = found.object["months"]
    return [(one["month"], one["state"]) for one in months]


@pytest.mark.parametrize("kind", ["folder", "postgres"])
def test_a_month_is_due_until_it_is_loaded(kind: str, engine: Engine, months: Path, database_url: str) -> None:
    """What is published and not loaded is due; what is loaded, or not published, is not."""
    to = ("--from", months, "--to", "out" if kind == "folder" else database_url)
    before = states(engine, *YEAR, *to)
    assert before == [("2019-01", "missing"), ("2019-02", "not_published"), ("2019-03", "missing")]
    assert engine.call("ingest", "yellow", "2019-01", *to).code == 0
    assert states(engine, *YEAR, *to)[0] == ("2019-01", "loaded")


def test_another_table_is_another_table(engine: Engine, months: Path, world: PostgresWorld) -> None:
    """What is loaded into one table is due in another one of the same ledger."""
    to = ("--from", months, "--to", world.place.url, "--schema", world.place.schema)
    assert engine.call("ingest", "yellow", "2019-01", *to, "--table", "other").code == 0
    assert states(engine, *YEAR, *to)[0] == ("2019-01", "missing")
    assert states(engine, *YEAR, *to, "--table", "other")[0] == ("2019-01", "loaded")


def test_a_plan_changes_nothing(engine: Engine, months: Path) -> None:
    """No folder, no ledger and no embedded server come from looking."""
    found = engine.call(*YEAR, "--from", months, "--to", "out")
    assert found.code == 0
    assert found.out.splitlines()[-1] == "2 due"
    embedded = engine.call(*YEAR, "--from", months)
    assert embedded.out.splitlines()[-1] == "2 due"
    assert not list(engine.folder.iterdir())
    assert not (engine.home / "postgres").exists()


def test_datasets_come_month_by_month(engine: Engine, months: Path) -> None:
    """The oldest month of all datasets comes first."""
    found = engine.call(*YEAR, "green", "--from", months, "--to", "out", "--output", "json").object["months"]
    order = [(one["month"], one["dataset"]) for one in found]
    assert order == sorted(order, key=lambda one: one[0])
    assert [dataset for _, dataset in order[:2]] == ["yellow", "green"]


def test_another_file_makes_a_loaded_month_due_on_request(engine: Engine, months: Path) -> None:
    """With --changed, a loaded month whose file is another one by now is due; one whose file is gone is not."""
    name = "yellow_tripdata_2019-01.csv.gz"
    source = engine.folder / "in"
    shutil.copytree(months, source)
    to = ("--from", "in", "--to", "out")
    for month in ("2019-01", "2019-03"):
        assert engine.call("ingest", "yellow", month, *to).code == 0
    assert [state for _, state in states(engine, *YEAR, *to, "--changed")] == ["loaded", "not_published", "loaded"]
    text = gzip.decompress((source / name).read_bytes())
    (source / name).write_bytes(gzip.compress(text[: text.rindex(b"2019-01")].rpartition(b"\n")[0] + b"\n"))
    (source / "yellow_tripdata_2019-03.csv.gz").unlink()
    assert [state for _, state in states(engine, *YEAR, *to)] == ["loaded", "not_published", "loaded"]
    assert [state for _, state in states(engine, *YEAR, *to, "--changed")] == ["changed", "not_published", "loaded"]


def test_without_months_it_is_the_month_of_the_lag(engine: Engine, months: Path) -> None:
    """The month that is as many months ago as a file takes is looked at, and no other."""
    here = dt.datetime.now(dt.UTC).date()
    assert states(engine, "plan", "yellow", "--lag", 2, "--from", months, "--to", "out") == [
        (str(ago(here, 2)), "not_published")
    ]


@pytest.mark.parametrize(
    ("day", "lag", "month"),
    [
        ("2021-03-31", 0, Month(2021, 3)),
        ("2021-03-31", 1, Month(2021, 2)),
        ("2021-01-01", 2, Month(2020, 11)),
        ("2020-02-29", 12, Month(2019, 2)),
        ("2021-02-28", 26, Month(2018, 12)),
    ],
)
def test_months_ago(day: str, lag: int, month: Month) -> None:
    """Months are counted as months, whatever the day and the year."""
    assert ago(dt.date.fromisoformat(day), lag) == month


def test_months_the_wrong_way_round_are_refused(engine: Engine) -> None:
    """A first month after the last is a usage error that says which."""
    found = engine.call("plan", "yellow", "--first", "2019-03", "--last", "2019-01", "--to", "out")
    assert found.code == 2
    assert "2019-03 is after 2019-01" in found.err


def test_a_target_that_cannot_be_reached_is_said_so(engine: Engine, months: Path) -> None:
    """No plan is made where the ledger cannot be read."""
    url = "postgresql://me@127.0.0.1:1/x"
    found = engine.call(*YEAR, "--from", months, "--to", url, "--output", "json")
    assert found.code == 20
    assert found.object["months"] == []
    assert found.object["error"]
