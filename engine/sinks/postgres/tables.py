"""The main table of a dataset: created, checked, extended, and never touched where it is not ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from engine.contract import FILENAME, ID, SOURCE_MONTH
from engine.errors import IdentityMismatch, TableMismatch
from engine.postgres import Statements, quoted
from engine.sinks.postgres.types import sql_type

if TYPE_CHECKING:
    from psycopg import Connection

    from engine.contract import Column, Dataset
    from engine.month import Month

REJECTS = "engine_rejects"
# A waiting ALTER TABLE makes every later reader wait behind it, so it waits briefly and comes back.
LOCK_TIMEOUT = "2s"

statement = Statements(Path(__file__).parent / "sql")

_ADDED = {
    ID: ("uuid", "MD5 of the row's values (docs/row-identity.md); unique within its month"),
    FILENAME: ("text", "File that the row was published in"),
    SOURCE_MONTH: ("date", "First of the month whose file the row was published in; the partition key"),
}
_IDENTITY = re.compile(r"identity (\S+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class MainTable:
    """A main table by name, on one connection in autocommit.

    Attributes:
        connection: Where statements run.
        schema: Its schema.
        name: Its name in that schema.
        dataset: What it holds.

    """

    connection: Connection[tuple[Any, ...]]
    schema: str
    name: str
    dataset: Dataset

    @property
    def quoted(self) -> sql.Identifier:
        """The qualified, quoted name."""
        return quoted(self.schema, self.name)

    @property
    def rejects(self) -> sql.Identifier:
        """The qualified, quoted name of the table of quarantined lines."""
        return quoted(self.schema, REJECTS)

    def oid(self) -> int | None:
        """Return the table's oid; None where there is none.

        Raises:
            TableMismatch: It is not partitioned by list on `source_month`.
            IdentityMismatch: Its comment names another identity.

        """
        row = self.connection.execute(statement("parent"), {"schema": self.schema, "table": self.name}).fetchone()
        if row is None:
            return None
        oid, ours, comment = row
        if not ours:
            message = f"table {self.schema}.{self.name} is not ours: it is not partitioned by list on {SOURCE_MONTH}"
            raise TableMismatch(
                message,
                state="nothing was changed",
                next_step="rename that table, or name another with --table or --schema",
            )
        label = self.dataset.contract.identity_label
        if (found := _IDENTITY.search(comment)) and found[1] != label:
            message = f"the ids of {self.schema}.{self.name} were computed in another way"
            raise IdentityMismatch(
                message,
                facts={"expected": label, "found": found[1]},
                state="nothing was changed",
                next_step=f"restore [identity] in {self.dataset.defined_in}, or load into another --table",
            )
        return int(oid)

    def prepare(self, extras: tuple[Column, ...]) -> None:
        """Create the table and the one for rejects where they are missing; add columns that the table lacks."""
        columns = (*self.dataset.contract.columns, *extras)
        with self.connection.transaction():
            # A column is added under the strongest lock, and whoever waits for that makes all later readers wait.
            self.connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            # Serialises engines that start at once; CREATE TABLE IF NOT EXISTS alone does not.
            self.connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"engine tables {self.schema}"]
            )
            if (oid := self.oid()) is None:
                self._create(columns)
            else:
                self._extend(oid, columns)
            self.connection.execute(statement("create_rejects", rejects=self.rejects))

    def _create(self, columns: tuple[Column, ...]) -> None:
        definitions = [
            sql.SQL("{} {}{}").format(quoted(c.name), sql.SQL(sql_type(c.type)), _not_null(required=not c.nullable))
            for c in columns
        ]
        definitions += [
            sql.SQL("{} {} NOT NULL").format(quoted(name), sql.SQL(kind)) for name, (kind, _) in _ADDED.items()
        ]
        self.connection.execute(
            sql.SQL("CREATE TABLE {} ({}) PARTITION BY LIST ({})").format(
                self.quoted, sql.SQL(", ").join(definitions), quoted(SOURCE_MONTH)
            )
        )
        text = f"{self.dataset.description}. Loaded by engine; identity {self.dataset.contract.identity_label}"
        self.connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(self.quoted, sql.Literal(text)))
        for name, comment in [(c.name, c.description) for c in columns] + [(n, d) for n, (_, d) in _ADDED.items()]:
            self._comment(name, comment)

    def _comment(self, column: str, text: str) -> None:
        if text:
            self.connection.execute(
                sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(self.quoted, quoted(column), sql.Literal(text))
            )

    def _extend(self, oid: int, columns: tuple[Column, ...]) -> None:
        found = {name: kind for name, kind, _, _ in self.columns(oid)}
        expected = {c.name: sql_type(c.type) for c in columns} | {n: k for n, (k, _) in _ADDED.items()}
        for name, kind in expected.items():
            if name in found and found[name] != kind:
                message = f"column {name} of {self.schema}.{self.name} has another type than the contract's"
                raise TableMismatch(
                    message,
                    facts={"expected": kind, "found": found[name]},
                    state="nothing was changed",
                    next_step=f"mend {self.dataset.defined_in}, or load into another --table",
                )
        for column in columns:
            if column.name not in found:
                self.connection.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                        self.quoted,
                        quoted(column.name),
                        sql.SQL(sql_type(column.type)),
                    )
                )
                self._comment(column.name, column.description)

    def columns(self, oid: int) -> list[tuple[str, str, str, bool]]:
        """Return name, type, COLLATE clause and whether it is generated, of each column of a table."""
        return self.connection.execute(statement("columns"), {"oid": oid}).fetchall()

    def partition(self, month: Month) -> sql.Identifier | None:
        """Return the quoted name of the month's partition; None where there is none."""
        row = self.connection.execute(
            statement("partition"), {"parent": self.quoted.as_string(self.connection), "month": month.first_day}
        ).fetchone()
        return quoted(row[1], row[0]) if row else None

    def partition_name(self, month: Month) -> str:
        """Return the name a partition gets: `yellow_tripdata_2019_01`."""
        return f"{self.name}_{month.year:04d}_{month.month:02d}"


def _not_null(*, required: bool) -> sql.SQL:
    return sql.SQL(" NOT NULL" if required else "")
