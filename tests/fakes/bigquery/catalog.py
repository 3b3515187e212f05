"""What exists: datasets and tables with their settings and etags. Rows are the warehouse's.

Records are frozen, so that whoever looks one up sees one state; changes replace them under one short lock. Every
change, of settings or of rows, gives a new etag. A table whose time has come is gone.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.fakes.bigquery import partitions
from tests.fakes.bigquery.errors import (
    ApiError,
    dataset_exists,
    dataset_not_found,
    precondition_failed,
    table_exists,
    table_not_found,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.bigquery.names import Json, TableName

_VERSIONS = itertools.count(1)


def _etag(*parts: object) -> str:
    return base64.b64encode(hashlib.md5(repr(parts).encode()).digest()).decode()  # noqa: S324 - no secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A dataset at one moment.

    Attributes:
        settings: What a client set: labels, access, description and so on.
        location: Where it lies.
        created_ms: When it was made; milliseconds since the epoch.
        modified_ms: When it was changed last.
        version: Changes with every change.

    """

    settings: Json
    location: str
    created_ms: int
    modified_ms: int
    version: int = field(default_factory=lambda: next(_VERSIONS))

    @property
    def etag(self) -> str:
        """What If-Match compares."""
        return _etag("dataset", self.version)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table or view at one moment.

    Attributes:
        name: Its name, without decorator.
        settings: What a client set: schema, partitioning, labels and so on.
        location: Its dataset's.
        created_ms: When it was made; milliseconds since the epoch.
        modified_ms: When its settings or its rows were changed last.
        rows_version: Changes whenever rows or columns do.
        version: Changes with every change.

    """

    name: TableName
    settings: Json
    location: str
    created_ms: int
    modified_ms: int
    rows_version: int = field(default_factory=lambda: next(_VERSIONS))
    version: int = field(default_factory=lambda: next(_VERSIONS))

    @property
    def etag(self) -> str:
        """What If-Match compares."""
        return _etag("table", self.version)

    @property
    def fields(self) -> list[Json]:
        """Its columns."""
        found: list[Json] = (self.settings.get("schema") or {}).get("fields") or []
        return found

    @property
    def partitioning(self) -> partitions.Partitioning | None:
        """How it is partitioned."""
        return partitions.of(self.settings)

    @property
    def view(self) -> str:
        """The query of a view; empty: it is a table."""
        return str((self.settings.get("view") or {}).get("query") or "")


class Catalog:
    """All datasets and tables of one project.

    Args:
        project: Its id.
        clock: Seconds since the epoch; what expires, expires by it.

    """

    def __init__(self, project: str, clock: Callable[[], float]) -> None:
        self.project = project
        self.lock = threading.RLock()
        self.datasets: dict[str, Dataset] = {}
        self._tables: dict[tuple[str, str], Table] = {}
        self._clock = clock

    def now_ms(self) -> int:
        """Return the time in milliseconds since the epoch."""
        return int(self._clock() * 1000)

    def dataset(self, name: str, location: str = "") -> Dataset:
        """Return a dataset; one that lies elsewhere than asked is not found."""
        found = self.datasets.get(name)
        if found is None or (location and location.lower() != found.location.lower()):
            raise dataset_not_found(f"{self.project}:{name}", location)
        return found

    def put_dataset(self, name: str, dataset: Dataset) -> None:
        """Add a dataset."""
        with self.lock:
            if name in self.datasets:
                raise dataset_exists(f"{self.project}:{name}")
            self.datasets[name] = dataset

    def change_dataset(self, name: str, if_match: str | None, change: Callable[[Json], Json]) -> None:
        """Change a dataset's settings, where If-Match holds."""
        with self.lock:
            old = self.dataset(name)
            _hold(if_match, old.etag)
            self.datasets[name] = replace(
                old, settings=change(old.settings), modified_ms=self.now_ms(), version=next(_VERSIONS)
            )

    def tables(self, dataset: str) -> list[Table]:
        """Return the tables and views of a dataset in the order of their names."""
        with self.lock:
            return [table for key in sorted(self._tables) if key[0] == dataset if (table := self._alive(key))]

    def find(self, name: TableName) -> Table | None:
        """Return a table or view; None: there is none, or its time has come."""
        with self.lock:
            return self._alive(name.key) if name.project == self.project else None

    def table(self, name: TableName, location: str = "") -> Table:
        """Return a table or view, in a dataset that must exist."""
        if name.project != self.project:
            raise ApiError(
                403,
                f"Access Denied: Table {name.bare()}: User does not have permission to query table {name.bare()}, "
                "or perhaps it does not exist.",
            )
        self.dataset(name.dataset, location)
        found = self.find(name)
        if found is None:
            raise table_not_found(name, location)
        return found

    def put(self, table: Table) -> None:
        """Add a table or view."""
        with self.lock:
            if self.find(table.name) is not None:
                raise table_exists(table.name)
            self._tables[table.name.key] = table

    def change(self, name: TableName, settings: Callable[[Json], Json], *, rows: bool, if_match: str | None) -> Table:
        """Change a table, where If-Match holds.

        Args:
            name: The table.
            settings: Gives the new settings for those of now.
            rows: Whether its rows or columns changed as well.
            if_match: The etag that it must have; None: any.

        """
        with self.lock:
            old = self.table(name)
            _hold(if_match, old.etag)
            versions: dict[str, Any] = {"version": next(_VERSIONS)}
            if rows:
                versions["rows_version"] = next(_VERSIONS)
            new = replace(old, settings=settings(old.settings), modified_ms=self.now_ms(), **versions)
            self._tables[name.key] = new
            return new

    def check(self, name: TableName, if_match: str | None) -> None:
        """Refuse where If-Match does not hold."""
        _hold(if_match, self.table(name).etag)

    def forget(self, name: TableName, if_match: str | None = None) -> None:
        """Remove a table or view, where If-Match holds."""
        with self.lock:
            _hold(if_match, self.table(name).etag)
            del self._tables[name.key]

    def forget_dataset(self, name: str) -> None:
        """Remove a dataset and all that it holds."""
        with self.lock:
            del self.datasets[name]
            self._tables = {key: table for key, table in self._tables.items() if key[0] != name}

    def _alive(self, key: tuple[str, str]) -> Table | None:
        found = self._tables.get(key)
        expires = found.settings.get("expirationTime") if found is not None else None
        if expires and int(expires) <= self.now_ms():
            del self._tables[key]
            return None
        return found


def _hold(if_match: str | None, etag: str) -> None:
    if if_match is not None and if_match not in {"*", etag}:
        raise precondition_failed()
