"""Names of tables, and how SQL texts quote names and values."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.bigquery.errors import invalid

Json = dict[str, Any]

_PATH = re.compile(r"projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)")
_TABLE = re.compile(r"[\w\- ]{1,1024}(\$\w+)?")
# Where results of queries live: a dataset that no list shows.
RESULTS = "_results"


def quoted(name: str) -> str:
    """Return an identifier for DuckDB, quoted."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a string literal for DuckDB."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableName:
    """A table, or with a decorator one partition of it.

    Attributes:
        project: Project id.
        dataset: Dataset id.
        table: Table id without a decorator.
        decorator: What stands behind the `$`; empty: the whole table.

    """

    project: str
    dataset: str
    table: str
    decorator: str = ""

    @classmethod
    def of(cls, project: str, dataset: str, table: str) -> TableName:
        """Take a table id apart, which may carry a decorator."""
        if not _TABLE.fullmatch(table):
            raise invalid(f'Invalid table ID "{table}".')
        bare, _, decorator = table.partition("$")
        return cls(project=project, dataset=dataset, table=bare, decorator=decorator)

    @classmethod
    def from_json(cls, reference: Json, project: str) -> TableName:
        """Read a `TableReference`; a project that it does not name is this one."""
        return cls.of(reference.get("projectId") or project, reference["datasetId"], reference["tableId"])

    @classmethod
    def from_path(cls, path: str) -> TableName:
        """Read the resource name of the Storage API."""
        found = _PATH.match(path)
        if found is None:
            raise invalid(f"Invalid resource name: {path}")
        return cls.of(found[1], found[2], found[3])

    @property
    def key(self) -> tuple[str, str]:
        """What tells tables of one project apart."""
        return self.dataset, self.table

    @property
    def sql(self) -> str:
        """Its name in DuckDB, quoted."""
        return f"{quoted(self.dataset)}.{quoted(self.table)}"

    def whole(self) -> TableName:
        """Return the table of a partition."""
        return replace(self, decorator="")

    def bare(self) -> str:
        """Return `project:dataset.table`, without a decorator."""
        return f"{self.project}:{self.dataset}.{self.table}"

    def to_json(self) -> Json:
        """Return the `TableReference`."""
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    def __str__(self) -> str:
        return self.bare() + (f"${self.decorator}" if self.decorator else "")
