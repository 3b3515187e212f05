"""Schemas: what of one may become another without touching rows.

A column may be added where it is not REQUIRED, and REQUIRED may become NULLABLE. All else is refused, as at
https://cloud.google.com/bigquery/docs/managing-table-schemas
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fakes.bigquery.columns import duckdb_type, mode_of, normal, type_of
from tests.fakes.bigquery.errors import invalid, schema_mismatch
from tests.fakes.bigquery.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.fakes.bigquery.names import Json, TableName

ADDITION, RELAXATION = "ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"
EVERYTHING = (ADDITION, RELAXATION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evolution:
    """How a schema becomes another.

    Attributes:
        fields: The schema afterwards.
        added: Columns to add at its end.
        relaxed: Names of columns that become NULLABLE.

    """

    fields: list[Json]
    added: list[Json]
    relaxed: list[str]

    def statements(self, table: TableName) -> list[str]:
        """Return the statements for DuckDB."""
        return [f"ALTER TABLE {table.sql} ADD COLUMN {quoted(f['name'])} {duckdb_type(f)}" for f in self.added] + [
            f"ALTER TABLE {table.sql} ALTER COLUMN {quoted(name)} DROP NOT NULL" for name in self.relaxed
        ]


def checked(fields: Iterable[Json]) -> list[Json]:
    """Return fields as the REST API answers them; refuse names that occur twice."""
    found = [normal(field) for field in fields]
    names = [field["name"].lower() for field in found]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"Duplicate field name: {name}. Names of fields are not case-sensitive.")
    return found


def evolved(table: TableName, old: Sequence[Json], new: Sequence[Json], *, allowed: Sequence[str]) -> Evolution:
    """Compare the schema of incoming rows with a table's; columns that the rows lack are null.

    Raises:
        ApiError: The rows have columns, types or modes that the table may not take over.

    """
    have = {field["name"].lower(): field for field in old}
    added: list[Json] = []
    relaxed: list[str] = []
    for field in new:
        known = have.get(field["name"].lower())
        if known is None:
            added.append(_added(table, field, allowed))
        elif _changed(table, known, field, allowed):
            relaxed.append(known["name"])
    incoming = {field["name"].lower() for field in new}
    for field in old:
        if mode_of(field) == "REQUIRED" and field["name"].lower() not in incoming:
            raise schema_mismatch(table, f"Field {field['name']} is missing in new schema")
    kept = [{**field, "mode": "NULLABLE"} if field["name"] in relaxed else field for field in old]
    return Evolution(fields=[*kept, *added], added=added, relaxed=relaxed)


def patched(table: TableName, old: Sequence[Json], new: Sequence[Json]) -> Evolution:
    """Compare a schema that a request gives with a table's: it must name every column, in any order of new ones.

    Raises:
        ApiError: A column is gone, or differs by more than its description or from REQUIRED to NULLABLE.

    """
    given = {field["name"].lower(): field for field in new}
    for field in old:
        if field["name"].lower() not in given:
            raise schema_mismatch(table, f"Field {field['name']} is missing in new schema")
    found = evolved(table, old, new, allowed=EVERYTHING)
    words = [{**field, **given[field["name"].lower()], "name": field["name"]} for field in old]
    return Evolution(fields=[*words, *found.added], added=found.added, relaxed=found.relaxed)


def same(left: Sequence[Json], right: Sequence[Json]) -> bool:
    """Say whether columns, types and modes are equal."""
    return [_shape(field) for field in left] == [_shape(field) for field in right]


def _shape(field: Json) -> tuple[str, str, str]:
    return field["name"].lower(), duckdb_type(field), mode_of(field)


def _added(table: TableName, field: Json, allowed: Sequence[str]) -> Json:
    if ADDITION not in allowed:
        raise schema_mismatch(table, f"Cannot add fields (field: {field['name']})")
    if mode_of(field) == "REQUIRED":
        raise schema_mismatch(table, f"Cannot add required fields to an existing schema. (field: {field['name']})")
    return field


def _changed(table: TableName, old: Json, new: Json, allowed: Sequence[str]) -> bool:
    """Say whether a column becomes NULLABLE; refuse every other change."""
    name, before, after = old["name"], type_of(old), type_of(new)
    if before != after:
        raise schema_mismatch(table, f"Field {name} has changed type from {before} to {after}")
    if new.get("precision") and (old.get("precision"), old.get("scale")) != (new["precision"], new.get("scale")):
        raise schema_mismatch(table, f"Field {name} has changed its precision or scale")
    before, after = mode_of(old), mode_of(new)
    if before == "REQUIRED" and after == "NULLABLE" and RELAXATION in allowed:
        return True
    if before != after:
        raise schema_mismatch(table, f"Field {name} has changed mode from {before} to {after}")
    return False
