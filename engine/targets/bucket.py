"""A prefix of a bucket as a target."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from engine import files
from engine.errors import UsageError
from engine.google.bucket import Bucket
from engine.google.failures import answering
from engine.ledger.bucket import BucketDocuments
from engine.ledger.documents import DocumentLedger, indexed
from engine.sinks.gcs.sink import BucketSink, published
from engine.targets.place import Place, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.contract import Dataset
    from engine.receipt import Receipt
    from engine.settings import Settings

# What a bucket's name may be: cloud.google.com/storage/docs/buckets, "Bucket names".
_URL = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*))?")


@contextmanager
def opened(place: Place, dataset: Dataset, settings: Settings) -> Iterator[Target]:
    """Yield the target for one dataset."""
    with ExitStack() as stack:
        name, prefix = parts(place.url or "")
        stack.enter_context(answering(place.url or ""))
        bucket = stack.enter_context(closing(Bucket(name, settings.cloud)))
        scratch = stack.enter_context(files.own_scratch(settings.cache / "uploads"))
        sink = BucketSink(bucket, prefix, dataset, scratch, place.lease_seconds)
        documents = BucketDocuments(bucket, prefix)
        yield Target(sink=sink, ledger=DocumentLedger(documents, dataset=dataset.name, embedded=sink.embedded))


def receipts(place: Place, settings: Settings, dataset: str | None) -> list[Receipt]:
    """Return what is loaded there, month by month."""
    name, prefix = parts(place.url or "")
    with answering(place.url or ""), closing(Bucket(name, settings.cloud)) as bucket:
        ledger = DocumentLedger(BucketDocuments(bucket, prefix), dataset=dataset or "", embedded=lambda _: None)
        return indexed(ledger.receipts(dataset), published(bucket, prefix), dataset)


def parts(url: str) -> tuple[str, str]:
    """Return the bucket and the prefix, which is empty or ends with a slash, of `gs://BUCKET/PREFIX`.

    Raises:
        UsageError: It is no such URL.

    """
    if (match := _URL.fullmatch(url)) is None:
        message = f"{url} names no bucket"
        raise UsageError(message, facts={"expected": "gs://BUCKET or gs://BUCKET/PREFIX"})
    prefix = unquote(match[2] or "").strip("/")
    return match[1], f"{prefix}/" if prefix else ""
