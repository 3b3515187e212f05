"""The parts of BigQuery's target against emulators that others wrote, so that our fake is not the only judge.

Neither emulator knows one partition of a table (`table$YYYYMM`), so no whole load runs there; what each cannot is in
docs/emulators.md. Here the parts run: tables and setup, ledger, lease, Storage Write API, MERGE, Storage Read API.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from engine.contract import ID
from engine.errors import Busy
from engine.google.warehouse import Warehouse
from engine.month import Month
from engine.receipt import Receipt, Rows, SourceInfo, State, new_load_id
from engine.settings import Cloud
from engine.setup import Asked, Standing, set_up
from engine.sinks.bigquery.reading import stored_ids, stored_rows
from engine.sinks.bigquery.statement import statement
from engine.sinks.bigquery.stream import append_rows
from tests import emulators_bigquery as emulators
from tests.conformance.emulator_worlds import ClientTablesWorld
from tests.conformance.folder_world import FolderWorld
from tests.conformance.world import MONTH, lines, settings_in, trips

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = {"local-bigquery": emulators.LOCAL_BIGQUERY, "bqemulator": emulators.BQEMULATOR}
_PROJECT = "p"


@pytest.fixture(params=KINDS, scope="module")
def endpoints(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[emulators.Endpoints]:
    """Run an emulator."""
    with emulators.running(KINDS[request.param], tmp_path_factory.mktemp("emulator")) as found:
        yield found


@pytest.fixture
def world(endpoints: emulators.Endpoints, tmp_path: Path) -> Iterator[ClientTablesWorld]:
    """Give a new dataset of an emulator."""
    client = bigquery.Client(
        project=_PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoints.url}
    )
    cloud = Cloud(bigquery=endpoints.url, bigquery_storage=endpoints.grpc_address, retry_seconds=5.0, wait_seconds=0.02)
    name = f"d{new_load_id().replace('-', '')}"
    with closing(client):
        client.create_dataset(name)
        yield ClientTablesWorld(
            folder=tmp_path,
            dataset=trips(tmp_path),
            settings=settings_in(tmp_path),
            cloud=cloud,
            client=client,
            project=_PROJECT,
            name=name,
        )


@pytest.fixture
def warehouse(world: ClientTablesWorld) -> Iterator[Warehouse]:
    """Give the engine's driver of that dataset, with the main table of trips in it."""
    with world.opened() as target:
        target.sink.prepare()
    with closing(Warehouse(world.project, world.name, world.cloud)) as found:
        yield found


def month_file(world: ClientTablesWorld, numbers: range, month: Month = MONTH) -> Path:
    """Return the Parquet file that a load of these lines uploads, made by a load into a folder."""
    place = world.folder / f"{month}-{numbers.start}"
    place.mkdir()
    beside = FolderWorld(folder=place, dataset=world.dataset, settings=settings_in(place))
    beside.write(lines(*numbers), month)
    beside.load(month)
    return next(place.rglob(f"month={month}/data.parquet"))


def ids(warehouse: Warehouse, table: str, month: Month = MONTH) -> set[bytes]:
    """Return the ids of a month as the Storage Read API gives them."""
    batches = [np.asarray(batch) for batch in stored_ids(warehouse, table, month)]
    return {row.tobytes() for batch in batches for row in batch}


def receipt(world: ClientTablesWorld, state: State, load_id: str) -> Receipt:
    """Return a receipt of a load."""
    return Receipt(
        load_id=load_id,
        dataset=world.dataset.name,
        month=str(MONTH),
        state=state,
        target=world.place.url or "",
        source=SourceInfo(url="file:///trips.csv", bytes=5),
        rows=Rows(lines=3, loaded=3, total=3),
        started_at="2019-02-01T00:00:00+00:00",
    )


def test_setup(world: ClientTablesWorld) -> None:
    """Tables are made once, with columns, partitioning, clustering and descriptions; a second run finds them."""
    asked = Asked(place=world.place, datasets=(world.dataset,), location=None, dry_run=False)
    made = {thing.state for thing in set_up(asked, world.settings)}
    again = {thing.state for thing in set_up(asked, world.settings)}
    assert Standing.MADE in made
    assert again <= {Standing.THERE, Standing.HINT}
    table = world.client.get_table(f"{world.project}.{world.name}.{world.dataset.table}")
    assert {field.name: field.field_type for field in table.schema}[ID] == "BYTES"
    assert table.time_partitioning is not None
    assert table.time_partitioning.field == "source_month"


def test_ledger(world: ClientTablesWorld) -> None:
    """Of a load its last record counts, and of a month's loaded ones the last is in place."""
    first, second = new_load_id(), new_load_id()
    with world.opened() as target:
        ledger = target.ledger
        assert ledger.current(MONTH) is None
        ledger.prepare()
        ledger.prepare()
        ledger.put(receipt(world, State.LOADING, first))
        assert ledger.current(MONTH) is None
        ledger.put(receipt(world, State.LOADED, first))
        found = ledger.current(MONTH)
        assert found is not None
        assert (found.load_id, found.rows) == (first, Rows(lines=3, loaded=3, total=3))
        ledger.put(receipt(world, State.LOADING, second))
        ledger.fail(receipt(world, State.FAILED, second).with_(error="broken"))
        assert (found := ledger.current(MONTH)) is not None
        assert found.load_id == first
        assert ledger.current(Month(2019, 2)) is None
    assert world.states() == {first: "loaded", second: "failed"}


def test_ledger_view(world: ClientTablesWorld) -> None:
    """The view has the months that are in place."""
    with world.opened() as target:
        target.ledger.prepare()
        target.ledger.put(receipt(world, State.LOADED, new_load_id()))
        target.ledger.put(receipt(world, State.LOADED, last := new_load_id()))
    assert world.query(f"SELECT load_id FROM {world.name}.engine_months") == [(last,)]  # noqa: S608 - our own names


def test_lease(world: ClientTablesWorld, warehouse: Warehouse) -> None:
    """A month that somebody holds is busy, and free once that one has let go."""
    assert warehouse.table(world.dataset.table) is not None
    with world.opened() as one, world.opened() as other:
        with one.sink.locked(MONTH), pytest.raises(Busy), other.sink.locked(MONTH):
            pass
        with other.sink.locked(MONTH):
            pass
    assert not [name for name in world.tables() if name.startswith("_engine_lock_")]


def test_rows_come_and_go_by_the_storage_apis(world: ClientTablesWorld, warehouse: Warehouse) -> None:
    """What a PENDING stream brings is there whole, with its values, and only of the month that is asked for."""
    table = world.dataset.table
    append_rows(warehouse, table, month_file(world, range(50)), lambda _: None)
    append_rows(warehouse, table, month_file(world, range(7), Month(2019, 2)), lambda _: None)
    found = [
        row for frame in stored_rows(warehouse, table, MONTH, world.dataset.contract.columns) for row in frame.rows()
    ]
    assert sorted(row[0] for row in found) == list(range(50))
    assert {row[3] for row in found} == {f"n{n}" for n in range(50)}
    assert {str(row[2]) for row in found} == {"1.50"}
    assert len(ids(warehouse, table)) == 50
    assert len(ids(warehouse, table, Month(2019, 2))) == 7


def test_merge(world: ClientTablesWorld, warehouse: Warehouse) -> None:
    """The MERGE of an append adds what the month lacks, and leaves what is there and what other months have."""
    table, work = world.dataset.table, "_engine_work"
    append_rows(warehouse, table, month_file(world, range(20)), lambda _: None)
    append_rows(warehouse, table, month_file(world, range(20, 30), Month(2019, 2)), lambda _: None)
    main = world.client.get_table(f"{world.project}.{world.name}.{table}")
    world.client.create_table(bigquery.Table(f"{world.project}.{world.name}.{work}", schema=main.schema))
    append_rows(warehouse, work, month_file(world, range(10, 40)), lambda _: None)
    columns = ", ".join(f"`{field.name}`" for field in main.schema)
    text = statement(
        "merge", main=warehouse.quoted(table), work=warehouse.quoted(work), day=str(MONTH.first_day), columns=columns
    )
    for added in (20, 0):
        job = warehouse.begin(text, warehouse.job_name(f"merge_{new_load_id()}"), {"engine": "test"})
        job.result()
        assert job.num_dml_affected_rows == added
    assert len(ids(warehouse, table)) == 40
    assert len(ids(warehouse, table, Month(2019, 2))) == 10
