"""Secrets: they are where they are needed, in one container's environment, and can be found nowhere else."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from kestra.render import FLOWS
from tests.kestra import containers, middle
from tests.kestra.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kestra.conftest import Secret, Stage

_FLOWS = ("ingest_month", "verify_month", "catch_up", "backfill", "load_months", "gcp_kv", "gcp_setup")


def _parts(secret: Secret) -> set[str]:
    """Return texts of which one is in whatever shows a secret, plain or as base64."""
    key = json.loads(secret.key)
    lines = [line for line in key["private_key"].splitlines() if not line.startswith("-----")]
    encoded = [base64.b64encode(text.encode()).decode() for text in (secret.url, secret.key)]
    return {secret.password, key["private_key_id"], *lines, *(text[at : at + 40] for text in encoded for at in (0, 20))}


def _shown(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield everything that Kestra has of all executions so far, what its JVM printed, and its storage."""
    for flow in _FLOWS:
        for one in stage.kestra.everything(flow):
            yield f"{flow} {one['id']}", json.dumps(stage.kestra.execution(one["id"]))
    yield "log", stage.server.log()
    for path in stage.storage.rglob("*"):
        if path.is_file():
            yield str(path), path.read_text(errors="replace")


def _command_lines() -> str:
    return subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout  # noqa: S607


def test_secrets_are_seen_nowhere(stage: Stage) -> None:
    """Not in logs, outputs, metrics, labels of loads that end well or badly, not in storage or command lines."""
    middle.ready(stage, "green")
    stage.publisher.publish("green", "2019-05", rows=100)
    with middle.held(stage.database, "green") as loads:
        number = stage.kestra.submit("ingest_month", dataset="green", month="2019-05")
        loads.reached(1)
        (container,) = containers.of_kestra()
        environment = containers.docker("inspect", "--format", "{{json .Config.Env}}", container)
        words = containers.docker("inspect", "--format", "{{json .Config.Cmd}} {{json .Config.Labels}}", container)
        running = _command_lines()
    assert "engine ingest green 2019-05" in running
    assert stage.kestra.ended(number)["outputs"]["state"] == "loaded"
    with stage.database.connect() as connection:
        # The engine prints what the server says, beside the URL that it asked.
        connection.execute(b"ALTER TABLE engine_loads RENAME TO kept; CREATE TABLE engine_loads (a int)")
    try:
        failed = stage.kestra.run("ingest_month", dataset="green", month="2019-05")
    finally:
        with stage.database.connect() as connection:
            connection.execute(b"DROP TABLE engine_loads; ALTER TABLE kept RENAME TO engine_loads")
    assert failed["state"] == "FAILED"
    _with_the_key(stage)
    found = {place: part for part in _parts(stage.secret) for place, text in _shown(stage) if part in text}
    assert found == {}
    assert not [part for part in _parts(stage.secret) if part in running + words]
    # The one place where it has to be; and a load into PostgreSQL gets no key of Google's.
    assert stage.secret.password in environment
    assert json.loads(stage.secret.key)["private_key_id"] not in environment


def _with_the_key(stage: Stage) -> None:
    """Run loads that have Google's key, one that ends well and one that is refused."""
    names = {"project": PROJECT, "location": "EU", "bucket": "secret-lake", "dataset": "secret"}
    assert stage.kestra.run("gcp_kv", **names)["state"] == "SUCCESS"
    refused = stage.kestra.run("ingest_month", dataset="green", month="2019-05", target="gcs")
    assert refused["state"] == "FAILED", "there is no such bucket yet"
    assert stage.kestra.run("gcp_setup")["state"] == "SUCCESS"
    assert stage.kestra.run("ingest_month", dataset="green", month="2019-05", target="gcs")["state"] == "SUCCESS"


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.yaml")), ids=lambda path: path.name)
def test_flows_read_secrets_only_into_an_environment(path: Path) -> None:
    """`secret()` stands in variables of a task's `env` and nowhere else."""
    for line in path.read_text().splitlines():
        if "secret(" in line:
            assert line.strip().startswith(("ENGINE_TO: ", "ENGINE_GOOGLE_CREDENTIALS: ")), line
