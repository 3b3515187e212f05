"""Rejected lines on disk, so that any number of them takes little memory; nothing is created where there are none.

An Arrow IPC stream, LZ4-compressed: a run that dies leaves a file that is only ever overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from engine.decode.report import FIRST, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = pa.schema(
    [
        pa.field("line", pa.int64(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
    ]
)
FRAME_SCHEMA = pl.Schema({"line": pl.Int64, "column": pl.String, "reason": pl.String, "raw": pl.String})
# Rejects come in small groups: they are written together once they are this many bytes, about.
_BUFFER_BYTES = 4 << 20


class Quarantine:
    """The rejects of one file, in the file's order.

    Args:
        path: Where to spool them; its folder exists. An older file there is replaced at the first reject.

    Attributes:
        count: Rejects so far.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._held: list[pl.DataFrame] = []
        self._held_bytes = 0
        self._file: pa.NativeFile | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None

    def add(self, rejects: pl.DataFrame) -> None:
        """Take rejects: a frame with `FRAME_SCHEMA`."""
        if rejects.height:
            self.count += rejects.height
            self._held.append(rejects)
            self._held_bytes += int(rejects.estimated_size())
            if self._held_bytes >= _BUFFER_BYTES:
                self._write()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rejects with `SCHEMA`, in batches of a few MB; nothing can be added any more."""
        self.close()
        if self.count:
            with pa.OSFile(str(self.path), "rb") as file, pa.ipc.open_stream(file) as batches:
                yield from batches

    def close(self) -> None:
        """Write what is held and close the file; the rejects can still be read."""
        if self._held:
            self._write()
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
            self._writer = self._file = None

    def _write(self) -> None:
        if self._writer is None:
            self._file = pa.OSFile(str(self.path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_stream(self._file, SCHEMA, options=options)
        for batch in pl.concat(self._held).to_arrow().cast(SCHEMA).to_batches():
            self._writer.write_batch(batch)
        self._held, self._held_bytes = [], 0


def first(rejects: pl.DataFrame, known: int) -> Iterator[Reject]:
    """Yield rejects as values, as many as are still missing from the first few."""
    for row in rejects.head(max(0, FIRST - known)).iter_rows(named=True):
        yield Reject(**row)
