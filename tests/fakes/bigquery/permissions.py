"""Permissions that a caller may lack, and the words in which the service says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tests.fakes.bigquery.errors import ApiError

if TYPE_CHECKING:
    from tests.fakes.bigquery.names import TableName

Permission = Literal[
    "bigquery.datasets.create",
    "bigquery.jobs.create",
    "bigquery.readsessions.create",
    "bigquery.tables.create",
    "bigquery.tables.getData",
    "bigquery.tables.updateData",
]


class Permissions:
    """What the caller may not do; at first nothing.

    Args:
        project: The project's id.

    """

    def __init__(self, project: str) -> None:
        self.denied: set[Permission] = set()
        self._project = project

    def of_project(self, permission: Permission) -> None:
        """Refuse, where the caller lacks a permission in the project."""
        if permission in self.denied:
            raise ApiError(
                403,
                f"Access Denied: Project {self._project}: User does not have {permission} permission in project "
                f"{self._project}.",
            )

    def of_dataset(self, permission: Permission, dataset: str) -> None:
        """Refuse, where the caller lacks a permission on a dataset."""
        if permission in self.denied:
            name = f"{self._project}:{dataset}"
            raise ApiError(
                403,
                f"Access Denied: Dataset {name}: Permission {permission} denied on dataset {name} "
                "(or it may not exist).",
            )

    def of_table(self, permission: Permission, table: TableName) -> None:
        """Refuse, where the caller lacks a permission on a table."""
        if permission in self.denied:
            name = table.bare()
            raise ApiError(
                403,
                f"Access Denied: Table {name}: Permission {permission} denied on table {name} (or it may not exist).",
            )
