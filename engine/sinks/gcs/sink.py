"""Objects of Parquet in a bucket, one a month, laid out as a folder is.

A month is written on this machine, checked, and uploaded under its final name on the condition that the object is still
the one that was there when the month was begun: a generation, which the service compares when the upload ends. Whoever
reads sees the old object or the new one, whole; of two engines that load one month, one wins. The object carries the
receipt of its load in its footer; the ledger is an index of these.

What must be read back (to verify, to append, to adopt) is copied to this machine first, one generation of it.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core import exceptions as api

from engine.contract import ID
from engine.errors import Busy, IdentityMismatch, TableMismatch
from engine.google.record import ObjectRecord
from engine.lease import leased
from engine.receipt import Receipt
from engine.sinks.gcs.layout import Layout
from engine.sinks.gcs.work import BucketWork
from engine.sinks.parquet.unique import file_ids
from engine.sinks.parquet.work import RECEIPT, REJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from engine.contract import Column, Dataset
    from engine.google.bucket import Bucket, Stored
    from engine.lease import Lease
    from engine.load import Load
    from engine.month import Month

T = TypeVar("T")

_BATCH_ROWS = 1 << 17
# So often an object that is replaced while it is read is read anew.
_VERSIONS = 3
_DATA = re.compile(r"[^_/][^/]*/month=[^/]*/data\.parquet")


class BucketSink:
    """The objects of one dataset under one prefix.

    Args:
        bucket: Where they are.
        prefix: Empty, or ends with a slash.
        dataset: What they hold.
        scratch: A folder for files that are on their way.
        lease_seconds: A holder of a month that is silent for so long is dead.

    """

    def __init__(self, bucket: Bucket, prefix: str, dataset: Dataset, scratch: Path, lease_seconds: float) -> None:
        self._bucket = bucket
        self._layout = Layout(prefix=prefix, dataset=dataset.name)
        self._dataset = dataset
        self._scratch = scratch
        self._lease_seconds = lease_seconds
        self._lease: Lease | None = None
        self._begun_on: Stored | None = None
        self._footers: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """The target for people."""
        return f"gs://{self._bucket.name}/{self._layout.prefix}".rstrip("/")

    @property
    def reads_are_billed(self) -> bool:
        """Reading an object is not billed by its columns; the whole of it is one copy."""
        return False

    def prepare(self, extras: tuple[Column, ...] = ()) -> None:
        """Do nothing: objects have their own schemas, and prefixes come with them."""

    @contextmanager
    def locked(self, month: Month) -> Iterator[None]:
        """Hold the month's lease; what is published under it replaces what is there now, and nothing else."""
        with leased(ObjectRecord(self._bucket, self._layout.lock(month)), self._lease_seconds) as self._lease:
            self._begun_on = self._found(month)
            yield

    def clear(self, month: Month) -> None:
        """Remove rejects of loads that were replaced, or that never came; an upload that broke off left nothing."""
        kept = self._pinned(month, self._kept_rejects) or set()
        for stored in self._bucket.under(self._layout.rejects(month)):
            if stored.name.rpartition("/")[2].removesuffix(".parquet") not in kept:
                self._bucket.remove(stored.name)

    def has(self, month: Month) -> bool:
        """Tell whether there is an object for the month."""
        return self._found(month) is not None

    def stored(self, month: Month) -> int | None:
        """Return how many rows the month's object has; None: there is none."""
        return self._pinned(month, lambda found: int(self._footer(found).num_rows))

    def embedded(self, month: Month) -> Receipt | None:
        """Return the receipt in the month's object.

        Raises:
            IdentityMismatch: Its ids were computed in another way.

        """
        text = self._pinned(month, lambda found: (self._footer(found).metadata or {}).get(RECEIPT.encode()))
        if text is None:
            return None
        receipt = Receipt.from_json(text.decode())
        label = self._dataset.contract.identity_label
        if receipt.identity != label:
            message = "the ids of the month's object were computed in another way"
            raise IdentityMismatch(
                message,
                facts={
                    "object": f"gs://{self._bucket.name}/{self._layout.data(month)}",
                    "expected": label,
                    "found": receipt.identity,
                },
                state="nothing was changed",
                next_step=f"restore [identity] in {self._dataset.defined_in}, or load under another prefix",
            )
        return receipt

    def ids(self, month: Month) -> Iterator[NDArray[np.uint8]]:
        """Yield the stored ids of the month."""
        copy = self._pinned(month, self._copy)
        return file_ids(copy) if copy else iter(())

    def read(self, month: Month, extras: tuple[Column, ...] = ()) -> Iterator[pl.DataFrame]:
        """Yield the month's rows as stored."""
        if (copy := self._pinned(month, self._copy)) is None:
            return
        with pq.ParquetFile(copy, pre_buffer=False) as file:
            there = set(file.schema_arrow.names)
            names = [c.name for c in (*self._dataset.contract.columns, *extras) if c.name in there]
            for batch in file.iter_batches(_BATCH_ROWS, columns=[*names, ID]):
                frame = pl.from_arrow(pa.Table.from_batches([batch]))
                if isinstance(frame, pl.DataFrame):
                    yield frame.with_columns(pl.col(ID).cast(pl.Binary))

    def write(self, load: Load, batches: Iterable[pl.DataFrame]) -> BucketWork:
        """Write rows into a file on this machine; see `engine.sinks.protocol`."""
        if self._lease is None:
            message = "a month is written under its lock"
            raise RuntimeError(message)
        old = self._begun_on if load.mode == "append" else None
        rejected = self._kept_rejects(self._begun_on)
        work = BucketWork(
            bucket=self._bucket,
            layout=self._layout,
            load=load,
            lease=self._lease,
            scratch=self._scratch,
            begun_on=self._begun_on,
            old=self._copy(old) if old else None,
            kept=sorted(rejected) if old else [],
            replaced=[] if old else sorted(rejected),
        )
        try:
            work.fill(batches)
        except BaseException:
            work.discard()
            raise
        return work

    def _pinned(self, month: Month, use: Callable[[Stored], T]) -> T | None:
        """Return what is made of the month's object, or None; one that is replaced meanwhile is looked up anew."""
        for _ in range(_VERSIONS):
            if (found := self._found(month)) is None:
                return None
            try:
                return use(found)
            except api.NotFound:
                continue
        message = "the month's object is replaced again and again while it is read"
        raise Busy(message, state="nothing was changed", next_step="run the same command again")

    def _found(self, month: Month) -> Stored | None:
        return self._bucket.find(self._layout.data(month))

    def _copy(self, stored: Stored) -> Path:
        """Return a copy of an object on this machine."""
        path = self._scratch / f"{stored.generation}.parquet"
        if not path.exists():
            work = path.with_suffix(".part")
            self._bucket.download(stored, work)
            work.replace(path)
        return path

    def _footer(self, stored: Stored) -> Any:  # noqa: ANN401 - pyarrow publishes no types
        if stored.generation not in self._footers:
            self._footers[stored.generation] = object_footer(self._bucket, stored)
        return self._footers[stored.generation]

    def _kept_rejects(self, stored: Stored | None) -> set[str]:
        """Return the load ids whose quarantined lines belong to an object."""
        text = (self._footer(stored).metadata or {}).get(REJECTS.encode(), b"") if stored else b""
        return {load_id for load_id in text.decode().split(",") if load_id}


def published(bucket: Bucket, prefix: str) -> Iterator[Receipt]:
    """Yield the receipts in the data objects of all datasets under a prefix."""
    for stored in bucket.under(prefix):
        if _DATA.fullmatch(stored.name.removeprefix(prefix)) is None:
            continue
        if (text := _receipt(bucket, stored)) is not None:
            yield Receipt.from_json(text.decode())


def _receipt(bucket: Bucket, stored: Stored) -> bytes | None:
    """Return the receipt in an object as it is now; None: it has none, or is gone."""
    now: Stored | None = stored
    for _ in range(_VERSIONS):
        if now is None:
            return None
        try:
            text: bytes | None = (object_footer(bucket, now).metadata or {}).get(RECEIPT.encode())
        except api.NotFound:
            now = bucket.find(stored.name)
        else:
            return text
    return None


def object_footer(bucket: Bucket, stored: Stored) -> Any:  # noqa: ANN401 - pyarrow publishes no types
    """Return the footer of a data object.

    Raises:
        TableMismatch: It is no Parquet file any more.

    """
    try:
        with bucket.opened(stored) as file:
            return pq.read_metadata(file)
    except pa.ArrowInvalid as error:
        message = "the month's object cannot be read: something else has changed it"
        raise TableMismatch(
            message,
            facts={"object": f"gs://{bucket.name}/{stored.name}", "reason": str(error)},
            state="nothing was changed",
            next_step="restore that object, or remove it and load the month again",
        ) from error
