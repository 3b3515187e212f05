"""A folder of Parquet files, one a month, that Polars, DuckDB and pyarrow read as one dataset.

A month is written aside, its footer checked against the counts, flushed to disk and renamed into place: whoever opens
files sees the old month or the new one, whole. The file carries the receipt of its load in its footer; the ledger is an
index of these. The lock of a month is the operating system's and dies with its holder.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import filelock
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine.contract import ID
from engine.errors import Busy, IdentityMismatch, TargetUnreachable
from engine.receipt import Receipt
from engine.sinks.parquet.layout import Layout
from engine.sinks.parquet.unique import file_ids
from engine.sinks.parquet.work import RECEIPT, ParquetWork, footer, forget_rejects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from engine.contract import Column, Dataset
    from engine.load import Load
    from engine.month import Month

_BATCH_ROWS = 1 << 17


class ParquetSink:
    """The files of one dataset under one root.

    Args:
        root: The target's folder.
        dataset: What the files hold.

    """

    def __init__(self, root: Path, dataset: Dataset) -> None:
        self._layout = Layout(root, dataset.name)
        self._dataset = dataset

    @property
    def name(self) -> str:
        """The target for people."""
        return str(self._layout.root)

    @property
    def reads_are_billed(self) -> bool:
        """Reading costs nothing but time."""
        return False

    def prepare(self, extras: tuple[Column, ...] = ()) -> None:
        """Create the folders; files have their own schemas, so there is nothing to extend."""
        del extras
        try:
            for folder in (self._layout.root / self._dataset.name, self._layout.work):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = "the target folder cannot be made"
            raise TargetUnreachable(
                message,
                facts={"target": self.name, "reason": str(error)},
                state="nothing was changed",
                next_step="name a folder in --to that this user may write",
            ) from error

    @contextmanager
    def locked(self, month: Month) -> Iterator[None]:
        """Hold the month's lock file."""
        path = self._layout.lock(month)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(path, blocking=False):
                yield
        except filelock.Timeout as error:
            message = "another engine is loading this month"
            raise Busy(
                message,
                state="this run changed nothing",
                next_step="wait for the other run, then look at `engine status`",
            ) from error

    def clear(self, month: Month) -> None:
        """Remove what dead loads of the month left in the work folder, and rejects of loads that never came."""
        for path in self._layout.work.glob(f"{self._layout.prefix(month)}*"):
            path.unlink(missing_ok=True)
        forget_rejects(self._layout, month)

    def has(self, month: Month) -> bool:
        """Tell whether there is a file for the month."""
        return self._layout.data(month).exists()

    def stored(self, month: Month) -> int | None:
        """Return how many rows the month's file has; None: there is none."""
        path = self._layout.data(month)
        return footer(path).num_rows if path.exists() else None

    def embedded(self, month: Month) -> Receipt | None:
        """Return the receipt in the month's file.

        Raises:
            IdentityMismatch: The file's ids were computed in another way.

        """
        path = self._layout.data(month)
        if not path.exists():
            return None
        text = (footer(path).metadata or {}).get(RECEIPT.encode())
        if text is None:
            return None
        receipt = Receipt.from_json(text.decode())
        label = self._dataset.contract.identity_label
        if receipt.identity != label:
            message = "the ids of the month's file were computed in another way"
            raise IdentityMismatch(
                message,
                facts={"file": str(path), "expected": label, "found": receipt.identity},
                state="nothing was changed",
                next_step=f"restore [identity] in {self._dataset.defined_in}, or load into another folder",
            )
        return receipt

    def ids(self, month: Month) -> Iterator[NDArray[np.uint8]]:
        """Yield the stored ids of the month."""
        path = self._layout.data(month)
        return file_ids(path) if path.exists() else iter(())

    def read(self, month: Month, extras: tuple[Column, ...] = ()) -> Iterator[pl.DataFrame]:
        """Yield the month's rows as stored."""
        path = self._layout.data(month)
        if not path.exists():
            return
        with pq.ParquetFile(path, pre_buffer=False) as file:
            there = set(file.schema_arrow.names)
            names = [c.name for c in (*self._dataset.contract.columns, *extras) if c.name in there]
            for batch in file.iter_batches(_BATCH_ROWS, columns=[*names, ID]):
                frame = pl.from_arrow(pa.Table.from_batches([batch]))
                if isinstance(frame, pl.DataFrame):
                    yield frame.with_columns(pl.col(ID).cast(pl.Binary))

    def write(self, load: Load, batches: Iterable[pl.DataFrame]) -> ParquetWork:
        """Write rows into a file of their own; see `engine.sinks.protocol`."""
        work = ParquetWork(self._layout, load)
        try:
            work.fill(batches)
        except BaseException:
            work.discard()
            raise
        return work
