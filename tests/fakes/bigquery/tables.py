"""Tables and views as resources: made, looked at, changed and dropped as the REST API does it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes.bigquery import partitions, queries, schemas
from tests.fakes.bigquery.catalog import Table
from tests.fakes.bigquery.columns import definitions
from tests.fakes.bigquery.errors import invalid, table_exists, table_not_found

if TYPE_CHECKING:
    from tests.fakes.bigquery.names import Json, TableName
    from tests.fakes.bigquery.service import Service

_SETTINGS = (
    "clustering",
    "description",
    "expirationTime",
    "friendlyName",
    "labels",
    "requirePartitionFilter",
    "schema",
    "tableConstraints",
    "timePartitioning",
    "view",
)
_LISTED = ("clustering", "expirationTime", "friendlyName", "labels", "requirePartitionFilter", "timePartitioning")
_LABEL_KEY, _LABEL_VALUE = re.compile(r"[^\W\d_][\w-]{0,62}"), re.compile(r"[\w-]{0,63}")
_MAX_DESCRIPTION = 16_384
_MAX_LABELS = 64
_ROOT = "https://bigquery.googleapis.com/bigquery/v2"


def create(service: Service, name: TableName, given: Json, *, exists_ok: bool = False) -> Table:
    """Make an empty table, or a view.

    Args:
        service: The project.
        name: Its name.
        given: The resource; what cannot be set is ignored.
        exists_ok: Leave one alone that is there, and return it.

    """
    service.permissions.of_dataset("bigquery.tables.create", name.dataset)
    dataset = service.catalog.dataset(name.dataset)
    settings = checked(service, {key: given[key] for key in _SETTINGS if given.get(key) is not None})
    now = service.catalog.now_ms()
    made = Table(name=name, settings=settings, location=dataset.location, created_ms=now, modified_ms=now)
    with service.warehouse.alone(name.key):
        if found := service.catalog.find(name):
            if exists_ok:
                return found
            raise table_exists(name)
        if not made.view:
            with service.warehouse.changing(name.key) as cursor:
                cursor.execute(f"CREATE OR REPLACE TABLE {name.sql} ({definitions(made.fields) or 'nothing BOOLEAN'})")
        service.catalog.put(made)
    return made


def checked(service: Service, settings: Json) -> Json:
    """Return the settings of a table as the service keeps them.

    Raises:
        ApiError: They contradict each other, or say what no table can be.

    """
    found = dict(settings)
    check_labels(found)
    if "view" in found:
        found["schema"] = {"fields": queries.selected_fields(service, found["view"]["query"])}
    found["schema"] = {"fields": schemas.checked((found.get("schema") or {}).get("fields") or [])}
    by = partitions.of(found)
    if by is not None:
        declared = found["timePartitioning"]
        required = found.pop("requirePartitionFilter", None) or declared.get("requirePartitionFilter")
        if required:
            found["requirePartitionFilter"] = True
        found["timePartitioning"] = {**declared, "type": by.unit}
    columns = [field["name"].lower() for field in found["schema"]["fields"]]
    for field in (found.get("clustering") or {}).get("fields") or []:
        if field.lower() not in columns:
            raise invalid(f"The field specified for clustering cannot be found in the schema: {field}.")
    if "expirationTime" in found and int(found["expirationTime"]) <= service.catalog.now_ms():
        raise invalid(message="Invalid value for expirationTime: it must be in the future")
    return found


def check_labels(settings: Json) -> None:
    """Refuse labels and descriptions that the service refuses."""
    labels = settings.get("labels") or {}
    if len(labels) > _MAX_LABELS:
        raise invalid(f"Too many labels: {len(labels)}; at most {_MAX_LABELS} are allowed.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or key != key.lower():
            raise invalid(f'Label key "{key}" has invalid characters.')
        if not _LABEL_VALUE.fullmatch(value) or value != value.lower():
            raise invalid(f'Label value "{value}" has invalid characters.')
    if len(settings.get("description") or "") > _MAX_DESCRIPTION:
        raise invalid(f"Description is too long; at most {_MAX_DESCRIPTION} characters are allowed.")


def resource(service: Service, name: TableName) -> Json:
    """Return the resource of a table, or of one partition: then rows and bytes are the partition's."""
    table = service.catalog.table(name)
    found = [part for part in service.sizes.of(table) if not name.decorator or part.id == name.decorator]
    partitions.rows_of(name, table.partitioning)  # refuses a decorator that does not fit
    size = sum(partition.bytes_in(None) for partition in found)
    rows = {
        "numRows": str(sum(partition.rows for partition in found)),
        "numBytes": str(size),
        "numLongTermBytes": "0",
        "numActiveLogicalBytes": str(size),
    }
    return {
        "kind": "bigquery#table",
        "etag": table.etag,
        "id": str(name),
        "selfLink": f"{_ROOT}/projects/{name.project}/datasets/{name.dataset}/tables/{name.table}",
        "tableReference": {**name.to_json(), "tableId": str(name).rpartition(".")[2]},
        **table.settings,
        "creationTime": str(table.created_ms),
        "lastModifiedTime": str(table.modified_ms),
        "location": table.location,
        "type": "VIEW" if table.view else "TABLE",
        **({} if table.view else rows),
    }


def listed(table: Table) -> Json:
    """Return a table as a listing shows it."""
    return {
        "kind": "bigquery#table",
        "id": table.name.bare(),
        "tableReference": table.name.to_json(),
        "type": "VIEW" if table.view else "TABLE",
        "creationTime": str(table.created_ms),
        **{key: table.settings[key] for key in _LISTED if key in table.settings},
    }


def change(service: Service, name: TableName, given: Json, *, if_match: str | None, replace: bool) -> None:
    """Change a table's settings.

    Args:
        service: The project.
        name: The table.
        given: The settings; what cannot be set is ignored.
        if_match: The etag that it must have; None: any.
        replace: Forget the settings that are not given; else keep them, and forget those that are null.

    """
    asked = {key: given[key] for key in _SETTINGS if key in given}
    if not any(key in asked for key in ("schema", "view")):
        service.catalog.change(
            name, lambda old: _merged(service, name, old, asked, replace), rows=False, if_match=if_match
        )
        return
    with service.warehouse.alone(name.key), service.catalog.lock:
        table = service.catalog.table(name)
        settings = _merged(service, name, table.settings, asked, replace)
        service.catalog.check(name, if_match)  # before rows change, and under the same lock
        if not table.view:
            found = schemas.patched(name, table.fields, settings["schema"]["fields"])
            settings["schema"] = {"fields": found.fields}
            with service.warehouse.changing(name.key) as cursor:
                for statement in found.statements(name):
                    cursor.execute(statement)
        service.catalog.change(name, lambda _: settings, rows=True, if_match=None)


def _merged(service: Service, name: TableName, old: Json, asked: Json, replace: bool) -> Json:  # noqa: FBT001 - private
    kept = {"schema": old["schema"]} if replace else old
    labels = {**({} if replace else old.get("labels") or {}), **(asked.get("labels") or {})}
    found = {**kept, **asked, "labels": {key: value for key, value in labels.items() if value is not None}}
    if "labels" in asked and asked["labels"] is None:
        found["labels"] = {}
    found = {key: value for key, value in found.items() if value is not None and value != {}}
    if found.get("expirationTime") == old.get("expirationTime"):
        checked(service, {key: value for key, value in found.items() if key != "expirationTime"})
    else:
        found = checked(service, found)
    found["schema"] = {"fields": schemas.checked(found["schema"]["fields"])}
    before, after = partitions.of(old), partitions.of(found)
    if before != after:
        raise invalid(
            f"Cannot change partitioning spec for a partitioned table {name.bare()}: existing spec is "
            f"{partitions.described(old)} and new spec is {partitions.described(found)}"
        )
    return found


def drop(service: Service, name: TableName, if_match: str | None = None, *, missing_ok: bool = False) -> None:
    """Remove a table or view, where If-Match holds."""
    with service.warehouse.alone(name.key):
        table = service.catalog.find(name)
        if table is None:
            service.catalog.dataset(name.dataset)
            if missing_ok:
                return
            raise table_not_found(name)
        service.catalog.forget(name, if_match)
        if not table.view:
            with service.warehouse.changing(name.key) as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {name.sql}")
