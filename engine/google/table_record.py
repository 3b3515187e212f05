"""The record of a lease (`engine.lease`) as an empty table: its ETag is its version, and it expires by itself.

Creating a table is atomic, and a change of a table's metadata can be bound to its ETag
(cloud.google.com/bigquery/docs/reference/rest/v2/tables/patch); neither costs anything.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from google.cloud import bigquery

from engine.lease import Held

if TYPE_CHECKING:
    from engine.google.warehouse import Warehouse

# A record that nobody removes is gone after so long; every change of it counts anew.
_EXPIRES = dt.timedelta(hours=1)


class TableRecord:
    """See `engine.lease.Record`.

    Args:
        warehouse: Where it is.
        table: Its name there.

    """

    def __init__(self, warehouse: Warehouse, table: str) -> None:
        self._warehouse, self._table = warehouse, table

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return f"{self._warehouse.name}/{self._table}"

    def read(self) -> Held | None:
        """Return the record; None: there is none."""
        found = self._warehouse.table(self._table)
        return _held(found) if found else None

    def swap(self, seen: Held | None, holder: str) -> Held | None:
        """Write the record if it is still the one that was seen."""
        table = bigquery.Table(self._warehouse.path(self._table), schema=[bigquery.SchemaField("holder", "STRING")])
        table.description = holder
        table.expires = dt.datetime.now(dt.UTC) + _EXPIRES
        if seen is None:
            written = self._warehouse.create(table)
        else:
            table._properties["etag"] = seen.version  # noqa: SLF001 - the client sends it as If-Match, and has no setter
            written = self._warehouse.update(table, "description", "expires")
        return _held(written) if written else None

    def remove(self, seen: Held) -> None:
        """Remove the record if it is still the one that was seen.

        Deleting takes no condition; whoever could have changed it in between has waited a whole lease for it.
        """
        if self.read() == seen:
            self._warehouse.drop(self._table)


def _held(table: bigquery.Table) -> Held:
    return Held(holder=table.description or "", version=table.etag)
