"""The same flows with Google's cloud as target: our fakes answer, and ask for a token of the service account's key."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from tests.kestra.conftest import PROJECT

if TYPE_CHECKING:
    from tests.kestra.conftest import Stage
    from tests.kestra.kestra_engine import Execution

ROWS = 300


@pytest.fixture(scope="module")
def set_up(stage: Stage) -> Execution:
    """Give the execution of gcp_setup that made bucket and dataset, after gcp_kv named them."""
    named = stage.kestra.run("gcp_kv", project=PROJECT, location="EU", bucket="nyc-lake", dataset="taxi")
    assert named["state"] == "SUCCESS", named["logs"]
    found = stage.kestra.run("gcp_setup")
    assert found["state"] == "SUCCESS", found["logs"]
    return found


def test_setup_can_be_repeated(stage: Stage, set_up: Execution) -> None:
    """The first run makes the bucket and the dataset, the second one finds both."""
    assert set_up["outputs"]["bucket"]["made"] > 0
    assert set_up["outputs"]["dataset"]["made"] > 0
    again = stage.kestra.run("gcp_setup")
    assert again["state"] == "SUCCESS", again["logs"]
    for thing in ("bucket", "dataset"):
        assert again["outputs"][thing]["made"] == 0
        assert again["outputs"][thing]["there"] > 0


def test_names_are_in_the_store(stage: Stage, set_up: Execution) -> None:
    """gcp_kv writes what the other flows read, and no secret."""
    assert set_up["state"] == "SUCCESS"
    values = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "ENGINE_LOCATION": "EU",
        "ENGINE_TO_GCS": "gs://nyc-lake/nyc",
        "ENGINE_TO_BIGQUERY": f"bigquery://{PROJECT}/taxi",
        "ENGINE_STAGING": "gs://nyc-lake/nyc",
    }
    assert {name: stage.kestra.value(name) for name in values} == values


def test_a_month_goes_into_the_bucket(stage: Stage, set_up: Execution) -> None:
    """One Parquet object is there; a second run changes nothing."""
    assert set_up["state"] == "SUCCESS"
    stage.publisher.publish("yellow", "2017-01", rows=ROWS)
    states = [_ingest(stage, "gcs", "2017-01")["outputs"]["state"] for _ in range(2)]
    assert states == ["loaded", "unchanged"]
    assert [name for name in stage.gcs.objects("nyc-lake") if name.startswith("nyc/yellow/month=2017-01")] == [
        "nyc/yellow/month=2017-01/data.parquet"
    ]


def test_a_month_goes_into_bigquery(stage: Stage, set_up: Execution) -> None:
    """Its rows are in the table once, tagged metrics say so, and verify_month proves it."""
    assert set_up["state"] == "SUCCESS"
    stage.publisher.publish("yellow", "2017-02", rows=ROWS)
    first, second = (_ingest(stage, "bigquery", "2017-02") for _ in range(2))
    assert (first["outputs"]["state"], second["outputs"]["state"]) == ("loaded", "unchanged")
    assert {one["tags"]["target"] for one in first["metrics"] if one["name"] == "rows.loaded"} == {"bigquery"}
    count = f"SELECT count(*), count(DISTINCT unique_row_id) FROM `{PROJECT}.taxi.yellow_tripdata`"  # noqa: S608 - ours
    assert stage.bigquery.query(f"{count} WHERE source_month = '2017-02-01'") == [(ROWS, ROWS)]
    proven = stage.kestra.run("verify_month", dataset="yellow", month="2017-02", target="bigquery")
    assert (proven["state"], proven["outputs"]) == ("SUCCESS", {"state": "verified", "rows": ROWS}), proven["logs"]


def test_a_backfill_goes_into_the_bucket(stage: Stage, set_up: Execution) -> None:
    """The flow `backfill` takes the bucket as target as it takes the database."""
    assert set_up["state"] == "SUCCESS"
    stage.publisher.publish("green", "2017-05", "2017-06", rows=ROWS)
    asked = {"from": "2017-05", "to": "2017-06", "datasets": ["green"], "target": "gcs"}
    found = stage.kestra.run("backfill", **asked)
    assert (found["state"], found["outputs"]["states"]) == ("SUCCESS", {"loaded": 2}), "\n".join(found["logs"])
    months = [name for name in stage.gcs.objects("nyc-lake") if name.startswith("nyc/green/")]
    assert months == [f"nyc/green/month=2017-0{month}/data.parquet" for month in (5, 6)]


def test_catch_up_asks_the_ledger_in_bigquery(stage: Stage, set_up: Execution) -> None:
    """What is missing there is loaded, and the next run finds nothing due."""
    assert set_up["state"] == "SUCCESS"
    today = dt.datetime.now(dt.UTC).date()
    month = (today.replace(day=1) - dt.timedelta(days=1)).strftime("%Y-%m")
    stage.publisher.publish("green", month, rows=ROWS)
    asked = {"datasets": ["green"], "back": 1, "target": "bigquery"}
    first, second = (stage.kestra.run("catch_up", **asked) for _ in range(2))
    assert (first["state"], first["outputs"]["states"]) == ("SUCCESS", {"loaded": 1}), "\n".join(first["logs"])
    assert (second["state"], second["tasks"][-1]["id"]) == ("SUCCESS", "nothing_due")


def _ingest(stage: Stage, target: str, month: str) -> Execution:
    found = stage.kestra.run("ingest_month", dataset="yellow", month=month, target=target)
    assert found["state"] == "SUCCESS", "\n".join(found["logs"])
    assert found["labels"]["target"] == target
    return found
