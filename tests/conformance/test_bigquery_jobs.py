"""What only BigQuery has: jobs that are found again, tables as people see them, bills and their limits, locations."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud import bigquery

from engine.errors import EngineError, UsageError
from engine.google.warehouse import UPLOAD_BLOCK, Warehouse
from engine.month import Month
from engine.receipt import State
from tests.conformance.world import lines
from tests.fakes.faults import Answer, Fault, on

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.bigquery_storage_v1 import types as storage

    from tests.conformance.bigquery_world import BigQueryWorld

pytestmark = [
    pytest.mark.parametrize("world", ["bigquery"], indirect=True),
    pytest.mark.usefixtures("collected"),
]
TEN_MIB = 10 << 20


def publishing(world: BigQueryWorld) -> list[dict[str, Any]]:
    """Return the jobs that make rows the month."""
    return [job for job in world.jobs() if job["configuration"].get("labels", {}).get("engine") == "publish"]


def names(world: BigQueryWorld) -> list[str]:
    """Return these jobs' ids."""
    return [job["jobReference"]["jobId"] for job in publishing(world)]


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_then_b_then_a_again(world: BigQueryWorld) -> None:
    """Bytes that a month had before are loaded again by a job of their own; what is there is always the last."""
    for note in ("a", "b", "a", "b"):
        world.write(lines(*range(30), note=note))
        world.assert_whole(list(range(30)), world.load(), note=note)
    assert len(set(names(world))) == 4
    assert list(world.states().values()) == ["superseded", "superseded", "superseded", "loaded"]


def test_a_running_job_is_found(world: BigQueryWorld) -> None:
    """Who repeats a load whose engine died while the job ran waits for that job and starts no second one."""
    world.write(lines(*range(30)))
    world.fake.job_seconds = 0.0
    world.load()  # tables and ledger are there
    world.write(lines(*range(40)))
    world.fake.job_seconds = 1.0
    killed = world.start()
    until(lambda: len(publishing(world)) == 2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    assert publishing(world)[-1]["status"]["state"] == "RUNNING"
    world.fake.job_seconds = 0.0  # of the jobs to come
    world.drop_leases()
    receipt = world.load()
    assert receipt.state is State.UNCHANGED
    assert len(names(world)) == 2
    world.assert_whole(list(range(40)), receipt)
    assert list(world.states().values()) == ["superseded", "loaded"]


def test_a_job_says_what_it_is_for(world: BigQueryWorld) -> None:
    """Its labels carry load, dataset and month, and the ledger has its id."""
    world.write(lines(*range(30)))
    receipt = world.load()
    (job,) = publishing(world)
    labels = job["configuration"]["labels"]
    assert labels["engine_load"] == receipt.load_id
    assert (labels["engine_dataset"], labels["engine_month"]) == ("trips", "2019-01")
    assert receipt.job == f"{world.project}:US.{job['jobReference']['jobId']}"


def test_the_table_as_people_see_it(world: BigQueryWorld) -> None:
    """One partition a month, clustered on the time, with types, descriptions and labels."""
    world.write(lines(*range(30)))
    world.load()
    with world.connected() as client:
        table = client.get_table(f"{world.project}.{world.name}.trips_tripdata")
        assert table.time_partitioning is not None
        assert (table.time_partitioning.type_, table.time_partitioning.field) == ("MONTH", "source_month")
        assert table.clustering_fields == ["at"]
        assert table.labels == {"engine": "data", "engine_dataset": "trips"}
        assert table.description
        fields = {field.name: field for field in table.schema}
        assert {name: field.field_type for name, field in fields.items()} == {
            "id": "INTEGER",
            "at": "DATETIME",
            "fare": "NUMERIC",
            "note": "STRING",
            "unique_row_id": "BYTES",
            "filename": "STRING",
            "source_month": "DATE",
        }
        assert fields["unique_row_id"].mode == "REQUIRED"
        assert fields["id"].description == "A number; it need not be unique"


def test_what_a_dead_engine_left_expires(world: BigQueryWorld) -> None:
    """Tables of work end by themselves, whether or not an engine comes again."""
    world.write(lines(*range(30)))
    world.load()
    world.write(lines(*range(20, 60)))
    world.fake.job_seconds = 1.0
    killed = world.start("--mode", "append")
    until(lambda: any(name.startswith("_engine_trips") for name in world.tables()))
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    world.fake.job_seconds = 0.0
    assert [name for name in world.tables() if name.startswith("_engine_trips")]
    world.fake.pass_time(25 * 3600)
    assert not [name for name in world.tables() if name.startswith("_engine_")]


def test_leases_do_not_stay(world: BigQueryWorld) -> None:
    """After a load no table but the data's, the ledger's and the view is there."""
    world.write(lines(*range(30)))
    world.load()
    world.load()
    assert world.tables() == ["engine_loads", "engine_months", "engine_rejects", "trips_tripdata"]


def test_an_append_says_what_it_was_billed(world: BigQueryWorld) -> None:
    """The estimate of a dry run is not above the bill, and the bill is that of the job."""
    world.write(lines(*range(30)))
    world.load()
    world.write(lines(*range(20, 60)))
    estimate = world.load(mode="append", dry_run=True)
    assert estimate.bytes_billed > 0
    assert len(publishing(world)) == 1
    receipt = world.load(mode="append")
    job = publishing(world)[-1]
    assert receipt.bytes_billed == int(job["statistics"]["query"]["totalBytesBilled"]) >= TEN_MIB
    assert estimate.bytes_billed <= receipt.bytes_billed


def test_a_bill_has_a_limit(world: BigQueryWorld) -> None:
    """A MERGE that would be billed for more than is allowed ends before it begins, and the month is as it was."""
    world.write(lines(*range(30)))
    before = world.load()
    world.write(lines(*range(20, 60)))
    small = replace(world.place, max_bytes_billed=TEN_MIB)
    result = world.run(mode="append", to=small)
    assert isinstance(result.error, EngineError)
    assert "--max-bytes-billed" in str(result.error)
    world.assert_whole(list(range(30)), before)
    assert world.load(mode="append").rows.loaded == 30


def test_a_merge_reads_its_month_only(world: BigQueryWorld) -> None:
    """Other months, however many, add nothing to what an append is billed for."""
    bills = []
    for others in (1, 4):
        world.reset()
        for number in range(2, 2 + others):
            month = Month(2019, number)
            world.write(lines(*range(20_000)), month)
            world.load(month)
        world.write(lines(*range(10)))
        world.load()
        world.write(lines(*range(5, 20)))
        world.load(mode="append")
        bills.append(publishing(world)[-1]["statistics"]["query"]["totalBytesProcessed"])
    assert bills[0] == bills[1]


def test_verify_reads_what_it_needs(world: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --deep the ids of the month are read and nothing else; with it, all columns of the month."""
    world.write(lines(*range(30)))
    world.load()
    asked: list[tuple[list[str], str]] = []
    reader = Warehouse.reader

    def watched(warehouse: Warehouse) -> Any:  # noqa: ANN401 - Google's client
        client: Any = reader(warehouse)
        create = client.create_read_session

        def create_read_session(*, read_session: storage.ReadSession, **rest: Any) -> storage.ReadSession:  # noqa: ANN401 - the client's
            options = read_session.read_options
            asked.append((list(options.selected_fields), options.row_restriction))
            session: storage.ReadSession = create(read_session=read_session, **rest)
            return session

        client.create_read_session = create_read_session
        return client

    monkeypatch.setattr(Warehouse, "reader", watched)
    assert world.verified(deep=False).agree
    assert asked == [(["unique_row_id"], "source_month = DATE '2019-01-01'")]
    asked.clear()
    assert world.verified(deep=True).agree
    assert {frozenset(fields) for fields, _ in asked} == {frozenset({"id", "at", "fare", "note", "unique_row_id"})}
    assert {where for _, where in asked} == {"source_month = DATE '2019-01-01'"}


def test_another_location_is_named(world: BigQueryWorld) -> None:
    """Jobs that are refused for their location end with words about locations, and nothing is loaded."""
    world.write(lines(*range(30)))
    said = "Cannot read and write in different locations: source: EU, destination: US"
    world.fake.faults.add(Fault(when=on("POST", "uploadType"), do=Answer(status=400, message=said), times=None))
    result = world.run()
    world.fake.faults.clear()
    assert isinstance(result.error, UsageError)
    assert said in str(result.error)
    assert "engine setup ... --location" in str(result.error)
    assert world.visible() is None
    assert world.load().state is State.LOADED


def test_jobs_run_where_the_dataset_is(world: BigQueryWorld) -> None:
    """A dataset of another region is loaded and asked there, without anything being said about it."""
    with world.connected() as client:
        client.delete_dataset(world.name, delete_contents=True)
        dataset = bigquery.Dataset(f"{world.project}.{world.name}")
        dataset.location = "europe-west3"
        client.create_dataset(dataset)
    world.write(lines(*range(30)))
    world.assert_whole(list(range(30)), world.load())
    assert {job["jobReference"]["location"] for job in publishing(world)} == {"europe-west3"}


def test_a_file_is_sent_in_small_blocks(world: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a load holds of its file in memory is the block that the engine sets, not the client's own of 100 MB."""
    assert bigquery.client._DEFAULT_CHUNKSIZE == UPLOAD_BLOCK  # noqa: SLF001 - it has no parameter
    monkeypatch.setattr(bigquery.client, "_DEFAULT_CHUNKSIZE", 1 << 18)
    monkeypatch.setattr(bigquery.client, "_MAX_MULTIPART_SIZE", 1)
    world.write(lines(*range(30_000)))
    before = len(world.fake.requests)
    world.load()
    blocks = [request.bytes_in for request in world.fake.requests[before:] if request.method == "PUT"]
    assert len(blocks) > 1
    assert max(blocks) == 1 << 18
