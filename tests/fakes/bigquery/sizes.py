"""How many rows and bytes each partition has, counted once for each state of a table."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.bigquery.columns import size
from tests.fakes.bigquery.names import text

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.warehouse import Warehouse


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """What one partition holds.

    Attributes:
        id: Its id as a decorator gives it; empty: the table is not partitioned.
        begin: Its first moment in SQL; "NULL": rows without a value.
        rows: Number of rows.
        bytes_of: Bytes as BigQuery counts them, by the column's name in lower case.

    """

    id: str
    begin: str
    rows: int
    bytes_of: dict[str, int]

    def bytes_in(self, columns: Collection[str] | None) -> int:
        """Return the bytes of some columns, whose names are in lower case; None: of all."""
        return sum(size for name, size in self.bytes_of.items() if columns is None or name in columns)


class Sizes:
    """Counts partitions, and remembers what it counted until rows change.

    Args:
        warehouse: Where the rows are.

    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[int, list[Partition]]] = {}

    def of(self, table: Table) -> list[Partition]:
        """Return the partitions of a table that hold rows."""
        if table.view:
            return []
        key = table.name.key
        with self._lock:
            version, found = self._known.get(key, (0, []))
        if version != table.rows_version:
            found = self._count(table)
            with self._lock:
                self._known[key] = (table.rows_version, found)
        return found

    def _count(self, table: Table) -> list[Partition]:
        by, columns = table.partitioning, table.fields
        ids, begin = (by.ids, f"CAST({by.begin} AS VARCHAR)") if by else ("''", "NULL")
        sizes = "".join(f", CAST({size(column)} AS BIGINT)" for column in columns)
        rows = self._warehouse.rows(f"SELECT {ids}, min({begin}), count(*){sizes} FROM {table.name.sql} GROUP BY 1")  # noqa: S608 - quoted
        return [
            Partition(
                id=name,
                begin=by.literal(start) if by and start is not None else "NULL",
                rows=count,
                bytes_of={column["name"].lower(): found for column, found in zip(columns, counts, strict=True)},
            )
            for name, start, count, *counts in rows
            if count
        ]

    @staticmethod
    def sql_list(partitions: list[Partition]) -> str:
        """Return ids and first moments as rows of a VALUES clause."""
        return ", ".join(f"({text(partition.id)}, {partition.begin})" for partition in partitions)
