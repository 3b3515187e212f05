"""A dataset of BigQuery: itself, the ledger with its view, the main tables, and the table of bad lines."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from google.api_core import exceptions as api
from google.cloud import bigquery

from engine.google.failures import answering
from engine.google.warehouse import Warehouse
from engine.ledger.bigquery import TABLE, VIEW, BigQueryLedger
from engine.setup.thing import DEFAULT_LOCATION, Standing, Thing
from engine.sinks.bigquery.tables import REJECTS, MainTable
from engine.sinks.bigquery.types import table_schema
from engine.targets.bigquery import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.settings import Settings
    from engine.setup.thing import Asked

_TIMEOUT_SECONDS = 60.0


def steps(asked: Asked, settings: Settings) -> Iterator[Thing]:
    """Make the dataset and its tables, or look at what they are."""
    project, name = names(asked.url)
    with answering(asked.url), closing(Warehouse(project, name, settings.cloud)) as warehouse:
        there = _dataset(warehouse)
        if there is None:
            location = asked.location or DEFAULT_LOCATION
            if not asked.dry_run:
                location = _create(warehouse, location)
            yield Thing(what=f"dataset {warehouse.path()}", state=asked.made(), detail=f"location {location}")
        else:
            found = there.location or DEFAULT_LOCATION
            asked.check_location(f"dataset {warehouse.path()}", found)
            yield Thing(what=f"dataset {warehouse.path()}", state=Standing.THERE, detail=f"location {found}")
        if asked.dry_run:
            yield from _planned(asked, warehouse, nothing=there is None)
        else:
            yield from _prepared(asked, warehouse)


def _dataset(warehouse: Warehouse) -> bigquery.Dataset | None:
    try:
        return warehouse.client.get_dataset(warehouse.path(), retry=warehouse.retry, timeout=_TIMEOUT_SECONDS)
    except api.NotFound as error:
        if "Not found: Dataset" in str(error):
            return None
        raise


def _create(warehouse: Warehouse, location: str) -> str:
    """Create the dataset, if nobody else does at this moment, and return where it is."""
    dataset = bigquery.Dataset(warehouse.path())
    dataset.location = location
    dataset.description = "Monthly files, loaded by engine: every row once"
    dataset.labels = {"engine": "target"}
    made = warehouse.client.create_dataset(dataset, exists_ok=True, retry=warehouse.retry, timeout=_TIMEOUT_SECONDS)
    return str(made.location or location)


def _prepared(asked: Asked, warehouse: Warehouse) -> Iterator[Thing]:
    done = BigQueryLedger(warehouse, table="", landed=lambda _: False).create()
    yield _thing(f"table {TABLE}", done)
    yield _thing(f"view {VIEW}", done)
    rejects = Standing.THERE
    for dataset in asked.datasets:
        done = MainTable(warehouse=warehouse, name=dataset.table, dataset=dataset).prepare(())
        rejects = Standing.MADE if f"table {REJECTS}" in done else rejects
        start = f"column {dataset.table}."
        columns = [what.removeprefix(start) for what in done if what.startswith(start)]
        if columns:
            yield Thing(what=f"table {dataset.table}", state=Standing.CHANGED, detail=_added(columns))
        else:
            yield _thing(f"table {dataset.table}", done)
    yield Thing(what=f"table {REJECTS}", state=rejects)


def _thing(what: str, done: list[str]) -> Thing:
    return Thing(what=what, state=Standing.MADE if what in done else Standing.THERE)


def _planned(asked: Asked, warehouse: Warehouse, *, nothing: bool) -> Iterator[Thing]:
    """Yield what `_prepared` would do; nothing: there is no dataset to look into."""
    for kind, name in (("table", TABLE), ("view", VIEW)):
        lacks = nothing or warehouse.table(name) is None
        yield Thing(what=f"{kind} {name}", state=Standing.WOULD_MAKE if lacks else Standing.THERE)
    for dataset in asked.datasets:
        main = MainTable(warehouse=warehouse, name=dataset.table, dataset=dataset)
        found = None if nothing else main.found()
        wanted = [field.name for field in table_schema(dataset.contract.columns)]
        there = {field.name for field in found.schema} if found else set()
        columns = [name for name in wanted if name not in there]
        if found is None:
            yield Thing(what=f"table {dataset.table}", state=Standing.WOULD_MAKE)
        elif columns:
            yield Thing(what=f"table {dataset.table}", state=Standing.WOULD_CHANGE, detail=_added(columns))
        else:
            yield Thing(what=f"table {dataset.table}", state=Standing.THERE)
    lacks = nothing or warehouse.table(REJECTS) is None
    yield Thing(what=f"table {REJECTS}", state=Standing.WOULD_MAKE if lacks else Standing.THERE)


def _added(columns: list[str]) -> str:
    return f"columns that it lacked: {', '.join(columns)}"
