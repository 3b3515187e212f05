"""Load jobs: Parquet files into a table or a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.bigquery import parquet, schemas
from tests.fakes.bigquery.columns import type_of
from tests.fakes.bigquery.errors import invalid, not_covered, schema_mismatch
from tests.fakes.bigquery.filling import Filling, fill
from tests.fakes.bigquery.names import TableName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.fakes.bigquery.jobs import Job
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_SETTINGS = ("timePartitioning", "clustering")
_DEFAULT_DECIMALS = ("NUMERIC",)


def load(service: Service, job: Job, paths: Sequence[Path]) -> None:
    """Do what a load job's configuration says with files that lie here."""
    given: Json = job.resource["configuration"]["load"]
    if given.get("sourceFormat") != "PARQUET":
        raise not_covered(f"loads of {given.get('sourceFormat', 'CSV')}")
    target = TableName.from_json(given["destinationTable"], service.project)
    found = [parquet.columns(path, given.get("decimalTargetTypes") or _DEFAULT_DECIMALS) for path in paths]
    columns = _together(found)
    fields = _fields(service, target, given, columns)
    properties = given.get("destinationTableProperties") or {}
    rows = fill(
        service,
        Filling(
            target=target,
            rows=parquet.rows(paths, columns, fields, alike=all(file == found[0] for file in found)),
            fields=fields,
            write=given.get("writeDisposition") or "WRITE_APPEND",
            create=given.get("createDisposition") or "CREATE_IF_NEEDED",
            settings={**properties, **{key: given[key] for key in _SETTINGS if given.get(key)}},
            options=tuple(given.get("schemaUpdateOptions") or ()),
            location=job.reference["location"],
        ),
    )
    size = sum(path.stat().st_size for path in paths)
    job.statistics["load"] = {
        "inputFiles": str(len(paths)),
        "inputFileBytes": str(size),
        "outputRows": str(rows),
        "outputBytes": str(_output_bytes(service, target) if rows else 0),
        "badRecords": "0",
    }


def _together(found: Sequence[list[parquet.Column]]) -> list[parquet.Column]:
    """Return the columns of all files; the same name must have the same type in all of them."""
    columns: dict[str, parquet.Column] = {}
    for file in found:
        for column in file:
            known = columns.setdefault(column.field["name"].lower(), column)
            if known.field["type"] != column.field["type"]:
                raise invalid(
                    f"Error while reading data, error message: Schema mismatch: field {column.field['name']} is "
                    f"{known.field['type']} in one file and {column.field['type']} in another."
                )
    return list(columns.values())


def _fields(service: Service, target: TableName, given: Json, columns: Sequence[parquet.Column]) -> list[Json]:
    """Return the columns to write: as the job's schema declares them, else as the table has them, else as inferred."""
    declared = schemas.checked((given.get("schema") or {}).get("fields") or [])
    table = service.catalog.find(target.whole())
    known = {field["name"].lower(): field for field in (table.fields if table else [])}
    by_name = {field["name"].lower(): field for field in declared}
    found = []
    for column in columns:
        name = column.field["name"].lower()
        if declared and name not in by_name:
            continue  # a schema selects columns
        wanted = by_name.get(name) or column.field
        if column.decimal and name in known and name not in by_name and type_of(known[name]) == "BIGNUMERIC":
            wanted = {**wanted, "type": "BIGNUMERIC"}
        if type_of(wanted) != type_of(column.field) and not (column.decimal and type_of(wanted) == "BIGNUMERIC"):
            raise schema_mismatch(
                target,
                f"Field {column.field['name']} has changed type from {type_of(wanted)} to {type_of(column.field)}",
            )
        parameters = {key: known[name][key] for key in ("precision", "scale") if name in known and key in known[name]}
        same = name in known and type_of(known[name]) == type_of(wanted)
        found.append(wanted | parameters if same and "precision" not in wanted else wanted)
    present = {column.field["name"].lower() for column in columns}
    return found + [field for field in declared if field["name"].lower() not in present]


def _output_bytes(service: Service, target: TableName) -> int:
    found = service.sizes.of(service.catalog.table(target.whole()))
    return sum(part.bytes_in(None) for part in found if not target.decorator or part.id == target.decorator)
