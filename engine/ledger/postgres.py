"""The ledger as the table `engine_loads`, in the schema of the data it speaks of.

`put` runs in whatever transaction the connection is in, so that a sink can publish rows and record at once.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from engine.errors import TableMismatch
from engine.postgres import Statements, connect, quoted, usable
from engine.receipt import Receipt, State

if TYPE_CHECKING:
    from psycopg import Connection

    from engine.month import Month

TABLE = "engine_loads"
SCHEMA_VERSION = 1

_statement = Statements(Path(__file__).parent / "sql")


class PostgresLedger:
    """`engine_loads` of one schema, seen for one main table.

    Args:
        connection: In autocommit; may be inside a transaction when `put` is called.
        url: Its server.
        schema: Schema of the ledger and of the data.
        table: Main table whose loads are meant.

    """

    def __init__(self, connection: Connection[tuple[Any, ...]], *, url: str, schema: str, table: str) -> None:
        self._connection = connection
        self._url = url
        self._schema = schema
        self._table = table
        self._loads = quoted(schema, TABLE)

    def prepare(self) -> None:
        """Create the table where it is missing.

        Raises:
            TableMismatch: A newer engine wrote it.

        """
        self._refuse_newer()
        if self._version() is None:
            with self._connection.transaction():
                # Two engines may start at once; CREATE TABLE IF NOT EXISTS alone does not serialise them.
                self._connection.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"engine ledger {self._schema}"]
                )
                self._connection.execute(_statement("create", loads=self._loads))
                self._connection.execute(
                    sql.SQL("COMMENT ON TABLE {} IS {}").format(
                        self._loads,
                        sql.Literal(f"What the engine loaded into this schema. Ledger schema {SCHEMA_VERSION}"),
                    )
                )

    def _refuse_newer(self) -> None:
        if (version := self._version() or 0) > SCHEMA_VERSION:
            message = f"the ledger has schema {version}, newer than this engine's {SCHEMA_VERSION}"
            raise TableMismatch(
                message,
                facts={"table": f"{self._schema}.{TABLE}"},
                state="nothing was changed",
                next_step="use the engine that wrote it, or a newer one",
            )

    def _version(self) -> int | None:
        """Return the ledger's schema version; None where there is no ledger."""
        row = self._connection.execute(
            "SELECT obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relname = %s",
            [self._schema, TABLE],
        ).fetchone()
        if row is None:
            return None
        number = str(row[0] or "").rpartition(" ")[2]
        return int(number) if number.isdigit() else SCHEMA_VERSION

    def current(self, month: Month) -> Receipt | None:
        """Return the receipt of what is loaded, or None."""
        self._refuse_newer()
        try:
            row = self._connection.execute(
                _statement("current", loads=self._loads), {"table_name": self._table, "source_month": month.first_day}
            ).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
        return Receipt.from_json(row[0]) if row else None

    def put(self, receipt: Receipt) -> None:
        """Write the receipt under its load id; a `loaded` one supersedes the month's earlier ones."""
        values = {
            "load_id": receipt.load_id,
            "dataset": receipt.dataset,
            "table_name": self._table,
            "source_month": receipt.partition.month.first_day,
            "state": receipt.state.value,
            "mode": receipt.mode,
            "started_at": receipt.started_at,
            "finished_at": receipt.finished_at or None,
            "lines": receipt.rows.lines,
            "loaded": receipt.rows.loaded,
            "present": receipt.rows.present,
            "quarantined": receipt.rows.quarantined,
            "id_checksum": receipt.id_checksum,
            "source_url": receipt.source.url,
            "source_bytes": receipt.source.bytes,
            "source_sha256": receipt.source.sha256,
            "source_etag": receipt.source.etag,
            "identity": receipt.identity,
            "contract": receipt.contract,
            "engine_version": receipt.engine_version,
            "error": receipt.error,
            "receipt": receipt.to_json(),
        }
        if receipt.state is State.LOADED:
            self._connection.execute(_statement("supersede", loads=self._loads), values)
        self._connection.execute(_statement("put", loads=self._loads), values)

    def fail(self, receipt: Receipt) -> None:
        """Write the receipt of a load that failed; over another connection where this one cannot be used any more."""
        if usable(self._connection):
            self.put(receipt)
            return
        with closing(connect(self._url)) as connection:
            PostgresLedger(connection, url=self._url, schema=self._schema, table=self._table).put(receipt)

    def abandon(self, month: Month, error: str) -> None:
        """Mark the month's loads that are `loading` as `failed`."""
        with suppress(psycopg.errors.UndefinedTable):  # then there is nothing to mark
            self._connection.execute(
                _statement("abandon", loads=self._loads),
                {"table_name": self._table, "source_month": month.first_day, "error": error},
            )

    def receipts(self, dataset: str | None = None) -> list[Receipt]:
        """Return one receipt a month of each table, or of this one, the loaded one before any other."""
        try:
            which = {"dataset": dataset, "table": self._table or None}
            rows = self._connection.execute(_statement("receipts", loads=self._loads), which).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
        return [Receipt.from_json(row[0]) for row in rows]
