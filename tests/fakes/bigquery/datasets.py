"""Datasets as resources: made, looked at, changed and deleted as the REST API does it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes.bigquery.catalog import Dataset
from tests.fakes.bigquery.errors import ApiError, invalid
from tests.fakes.bigquery.names import quoted
from tests.fakes.bigquery.tables import check_labels

if TYPE_CHECKING:
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_SETTINGS = (
    "access",
    "defaultPartitionExpirationMs",
    "defaultTableExpirationMs",
    "description",
    "friendlyName",
    "isCaseInsensitive",
    "labels",
    "maxTimeTravelHours",
    "storageBillingModel",
)
_ACCESS = [
    {"role": "WRITER", "specialGroup": "projectWriters"},
    {"role": "OWNER", "specialGroup": "projectOwners"},
    {"role": "READER", "specialGroup": "projectReaders"},
]


def create(service: Service, given: Json) -> str:
    """Make a dataset, and return its id."""
    service.permissions.of_project("bigquery.datasets.create")
    name = str(given["datasetReference"]["datasetId"])
    if not re.fullmatch(r"\w{1,1024}", name, re.ASCII):
        raise invalid(
            f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus underscores) and must be at most '
            "1024 characters long."
        )
    settings = {key: given[key] for key in _SETTINGS if given.get(key) is not None}
    check_labels(settings)
    settings.setdefault("access", _ACCESS)
    now = service.catalog.now_ms()
    location = given.get("location") or "US"
    location = location.upper() if location.upper() in {"US", "EU"} else location.lower()
    made = Dataset(settings=settings, location=location, created_ms=now, modified_ms=now)
    with service.catalog.lock:
        service.catalog.put_dataset(name, made)
        with service.warehouse.reading() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}")
    return name


def resource(service: Service, name: str) -> Json:
    """Return the resource of a dataset."""
    found = service.catalog.dataset(name)
    return {
        "kind": "bigquery#dataset",
        "etag": found.etag,
        **listed(service, name, found),
        **found.settings,
        "creationTime": str(found.created_ms),
        "lastModifiedTime": str(found.modified_ms),
        "type": "DEFAULT",
    }


def listed(service: Service, name: str, found: Dataset) -> Json:
    """Return a dataset as a listing shows it."""
    return {
        "kind": "bigquery#dataset",
        "id": f"{service.project}:{name}",
        "datasetReference": {"projectId": service.project, "datasetId": name},
        "location": found.location,
        **{key: found.settings[key] for key in ("labels", "friendlyName") if key in found.settings},
    }


def change(service: Service, name: str, given: Json, *, if_match: str | None, replace: bool) -> None:
    """Change a dataset's settings; those that are null, and where `replace` is set those not given, are forgotten."""
    asked = {key: given[key] for key in _SETTINGS if key in given}

    def merged(old: Json) -> Json:
        labels = {**({} if replace else old.get("labels") or {}), **(asked.get("labels") or {})}
        found = {**({} if replace else old), **asked}
        found["labels"] = {key: value for key, value in labels.items() if value is not None}
        check_labels(found)
        return {key: value for key, value in found.items() if value is not None and value != {}}

    service.catalog.change_dataset(name, if_match, merged)


def delete(service: Service, name: str, *, contents: bool) -> None:
    """Delete a dataset; one that holds tables only with its contents."""
    service.catalog.dataset(name)
    with service.warehouse.alone(*(table.name.key for table in service.catalog.tables(name))):
        if service.catalog.tables(name) and not contents:
            raise ApiError(400, f"Dataset {service.project}:{name} is still in use", "resourceInUse")
        service.catalog.forget_dataset(name)
        with service.warehouse.reading() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {quoted(name)} CASCADE")
