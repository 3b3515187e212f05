"""The ledger in BigQuery: the table `engine_loads`, to which every change of a load's state is added as a row.

Rows are only added, by INSERT, because INSERTs never wait for one another, while two UPDATEs of one partition do, and
fail when many months are loaded at once. Of a load's rows the last one counts; of a month's loaded loads the last one
is in place and the others are superseded. `engine_months` is a view of what is in place, for people.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.api_core import exceptions as api
from google.cloud import bigquery

from engine.errors import TableMismatch
from engine.google.statements import Statements
from engine.receipt import SCHEMA_VERSION, Receipt, State

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from engine.google.warehouse import Parameter, Warehouse
    from engine.month import Month

TABLE, VIEW = "engine_loads", "engine_months"
_statement = Statements(Path(__file__).parent / "sql_bigquery")
_VERSION_LABEL = "engine_ledger"
_REQUIRED = {"load_id": "STRING", "dataset": "STRING", "table_name": "STRING", "source_month": "DATE"}
_OTHERS = {
    "state": "STRING",
    "mode": "STRING",
    "recorded_at": "TIMESTAMP",
    "started_at": "STRING",
    "finished_at": "STRING",
    "lines": "INTEGER",
    "loaded": "INTEGER",
    "present": "INTEGER",
    "quarantined": "INTEGER",
    "total": "INTEGER",
    "id_checksum": "STRING",
    "source_url": "STRING",
    "source_bytes": "INTEGER",
    "source_sha256": "STRING",
    "source_etag": "STRING",
    "identity": "STRING",
    "contract": "STRING",
    "engine_version": "STRING",
    "job": "STRING",
    "bytes_billed": "INTEGER",
    "error": "STRING",
    "receipt": "STRING",
}
_PARAMETER_TYPES = {"INTEGER": "INT64"}


class BigQueryLedger:
    """The loads of one main table.

    Args:
        warehouse: The dataset that it is in.
        table: Name of the main table.
        landed: Tells whether the job of a load that was never recorded did its work, in an answer that stays true.

    """

    def __init__(self, warehouse: Warehouse, *, table: str, landed: Callable[[Receipt], bool]) -> None:
        self._warehouse, self._table, self._landed = warehouse, table, landed
        self._seen: dict[Month, set[str]] = {}

    def prepare(self) -> None:
        """Create the table and the view where they are missing; refuse a ledger that a newer engine wrote."""
        self.create()

    def create(self) -> list[str]:
        """Do what `prepare` does, and return what was made, for people."""
        if (found := self._warehouse.table(TABLE)) is not None:
            self._refuse_newer(found)
        done = []
        if found is None and self._warehouse.create(self._new()) is not None:
            done.append(f"table {TABLE}")
        if self._warehouse.table(VIEW) is None:
            view = bigquery.Table(self._warehouse.path(VIEW))
            view.view_query = _statement("months", loads=self._warehouse.quoted(TABLE))
            view.description = "The months that are in place, from engine_loads"
            if self._warehouse.create(view) is not None:
                done.append(f"view {VIEW}")
        return done

    def generation(self, month: Month) -> str:
        """Return how often a month was loaded, with the age of this ledger: one that was lost counts anew."""
        table = self._warehouse.table(TABLE)
        created = int(table.created.timestamp() * 1000) if table and table.created else 0
        return f"{len(_loaded(self._month(month)))}_{created}"

    def gone(self, month: Month) -> list[str]:
        """Return the ids of loads of which the month has no row: they failed, or were replaced."""
        loads, there = self._month(month), set[str]()
        for receipt in loads:
            if receipt.state in (State.LOADED, State.SUPERSEDED):
                there = {receipt.load_id} | (there if receipt.mode == "append" else set())
        return [r.load_id for r in loads if r.load_id not in there and r.state is not State.LOADING]

    def current(self, month: Month) -> Receipt | None:
        """Return the receipt of what is loaded, or None; also where there is no ledger yet."""
        if (table := self._warehouse.table(TABLE)) is None:
            return None
        self._refuse_newer(table)
        return next((r for r in self._month(month) if r.state is State.LOADED), None)

    def put(self, receipt: Receipt) -> None:
        """Add a row; what is recorded as loaded stays so.

        Once a month's loads were put in order (`abandon`, under its lease), nothing is recorded as loaded there any
        more if another engine has recorded a load since: it took the month over, and its record is the true one.
        """
        if receipt.state is not State.LOADED:
            recorded = next((r for r in self._month(receipt.partition.month) if r.load_id == receipt.load_id), None)
            if recorded is not None and recorded.state in (State.LOADED, State.SUPERSEDED):
                return
            self._insert(receipt)
        else:
            self._insert(receipt, self._seen.get(receipt.partition.month))

    def fail(self, receipt: Receipt) -> None:
        """Write the receipt of a load that failed, unless its job did its work all the same."""
        loads = self._month(receipt.partition.month)
        intent = next((r for r in loads if r.load_id == receipt.load_id), None)
        if intent is None:
            if self._warehouse.table(TABLE) is not None:
                self._insert(receipt)
        elif intent.state is State.LOADING:
            self._settle(intent, receipt.error, _loaded(loads))

    def abandon(self, month: Month, error: str) -> None:
        """Find out what became of the month's loads that are `loading`, and record it."""
        loads = self._month(month)
        seen = self._seen[month] = _loaded(loads)
        for receipt in loads:
            if receipt.state is State.LOADING:
                self._settle(receipt, error, seen)

    def receipts(self, dataset: str | None = None) -> list[Receipt]:
        """Return one receipt a month of each table, or of this one, the loaded one before any other."""
        best: dict[tuple[str, str, str], Receipt] = {}
        text = _statement("all", loads=self._warehouse.quoted(TABLE))
        for table, receipt in self._latest(text, dataset=dataset or "", table_name=self._table):
            key = (receipt.dataset, receipt.month, table)
            if key not in best or _rank(best[key]) < _rank(receipt):
                best[key] = receipt
        return [best[key] for key in sorted(best)]

    def _settle(self, intent: Receipt, error: str, seen: set[str]) -> None:
        """Record what became of a load, unless others were recorded as loaded than were seen before it was asked."""
        if self._landed(intent):
            self._insert(intent.with_(state=State.LOADED, finished_at=intent.finished_at or intent.started_at), seen)
        else:
            self._insert(intent.with_(state=State.FAILED, error=error))

    def _month(self, month: Month) -> list[Receipt]:
        text = _statement("month", loads=self._warehouse.quoted(TABLE), day=str(month.first_day))
        return [receipt for _, receipt in self._latest(text, table_name=self._table)]

    def _latest(self, text: str, **values: str) -> list[tuple[str, Receipt]]:
        """Return the last receipt of each load with its table, in order of time, earlier loaded ones as superseded."""
        try:
            rows = self._warehouse.query(
                text, [bigquery.ScalarQueryParameter(k, "STRING", v) for k, v in values.items()]
            )
            found = [(str(row[1]), Receipt.from_json(row[0])) for row in rows]
        except api.NotFound as error:
            if "Dataset" in str(error):
                raise
            return []
        return superseded(found)

    def _insert(self, receipt: Receipt, seen: set[str] | None = None) -> None:
        """Add a row; with the loads that were seen as loaded, only if there are no others by now."""
        values: dict[str, str | int | dt.date | None] = {
            "load_id": receipt.load_id,
            "dataset": receipt.dataset,
            "table_name": self._table,
            "source_month": receipt.partition.month.first_day,
            "state": receipt.state.value,
            "mode": receipt.mode,
            "started_at": receipt.started_at,
            "finished_at": receipt.finished_at,
            "lines": receipt.rows.lines,
            "loaded": receipt.rows.loaded,
            "present": receipt.rows.present,
            "quarantined": receipt.rows.quarantined,
            "total": receipt.rows.total,
            "id_checksum": receipt.id_checksum,
            "source_url": receipt.source.url,
            "source_bytes": receipt.source.bytes,
            "source_sha256": receipt.source.sha256,
            "source_etag": receipt.source.etag,
            "identity": receipt.identity,
            "contract": receipt.contract,
            "engine_version": receipt.engine_version,
            "job": receipt.job,
            "bytes_billed": receipt.bytes_billed,
            "error": receipt.error,
            "receipt": receipt.to_json(),
        }
        types = {**_REQUIRED, **_OTHERS}
        parameters: list[Parameter] = [
            bigquery.ScalarQueryParameter(name, _PARAMETER_TYPES.get(types[name], types[name]), value)
            for name, value in values.items()
        ]
        loads, condition = self._warehouse.quoted(TABLE), ""
        if seen is not None:
            seen.add(receipt.load_id)
            parameters.append(bigquery.ArrayQueryParameter("seen", "STRING", sorted(seen)))
            condition = _statement("none_other", loads=loads, day=str(receipt.partition.month.first_day))
        self._warehouse.query(_statement("put", loads=loads, condition=condition), parameters)

    def _new(self) -> bigquery.Table:
        fields = [bigquery.SchemaField(n, t, "REQUIRED") for n, t in _REQUIRED.items()]
        fields += [bigquery.SchemaField(n, t) for n, t in _OTHERS.items()]
        table = bigquery.Table(self._warehouse.path(TABLE), schema=fields)
        table.time_partitioning = bigquery.TimePartitioning(
            type_=bigquery.TimePartitioningType.MONTH, field="source_month"
        )
        table.clustering_fields = ["table_name"]
        table.description = "What the engine loaded into this dataset: one row for each change of a load's state"
        table.labels = {"engine": "ledger", _VERSION_LABEL: str(SCHEMA_VERSION)}
        return table

    def _refuse_newer(self, table: bigquery.Table) -> None:
        text = (table.labels or {}).get(_VERSION_LABEL, "")
        if text.isdigit() and int(text) > SCHEMA_VERSION:
            message = f"the ledger has schema {text}, newer than this engine's {SCHEMA_VERSION}"
            raise TableMismatch(
                message,
                facts={"table": f"{self._warehouse.name}/{TABLE}"},
                state="nothing was changed",
                next_step="use the engine that wrote it, or a newer one",
            )


def superseded(recorded: Iterable[tuple[str, Receipt]]) -> list[tuple[str, Receipt]]:
    """Return each load's table and last receipt, those first that were recorded first; of a month one is loaded."""
    last: dict[str, tuple[str, Receipt]] = {}
    in_place: dict[tuple[str, str], str] = {}
    for table, receipt in recorded:
        last[receipt.load_id] = (table, receipt)
        if receipt.state is State.LOADED:
            in_place[table, receipt.month] = receipt.load_id
    return [
        (table, r.with_(state=State.SUPERSEDED))
        if r.state is State.LOADED and in_place[table, r.month] != r.load_id
        else (table, r)
        for table, r in last.values()
    ]


def _loaded(receipts: Iterable[Receipt]) -> set[str]:
    return {r.load_id for r in receipts if r.state in (State.LOADED, State.SUPERSEDED)}


def _rank(receipt: Receipt) -> tuple[bool, str]:
    return receipt.state is State.LOADED, receipt.load_id
