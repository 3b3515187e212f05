"""How tests of `engine setup` run it against a fake, and read what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.gcs import FakeGCS

if TYPE_CHECKING:
    from tests.command_line import Ended, Engine
    from tests.fakes.bigquery import FakeBigQuery


def run(engine: Engine, cloud: FakeGCS | FakeBigQuery, *words: object) -> Ended:
    """Set up a target in a fake."""
    variables = {"ENGINE_RETRY_SECONDS": "3"}
    if isinstance(cloud, FakeGCS):
        variables["STORAGE_EMULATOR_HOST"] = cloud.url
    else:
        variables |= {
            "BIGQUERY_EMULATOR_HOST": cloud.url,
            "BIGQUERY_STORAGE_EMULATOR_HOST": cloud.grpc_address,
        }
    return engine.run("setup", *words, **variables)


def states(ended: Ended) -> dict[str, str]:
    """Return what was said of each thing, by its name."""
    assert ended.code == 0, ended.err
    assert set(ended.object) == {"target", "things", "error"}
    assert ended.object["error"] == ""
    return {thing["what"]: thing["state"] for thing in ended.object["things"]}


def details(ended: Ended) -> dict[str, str]:
    """Return the details by the names of their things."""
    return {thing["what"]: thing["detail"] for thing in ended.object["things"]}


def writes(cloud: FakeGCS | FakeBigQuery) -> list[str]:
    """Return the requests that may have changed something."""
    return [f"{seen.method} {seen.path}" for seen in cloud.requests if seen.method != "GET"]
