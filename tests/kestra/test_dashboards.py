"""The dashboard answers each of its charts with what loads really did."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from kestra.render import FLOWS
from tests.kestra import middle

if TYPE_CHECKING:
    from tests.kestra.conftest import Stage

DASHBOARD = FLOWS.parent / "dashboards" / "loads.yaml"


def _answers(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    span = {"from": (now - day).isoformat(), "to": (now + day).isoformat()}
    found = stage.kestra.ask("dashboard", yaml=DASHBOARD.read_text(), **span)
    assert isinstance(found, dict)
    return found


def _sum(rows: list[dict[str, Any]], value: str, **where: str) -> float:
    return float(sum(row[value] for row in rows if where.items() <= row.items()))


def test_charts_count_what_happened(stage: Stage) -> None:
    """One load with quarantined lines and one failure move every chart by exactly as much."""
    # Kestra fails to compute a single figure where nothing was ever loaded.
    middle.ready(stage, "fhv")
    before = _answers(stage)
    stage.publisher.publish("fhv", "2017-01", rows=2000, rejects=0.0005)
    stage.publisher.publish("fhv", "2017-02", rows=100)
    torn = stage.publisher.file("fhv", "2017-02")
    torn.write_bytes(torn.read_bytes()[:-50])
    loaded = stage.kestra.run("ingest_month", dataset="fhv", month="2017-01")
    failed = stage.kestra.run("ingest_month", dataset="fhv", month="2017-02")
    assert (loaded["state"], failed["state"]) == ("SUCCESS", "FAILED")
    quarantined = loaded["outputs"]["quarantined"]
    assert quarantined > 0
    after = _answers(stage)

    def grown(chart: str, value: str, **where: str) -> float:
        return _sum(after[chart], value, **where) - _sum(before[chart], value, **where)

    assert grown("months_by_dataset", "months", dataset="months.fhv") == 1
    assert grown("rows", "rows", dataset="rows.fhv") == loaded["outputs"]["loaded"]
    assert grown("quarantined", "lines") == grown("quarantined_now", "value") == quarantined
    assert grown("states", "executions", state="FAILED") == 1
    assert _sum(after["throughput"], "speed", dataset="throughput.fhv") > 0
    assert _sum(after["durations"], "longest") > 0
    assert failed["id"] in {row["execution"] for row in after["failures"]}
    assert 0 < after["success"][0]["value"] < 100
