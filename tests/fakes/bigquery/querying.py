"""Query jobs: what a statement would cost, whether it may run, and running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.bigquery import bytes_processed, ddl, dml, queries, scans, sql
from tests.fakes.bigquery.errors import ApiError, invalid_query, not_covered
from tests.fakes.bigquery.filling import Filling, fill
from tests.fakes.bigquery.names import RESULTS, TableName
from tests.fakes.bigquery.parameters import Parameters

if TYPE_CHECKING:
    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.jobs import Job
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service
    from tests.fakes.bigquery.sql import Statement

_DDL = ("CREATE", "DROP")
_SETTINGS = ("timePartitioning", "clustering")


def location_of(service: Service, given: Json) -> str:
    """Return where a query runs that does not say so: where the first table lies that it names, else US."""
    default = (given.get("defaultDataset") or {}).get("datasetId", "")
    try:
        names = sql.Reader(catalog=service.catalog, dataset=default).tables(given["query"])
    except ApiError:
        names = []
    known = [service.catalog.datasets[name.dataset] for name in names if name.dataset in service.catalog.datasets]
    return known[0].location if known else "US"


def run(service: Service, job: Job, *, dry: bool) -> None:
    """Do what a query job's configuration says, or only say what it would cost."""
    given: Json = job.resource["configuration"]["query"]
    if given.get("useLegacySql"):
        raise not_covered(what="legacy SQL")
    reader = sql.Reader(
        catalog=service.catalog,
        location=job.reference["location"],
        dataset=(given.get("defaultDataset") or {}).get("datasetId", ""),
    )
    statement = reader.read(given["query"], Parameters.from_json(given.get("queryParameters")))
    _permitted(service, statement)
    table = _target(service, statement)
    if table is not None:
        dml.completed(statement, table)
    found = scans.scans(statement, service.catalog)
    bytes_processed.require_filters(found)
    cost = bytes_processed.cost(service, found)
    _say(job, statement, cost, found)
    limit = int(given.get("maximumBytesBilled") or 0)
    if limit and cost.billed > limit:
        raise ApiError(
            400,
            f"Query exceeded limit for bytes billed: {limit}. {cost.billed} or higher required.",
            "bytesBilledLimitExceeded",
        )
    if statement.kind not in _DDL:
        queries.check(service, statement.tree)
    if statement.kind == "SELECT":
        _select(service, job, statement, given, dry=dry)
    elif not dry and table is not None:
        dml.run(service, statement, table, job.statistics["query"])
    elif not dry:
        done = ddl.run(service, statement, given["query"], job.reference["location"])
        job.statistics["query"]["ddlOperationPerformed"] = done


def _permitted(service: Service, statement: Statement) -> None:
    if statement.target is not None and statement.kind not in _DDL:
        service.permissions.of_table("bigquery.tables.updateData", statement.target)
    for source in statement.sources:
        service.permissions.of_table("bigquery.tables.getData", source)


def _target(service: Service, statement: Statement) -> Table | None:
    """Return the table whose rows a statement changes; None: it changes none."""
    if statement.target is None or statement.kind in _DDL:
        return None
    return service.catalog.table(statement.target)


def _say(job: Job, statement: Statement, cost: bytes_processed.Cost, found: list[scans.Scan]) -> None:
    kind = statement.kind
    if kind in _DDL:
        made = f"{kind}_{str(statement.tree.args.get('kind') or '').upper()}"
        kind = f"{made}_AS_SELECT" if made == "CREATE_TABLE" and statement.tree.args.get("expression") else made
    details = {
        "statementType": kind,
        "totalBytesProcessed": str(cost.processed),
        "totalBytesProcessedAccuracy": "PRECISE",
        "totalBytesBilled": str(cost.billed),
        "cacheHit": False,
        "referencedTables": [name.to_json() for name in scans.names(found)],
    }
    if statement.target is not None:
        details["ddlTargetTable" if statement.kind in _DDL else "dmlTargetTable"] = statement.target.to_json()
    job.statistics["totalBytesProcessed"] = str(cost.processed)
    job.statistics["query"] = details


def _select(service: Service, job: Job, statement: Statement, given: Json, *, dry: bool) -> None:
    fields = queries.fields_of(service, statement.tree)
    job.statistics["query"]["schema"] = {"fields": fields}
    if dry:
        return
    rows = queries.typed(statement.tree, fields)
    asked = given.get("destinationTable")
    if asked and asked["datasetId"] != RESULTS:
        _into(service, TableName.from_json(asked, service.project), rows, fields, job)
        return
    result = queries.keep(service, rows, fields, job.reference["location"])
    given["destinationTable"] = result.name.to_json()
    job.result = result


def _into(service: Service, target: TableName, rows: str, fields: list[Json], job: Job) -> None:
    given: Json = job.resource["configuration"]["query"]
    if (given.get("createDisposition") or "") not in {"", "CREATE_IF_NEEDED", "CREATE_NEVER"}:
        raise invalid_query(f"Invalid createDisposition {given['createDisposition']}")
    fill(
        service,
        Filling(
            target=target,
            rows=rows,
            fields=fields,
            write=given.get("writeDisposition") or "WRITE_EMPTY",
            create=given.get("createDisposition") or "CREATE_IF_NEEDED",
            settings={key: given[key] for key in _SETTINGS if given.get(key)},
            options=tuple(given.get("schemaUpdateOptions") or ()),
            location=job.reference["location"],
        ),
    )
    job.result = service.catalog.table(target.whole())
