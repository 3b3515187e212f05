"""A folder of Parquet files as a target."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from engine.errors import TargetUnreachable
from engine.ledger.documents import DocumentLedger, indexed
from engine.ledger.folder import FolderDocuments
from engine.sinks.parquet.sink import ParquetSink
from engine.sinks.parquet.work import published
from engine.targets.place import Place, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.contract import Dataset
    from engine.receipt import Receipt


@contextmanager
def opened(place: Place, dataset: Dataset) -> Iterator[Target]:
    """Yield the target for one dataset."""
    with _written():
        root = _root(place)
        sink = ParquetSink(root, dataset)
        yield Target(
            sink=sink, ledger=DocumentLedger(FolderDocuments(root), dataset=dataset.name, embedded=sink.embedded)
        )


def receipts(place: Place, dataset: str | None) -> list[Receipt]:
    """Return what is loaded there, month by month."""
    with _written():
        root = _root(place)
        ledger = DocumentLedger(FolderDocuments(root), dataset=dataset or "", embedded=lambda _: None)
        return indexed(ledger.receipts(dataset), published(root), dataset)


@contextmanager
def _written() -> Iterator[None]:
    """Turn what an operating system says about a folder into the error that says what to do."""
    try:
        yield
    except OSError as error:
        message = "the target folder cannot be read or written"
        raise TargetUnreachable(
            message,
            facts={"reason": str(error)},
            state="the month is as it was, or whole: `engine status` says which",
            next_step="see to its rights and its free space, then run the command again",
        ) from error


def _root(place: Place) -> Path:
    url = place.url or ""
    return Path(unquote(urlsplit(url).path) if url.startswith("file:") else url).absolute()
