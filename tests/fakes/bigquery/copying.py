"""Copy jobs: whole tables and partitions, where source and destination are alike.

https://cloud.google.com/bigquery/docs/managing-tables#copy-table
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.bigquery import partitions, schemas
from tests.fakes.bigquery.columns import casts
from tests.fakes.bigquery.errors import invalid, schema_mismatch
from tests.fakes.bigquery.filling import Filling, fill
from tests.fakes.bigquery.names import TableName

if TYPE_CHECKING:
    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.jobs import Job
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_TAKEN_OVER = ("timePartitioning", "clustering", "labels", "description", "requirePartitionFilter")


def copy(service: Service, job: Job) -> None:
    """Do what a copy job's configuration says."""
    given: Json = job.resource["configuration"]["copy"]
    references = given.get("sourceTables") or [given["sourceTable"]]
    names = [TableName.from_json(reference, service.project) for reference in references]
    target = TableName.from_json(given["destinationTable"], service.project)
    sources = [service.catalog.table(name.whole(), job.reference["location"]) for name in names]
    destination = service.catalog.find(target.whole())
    for source in sources:
        if source.view:
            raise invalid(f"Cannot copy a view: {source.name.bare()}")
        _compatible(source, destination or sources[0], target)
    rows = " UNION ALL ".join(_rows(name, source) for name, source in zip(names, sources, strict=True))
    copied = fill(
        service,
        Filling(
            target=target,
            rows=rows,
            fields=sources[0].fields,
            write=given.get("writeDisposition") or "WRITE_EMPTY",
            create=given.get("createDisposition") or "CREATE_IF_NEEDED",
            settings={key: sources[0].settings[key] for key in _TAKEN_OVER if key in sources[0].settings},
            location=job.reference["location"],
        ),
    )
    job.statistics["copy"] = {"copiedRows": str(copied)}


def _rows(name: TableName, source: Table) -> str:
    inside = partitions.rows_of(name, source.partitioning)
    return f"SELECT {casts(source.fields)} FROM {name.sql} WHERE {inside}"  # noqa: S608 - quoted


def _compatible(source: Table, destination: Table, target: TableName) -> None:
    """Refuse tables that are not alike."""
    before, after = partitions.described(source.settings), partitions.described(destination.settings)
    if before != after:
        raise invalid(
            f"Cannot copy {source.name.bare()} to {target.bare()}: incompatible partitioning/clustering "
            f"specification. Source is {before}, destination is {after}."
        )
    if not schemas.same(source.fields, destination.fields):
        schemas.evolved(target, destination.fields, source.fields, allowed=())
        raise schema_mismatch(target, "Source and destination have different columns")
