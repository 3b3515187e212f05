"""A dataset of BigQuery as a target."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from engine import files
from engine.errors import UsageError
from engine.google.bucket import Bucket
from engine.google.failures import answering
from engine.google.warehouse import Warehouse
from engine.ledger.bigquery import BigQueryLedger
from engine.sinks.bigquery.loading import Staging
from engine.sinks.bigquery.sink import BigQuerySink
from engine.sinks.bigquery.tables import MainTable
from engine.targets.bucket import parts
from engine.targets.place import Place, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.contract import Dataset
    from engine.receipt import Receipt
    from engine.settings import Settings

# A project's id, with a domain where it is an old one, and a dataset's name: cloud.google.com/bigquery/docs/datasets.
_URL = re.compile(r"bigquery://((?:[a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{0,62})/([A-Za-z0-9_]{1,1024})/?")
_TABLE = re.compile(r"[A-Za-z0-9_-]{1,200}")


@contextmanager
def opened(place: Place, dataset: Dataset, settings: Settings) -> Iterator[Target]:
    """Yield the target for one dataset."""
    with ExitStack() as stack:
        project, name = names(place.url or "")
        table = place.table or dataset.table
        if _TABLE.fullmatch(table) is None:
            message = f"{table!r} cannot be a table of BigQuery"
            raise UsageError(message, facts={"expected": "1 to 200 letters, digits, dashes and underscores"})
        stack.enter_context(answering(place.url or ""))
        warehouse = stack.enter_context(closing(Warehouse(project, name, settings.cloud, place.max_bytes_billed)))
        staging = None
        if place.staging:
            bucket, prefix = parts(place.staging)
            staging = Staging(
                bucket=stack.enter_context(closing(Bucket(bucket, settings.cloud))),
                prefix=prefix,
                dataset=f"{project}.{name}",
            )
        scratch = stack.enter_context(files.own_scratch(settings.cache / "uploads"))
        ledger = BigQueryLedger(warehouse, table=table, landed=lambda receipt: sink.landed(receipt))  # noqa: PLW0108 - the sink comes next
        sink = BigQuerySink(
            MainTable(warehouse=warehouse, name=table, dataset=dataset),
            scratch,
            ledger,
            staging=staging,
            streamed=place.method == "write_api",
            lease_seconds=place.lease_seconds,
        )
        yield Target(sink=sink, ledger=ledger)


def receipts(place: Place, settings: Settings, dataset: str | None) -> list[Receipt]:
    """Return what is loaded there, in one table or in all, month by month."""
    project, name = names(place.url or "")
    with answering(place.url or ""), closing(Warehouse(project, name, settings.cloud)) as warehouse:
        return BigQueryLedger(warehouse, table=place.table or "", landed=lambda _: False).receipts(dataset)


def names(url: str) -> tuple[str, str]:
    """Return the project and the dataset of `bigquery://PROJECT/DATASET`.

    Raises:
        UsageError: It is no such URL.

    """
    if (match := _URL.fullmatch(url)) is None:
        message = f"{url} names no dataset of BigQuery"
        raise UsageError(message, facts={"expected": "bigquery://PROJECT/DATASET"})
    return match[1], match[2]
