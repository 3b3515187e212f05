"""A month's rows in a table that nobody sees, and the one short transaction that makes them the month.

The table holds only the columns that the file has, widest first. What is the same in every row (`filename`,
`source_month`, columns that the file lacks) is added afterwards as a default that PostgreSQL keeps in its catalogue,
once: about a quarter of the bytes that a row would else take are never sent, logged or stored (docs/decisions).
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import stamina
from psycopg import sql

from engine.contract import FILENAME, ID, SOURCE_MONTH
from engine.errors import Busy, TableMismatch
from engine.identity import Checksum
from engine.load import Outcome
from engine.postgres import connect, quoted, usable
from engine.sinks.postgres.ids import copied_ids
from engine.sinks.postgres.tables import LOCK_TIMEOUT, statement
from engine.sinks.postgres.types import sql_type, stored_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.load import Load, Note, Rejects, Settle
    from engine.receipt import Receipt
    from engine.sinks.postgres.tables import MainTable


@dataclass(slots=True, kw_only=True)
class PostgresWork:
    """An unpublished table.

    Attributes:
        main: The main table it belongs to.
        url: Its server, for a connection to clean up with where the first one is lost.
        load: What it is filled with.
        lock_wait_seconds: How long `publish` tries against readers before it ends as busy.
        rows: Rows in it.
        checksum: Checksum of its ids.

    """

    main: MainTable
    url: str
    load: Load
    lock_wait_seconds: float
    rows: int = 0
    checksum: str = ""

    @property
    def table(self) -> str:
        """The table's name."""
        return "_engine_" + self.load.load_id.replace("-", "")

    @property
    def quoted(self) -> sql.Identifier:
        """The table's qualified, quoted name."""
        return quoted(self.main.schema, self.table)

    def create(self, mark: str) -> None:
        """Create the empty table; its comment says whose remains it would be."""
        definitions = [
            sql.SQL("{} uuid NOT NULL").format(quoted(ID))
            if column is None
            else sql.SQL("{} {}{}").format(
                quoted(column.name),
                sql.SQL(sql_type(column.type)),
                sql.SQL("" if column.nullable else " NOT NULL"),
            )
            for column in stored_order(self.load.columns)
        ]
        with self.main.connection.transaction():
            self._run(sql.SQL("CREATE TABLE {} ({})").format(self.quoted, sql.SQL(", ").join(definitions)))
            self._run(sql.SQL("COMMENT ON TABLE {} IS {}").format(self.quoted, sql.Literal(mark)))

    def finish(self, sent: int, checksum: str) -> None:
        """Make the ids unique, add what is the same in every row, and gather statistics.

        Args:
            sent: Rows that were sent.
            checksum: Checksum of the ids that were sent.

        """
        self.checksum = checksum
        # 64 MB, the server's default, sorts a month's ids on disk.
        self._run(sql.SQL("SET maintenance_work_mem = '512MB'"))
        index = sql.SQL("CREATE UNIQUE INDEX {} ON {} ({})").format(quoted(f"{self.table}_id"), self.quoted, quoted(ID))
        try:
            self._run(index)
        except psycopg.errors.UniqueViolation:
            self._run(statement("repeats", id=quoted(ID), work=self.quoted))
            self._run(index)
            self.checksum = self._stored_checksum(self.quoted)
        with self._accepted():
            self._run(self._constants())
            for definition in self._parent_indexes():
                self._run(definition)
        self._run(sql.SQL("ANALYZE {}").format(self.quoted))
        row = self.main.connection.execute(sql.SQL("SELECT count(*) FROM {}").format(self.quoted)).fetchone()
        self.rows = row[0] if row else 0
        if self.rows != sent:
            message = f"{sent} rows were sent and {self.rows} are there"
            raise TableMismatch(message, facts={"table": self.table})

    def publish(self, settle: Settle, note: Note, rejects: Rejects) -> Receipt:
        """Attach, swap or append, and record it, in one transaction; see `engine.sinks.protocol`."""
        try:
            for attempt in stamina.retry_context(
                on=(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected),
                attempts=None,
                timeout=self.lock_wait_seconds,
                wait_initial=0.2,
                wait_max=3.0,
            ):
                with attempt, self._accepted(), self.main.connection.transaction():
                    self._run(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                    outcome = self._publish()
                    receipt = settle(outcome)
                    self._record_rejects(rejects)
                    note(receipt)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            message = "readers hold the month"
            raise Busy(
                message,
                facts={"table": f"{self.main.schema}.{self.main.name}"},
                state="the month is as it was before",
                next_step="run the command again when the long query has ended (pg_stat_activity shows it)",
            ) from error
        return receipt

    def discard(self) -> None:
        """Drop the table; also where an interrupt left the connection in the middle of something."""
        drop = sql.SQL("DROP TABLE IF EXISTS {}").format(self.quoted)
        if usable(self.main.connection):
            self._run(drop)
            return
        with closing(connect(self.url)) as connection:
            connection.execute(drop)

    def _publish(self) -> Outcome:
        old = self.main.partition(self.load.month)
        if old is not None and self.load.mode == "append":
            return self._append(old)
        if old is not None:
            self._run(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(self.main.quoted, old))
            self._run(sql.SQL("DROP TABLE {}").format(old))
        self._run(sql.SQL("COMMENT ON TABLE {} IS NULL").format(self.quoted))
        name = self.main.partition_name(self.load.month)
        self._run(sql.SQL("ALTER TABLE {} RENAME TO {}").format(self.quoted, quoted(name)))
        self._run(
            sql.SQL("ALTER INDEX {} RENAME TO {}").format(
                quoted(self.main.schema, f"{self.table}_id"), quoted(f"{name}_id")
            )
        )
        self._run(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                self.main.quoted, quoted(self.main.schema, name), sql.Literal(str(self.load.month.first_day))
            )
        )
        return Outcome(loaded=self.rows, present=0, total=self.rows, id_checksum=self.checksum)

    def _append(self, old: sql.Identifier) -> Outcome:
        names = [ID, FILENAME, SOURCE_MONTH, *(c.name for c in self.load.columns)]
        columns = sql.SQL(", ").join(quoted(name) for name in names)
        cursor = self.main.connection.execute(
            statement("append", partition=old, columns=columns, work=self.quoted, id=quoted(ID))
        )
        row = self.main.connection.execute(sql.SQL("SELECT count(*) FROM {}").format(old)).fetchone()
        self._run(sql.SQL("DROP TABLE {}").format(self.quoted))
        return Outcome(
            loaded=cursor.rowcount,
            present=self.rows - cursor.rowcount,
            total=row[0] if row else 0,
            id_checksum=self._stored_checksum(old),
        )

    def _record_rejects(self, rejects: Rejects) -> None:
        month = self.load.month
        if self.load.mode == "replace":
            self.main.connection.execute(
                sql.SQL("DELETE FROM {} WHERE table_name = %s AND source_month = %s").format(self.main.rejects),
                [self.main.name, month.first_day],
            )
        same = (self.load.load_id, self.main.name, month.first_day, self.load.filename)
        query = sql.SQL(
            "COPY {} (load_id, table_name, source_month, filename, line, column_name, reason, raw) FROM STDIN"
        ).format(self.main.rejects)
        with self.main.connection.cursor() as cursor, cursor.copy(query) as copy:
            for batch in rejects():
                columns = (batch.column(name).to_pylist() for name in ("line", "column", "reason", "raw"))
                for values in zip(*columns, strict=True):
                    copy.write_row((*same, *values))

    def _constants(self) -> sql.Composed:
        month = sql.Literal(str(self.load.month.first_day))
        parts = [
            sql.SQL("ADD COLUMN {} text NOT NULL DEFAULT {}").format(quoted(FILENAME), sql.Literal(self.load.filename)),
            sql.SQL("ADD COLUMN {} date NOT NULL DEFAULT {}").format(quoted(SOURCE_MONTH), month),
            # Saves ATTACH the scan that it would make under its lock.
            sql.SQL("ADD CONSTRAINT {} CHECK ({} = {}::date)").format(
                quoted("source_month_is_one"), quoted(SOURCE_MONTH), month
            ),
        ]
        own = {c.name for c in self.load.columns} | {ID, FILENAME, SOURCE_MONTH}
        oid = self.main.oid()
        for name, kind, collation, generated in self.main.columns(oid) if oid else ():
            if name not in own and not generated:
                parts.append(sql.SQL("ADD COLUMN {} {}").format(quoted(name), sql.SQL(kind + collation)))
        return sql.SQL("ALTER TABLE {} {}").format(self.quoted, sql.SQL(", ").join(parts))

    def _parent_indexes(self) -> list[sql.Composed]:
        rows = self.main.connection.execute(
            statement("parent_indexes"),
            {"oid": self.main.oid(), "schema": self.main.schema, "table": self.main.name},
        ).fetchall()
        made = []
        for is_constraint, definition, unique in rows:
            rest = sql.SQL(definition)
            if is_constraint:
                made.append(sql.SQL("ALTER TABLE {} ADD {}").format(self.quoted, rest))
            else:
                head = sql.SQL("CREATE UNIQUE INDEX ON {}" if unique else "CREATE INDEX ON {}").format(self.quoted)
                made.append(head + rest)
        return made

    def _stored_checksum(self, table: sql.Identifier) -> str:
        checksum = Checksum()
        query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)").format(quoted(ID), table)
        for ids in copied_ids(self.main.connection, query):
            checksum.add(ids)
        return checksum.hexdigest()

    @contextmanager
    def _accepted(self) -> Iterator[None]:
        """Say in our words what the server does not accept; a lost connection or a lock is somebody else's business."""
        try:
            yield
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            message = f"PostgreSQL refused the month as a partition of {self.main.schema}.{self.main.name}"
            raise TableMismatch(
                message,
                facts={"reason": str(error)},
                state="the month is as it was before",
                next_step="mend the main table or what depends on it, or name another with --table or --schema",
            ) from error

    def _run(self, query: sql.SQL | sql.Composed) -> None:
        self.main.connection.execute(query)
