"""What a command prints for Kestra: outputs and metrics on one line, everything on stdout, and codes that flows map."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Ended, Engine
    from tests.conformance.postgres_world import PostgresWorld

LOAD = ("ingest", "yellow", "2019-01")


def read(found: Ended) -> dict[str, Any]:
    """Return the one line that Kestra reads, as its own pattern finds it (AbstractLogConsumer, `::{...}::`)."""
    lines = [match[1] for line in found.out.splitlines() if (match := re.fullmatch(r"::(\{.*\})::", line))]
    assert len(lines) == 1, found.out
    data = json.loads(lines[0])
    assert isinstance(data, dict)
    return data


def test_a_load_has_outputs_and_metrics(engine: Engine, months: Path) -> None:
    """Rows, state, target and load id are outputs; counters and timers carry dataset and kind of target."""
    found = engine.run(*LOAD, "--from", months, "--to", "out", "--output", "kestra")
    assert (found.code, found.err) == (0, "")
    data = read(found)
    outputs = data["outputs"]
    assert (outputs["dataset"], outputs["month"], outputs["state"]) == ("yellow", "2019-01", "loaded")
    assert (outputs["lines"], outputs["loaded"], outputs["quarantined"]) == (2000, 2000, 0)
    assert outputs["load_id"]
    assert outputs["target"] == str(engine.folder / "out")
    metrics = {metric["name"]: metric for metric in data["metrics"]}
    assert metrics["rows.loaded"]["value"] == 2000
    assert metrics["rows.loaded"]["type"] == "counter"
    assert metrics["source.bytes"]["value"] == (months / "yellow_tripdata_2019-01.csv.gz").stat().st_size
    assert metrics["duration.total"]["type"] == "timer"
    assert 0 < metrics["duration.total"]["value"] < 60
    assert all(metric["tags"] == {"dataset": "yellow", "target": "folder"} for metric in metrics.values())


def test_rows_of_an_unchanged_month_are_counted_once(engine: Engine, months: Path) -> None:
    """A month that is there already adds nothing to the sum of loaded rows, and says so in its state."""
    where = ("--from", months, "--to", "out", "--output", "kestra")
    first, again = read(engine.call(*LOAD, *where)), read(engine.call(*LOAD, *where))
    assert again["outputs"]["state"] == "unchanged"
    assert again["outputs"]["load_id"] == first["outputs"]["load_id"]
    assert {metric["type"] for metric in again["metrics"]} == {"timer"}


def test_kestra_is_noticed(engine: Engine, months: Path) -> None:
    """In the folder that Kestra starts commands in, the form is Kestra's; flag and variable beat that."""
    where = ("--from", months, "--to", "out")
    inside = {"WORKING_DIR": str(engine.folder)}
    assert read(engine.run(*LOAD, *where, **inside))["outputs"]["state"] == "loaded"
    assert "::" not in engine.run(*LOAD, *where, "--output", "text", **inside).out
    assert "::" not in engine.run(*LOAD, *where, ENGINE_OUTPUT="text", **inside).out
    assert "::" not in engine.run(*LOAD, *where, WORKING_DIR=str(engine.home)).out


def test_a_month_that_is_not_published_is_no_failure(engine: Engine, months: Path) -> None:
    """It ends with 0, and the state says what a flow has to know."""
    found = engine.run("ingest", "yellow", "2019-02", "--from", months, "--to", "out", "--output", "kestra")
    assert (found.code, found.err) == (0, "")
    assert read(found)["outputs"]["state"] == "not_published"
    assert "NotPublished: yellow 2019-02" in found.out


def test_a_busy_month_is_no_failure(engine: Engine, months: Path, world: PostgresWorld) -> None:
    """Where readers hold the month, the load ends with 0 and the state `busy`; the month is as it was."""
    to = ("--to", world.place.url, "--schema", world.place.schema)
    assert engine.call(*LOAD, "--from", months, *to).code == 0
    with psycopg.connect(world.place.url or "") as reader:
        reader.execute(f'LOCK TABLE "{world.place.schema}".yellow_tripdata IN ACCESS SHARE MODE')
        again = ("--force", "--lock-wait", "0.2", "--output", "kestra")
        found = engine.call(*LOAD, "--from", months, *to, *again)
    assert found.code == 0
    assert read(found)["outputs"]["state"] == "busy"


def test_a_failure_is_one(engine: Engine) -> None:
    """Everything else ends with its code, its message on stdout, and `failed` as state."""
    found = engine.run(*LOAD, "--from", "nowhere", "--to", "out", "--output", "kestra")
    assert (found.code, found.err) == (2, "")
    assert read(found)["outputs"]["state"] == "failed"
    assert "there is no such file or folder" in found.out


def test_no_password_is_in_what_kestra_reads(engine: Engine, months: Path) -> None:
    """Outputs are not masked by Kestra, so a password in the target's URL is in none, nor in the log."""
    url = "postgresql://me:s3cr3t-pw@127.0.0.1:1/x"
    found = engine.run(*LOAD, "--from", months, "--output", "kestra", ENGINE_TO=url, ENGINE_RETRY_SECONDS="1")
    assert found.code == 20
    assert "127.0.0.1" in found.out
    assert "s3cr3t-pw" not in found.out + found.err


def test_a_backfill_has_the_months(engine: Engine, months: Path) -> None:
    """Each month stands in the outputs; one that is not published is no failure of the whole."""
    words = ("backfill", "yellow", "2019-01", "2019-03", "--from", months, "--to", "out", "--output", "kestra")
    found = engine.call(*words)
    assert found.code == 0
    data = read(found)
    assert [one["state"] for one in data["outputs"]["months"]] == ["loaded", "not_published", "loaded"]
    assert (data["outputs"]["state"], data["outputs"]["failed"]) == ("loaded", 0)
    loaded = [metric["value"] for metric in data["metrics"] if metric["name"] == "rows.loaded"]
    assert loaded == [2000, 2000]


def test_a_backfill_with_a_failure_fails(engine: Engine, months: Path) -> None:
    """The other months are loaded, and the code is the failure's."""
    (engine.folder / "in").mkdir()
    for path in months.iterdir():
        (engine.folder / "in" / path.name).write_bytes(path.read_bytes())
    (engine.folder / "in" / "yellow_tripdata_2019-02.csv").write_text("")
    found = engine.call("backfill", "yellow", "2019-01", "2019-03", "--from", "in", "--to", "out", "--output", "kestra")
    assert found.code == 11
    outputs = read(found)["outputs"]
    assert [one["state"] for one in outputs["months"]] == ["loaded", "failed", "loaded"]
    assert (outputs["state"], outputs["failed"]) == ("failed", 1)


def test_verify_status_setup_and_inspect(engine: Engine, months: Path) -> None:
    """The other commands have outputs of their own."""
    kestra = ("--output", "kestra")
    setup = read(engine.call("setup", "out", "yellow", *kestra))["outputs"]
    assert setup["state"] == "ready"
    assert setup["things"]["made"] > 0
    assert engine.call(*LOAD, "--from", months, "--to", "out").code == 0
    verified = read(engine.call("verify", "yellow", "2019-01", "--to", "out", *kestra))["outputs"]
    assert (verified["state"], verified["rows"], verified["differences"]) == ("verified", 2000, 0)
    nothing = engine.call("verify", "yellow", "2019-02", "--to", "out", *kestra)
    assert (nothing.code, read(nothing)["outputs"]["state"]) == (30, "failed")
    status = read(engine.call("status", "--to", "out", *kestra))["outputs"]
    assert [(one["month"], one["state"]) for one in status["months"]] == [("2019-01", "loaded")]
    seen = read(engine.call("inspect", "yellow", "2019-01", "--from", months, *kestra))["outputs"]
    assert (seen["rows"], seen["exit_code"]) == (2000, 0)
