"""A month's rows in a file that nobody sees, and the rename that makes it the month."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine import files
from engine.contract import FILENAME, ID, RESERVED, SOURCE_MONTH, carried
from engine.errors import BadInput, TableMismatch
from engine.identity import Checksum
from engine.identity.arrays import id_bytes
from engine.load import Outcome
from engine.receipt import Receipt
from engine.sinks.parquet.unique import absent, fixed, key_parts, numbered, rows_of
from engine.sinks.parquet.writer import Writer, file_schema
from engine.spill import KeySpill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.load import Load, Note, Rejects, Settle
    from engine.month import Month
    from engine.sinks.parquet.layout import Layout

# Entries of a data file's footer.
RECEIPT, REJECTS = "engine.receipt", "engine.rejects"


class ParquetWork:
    """An unpublished data file.

    Args:
        layout: Where things are.
        load: What it is filled with.

    """

    def __init__(self, layout: Layout, load: Load) -> None:
        self._layout = layout
        self._load = load
        layout.work.mkdir(parents=True, exist_ok=True)
        columns = {c.name: c for c in (*load.dataset.contract.columns, *load.columns)}
        if load.mode == "append":  # rows that are there keep what they carry
            columns |= {c.name: c for c in _carried(layout.data(load.month)) if c.name not in columns}
        self._schema = file_schema(tuple(columns.values()))
        self._checksum = Checksum()
        self._files = 0
        self._writer = self._next_writer()

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self._writer.rows

    def fill(self, batches: Iterable[pl.DataFrame]) -> None:
        """Write all batches, then make the ids unique."""
        keys = KeySpill(self._path("keys"))
        try:
            self._writer.add(self._tables(batches, keys))
            self._writer.complete()
            repeated = keys.repeated()  # while the writer's thread writes the last rows
            self._writer.drain()
            self._make_unique(repeated)
        finally:
            keys.close()

    def publish(self, settle: Settle, note: Note, rejects: Rejects) -> Receipt:
        """Rename the file into place and record it; see `engine.sinks.protocol`."""
        outcome = Outcome(loaded=self.rows, present=0, total=self.rows, id_checksum=self._checksum.hexdigest())
        final = self._layout.data(self._load.month)
        if self._load.mode == "append" and final.exists():
            outcome = self._append_to(final)
        receipt = settle(outcome)
        kept = [*kept_rejects(final), self._load.load_id] if self._load.mode == "append" else [self._load.load_id]
        footer = {RECEIPT: receipt.to_json(), REJECTS: ",".join(kept), "engine.identity": receipt.identity}
        self._writer.close(footer)
        self._check(outcome.total)
        self._write_rejects(rejects)
        files.publish(self._writer.path, final)
        # The month is published, whatever happens now. The record comes last: the next run mends what lacks it.
        with suppress(OSError):
            forget_rejects(self._layout, self._load.month)
            note(receipt)
        return receipt

    def discard(self) -> None:
        """Remove everything that belongs to this load and is not published."""
        self._writer.abort()
        for path in self._layout.work.glob(f"{self._layout.prefix(self._load.month)}{self._load.load_id}*"):
            path.unlink(missing_ok=True)

    def _path(self, kind: str) -> Path:
        return self._layout.work / f"{self._layout.prefix(self._load.month)}{self._load.load_id}.{kind}"

    def _next_writer(self) -> Writer:
        self._files += 1
        return Writer(self._path(f"{self._files}.parquet"), self._schema)

    def _tables(self, batches: Iterable[pl.DataFrame], keys: KeySpill) -> Iterator[pa.Table]:
        same = {FILENAME: pa.scalar(self._load.filename), SOURCE_MONTH: pa.scalar(self._load.month.first_day)}
        for frame in batches:
            ids = id_bytes(frame[ID])
            keys.add(ids)
            self._checksum.add(ids)
            table = frame.drop(ID).to_arrow(compat_level=pl.CompatLevel.oldest())
            columns = [
                pa.repeat(same[f.name], table.num_rows)
                if f.name in same
                else fixed(ids)
                if f.name == ID
                else table.column(f.name).cast(f.type)
                if f.name in table.schema.names
                else pa.nulls(table.num_rows, f.type)
                for f in self._schema
            ]
            yield pa.table(columns, schema=self._schema)

    def _make_unique(self, repeated: NDArray[np.uint64]) -> None:
        for part in key_parts(repeated):
            self._rewrite(lambda done, part=part: numbered(done, part))  # type: ignore[misc]  # bound on purpose

    def _rewrite(self, tables: Callable[[Path], Iterator[pa.Table]]) -> None:
        """Write a new file from what `tables` makes of the present one, which is then removed."""
        done = self._writer
        done.close({})
        self._writer, self._checksum = self._next_writer(), Checksum()
        self._writer.add(self._summed(tables(done.path)))
        self._writer.drain()
        done.path.unlink()

    def _summed(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            for chunk in table.column(ID).chunks:
                self._checksum.add(id_bytes(chunk))
            yield table

    def _append_to(self, final: Path) -> Outcome:
        """Write the month's rows and those of this load that it lacks."""
        sent, there = self.rows, footer(final).num_rows
        old = self._conformed(final)
        self._rewrite(lambda done: chain(old, absent(done, final)))
        loaded = self.rows - there
        return Outcome(loaded=loaded, present=sent - loaded, total=self.rows, id_checksum=self._checksum.hexdigest())

    def _conformed(self, path: Path) -> Iterator[pa.Table]:
        """Yield the rows of a file that an earlier contract may have written."""
        for table in rows_of(path):
            columns = [
                table.column(f.name).cast(f.type) if f.name in table.schema.names else pa.nulls(table.num_rows, f.type)
                for f in self._schema
            ]
            yield pa.table(columns, schema=self._schema)

    def _write_rejects(self, rejects: Rejects) -> None:
        batches = iter(rejects())
        if (head := next(batches, None)) is None:
            return
        path = self._path("rejects.parquet")
        with pq.ParquetWriter(path, head.schema, compression="zstd") as writer:
            for batch in chain([head], batches):
                writer.write_batch(batch)
        files.publish(path, self._layout.rejects(self._load.month) / f"{self._load.load_id}.parquet")

    def _check(self, rows: int) -> None:
        """Read the footer back: a file that a failing disk cut short must not replace a month."""
        found = pq.read_metadata(self._writer.path).num_rows
        if found != rows:
            message = f"the file has {found} rows and should have {rows}"
            raise BadInput(message, facts={"file": str(self._writer.path)})


def footer(data: Path) -> Any:  # noqa: ANN401 - pyarrow publishes no types
    """Return the footer of a data file.

    Raises:
        TableMismatch: It is no Parquet file any more.

    """
    try:
        return pq.read_metadata(data)
    except pa.ArrowInvalid as error:
        message = "the month's file cannot be read: something else has changed it"
        raise TableMismatch(
            message,
            facts={"file": str(data), "reason": str(error)},
            state="nothing was changed",
            next_step="restore that file, or remove it and load the month again",
        ) from error


def published(root: Path) -> Iterator[Receipt]:
    """Yield the receipts in the data files of all datasets."""
    for path in sorted(root.glob("[!_]*/month=*/data.parquet")):
        if (text := (footer(path).metadata or {}).get(RECEIPT.encode())) is not None:
            yield Receipt.from_json(text.decode())


def _carried(data: Path) -> list[Column]:
    """Return the text columns of a data file that the engine does not add; a caller knows which are the contract's."""
    if not data.exists():
        return []
    fields = footer(data).schema.to_arrow_schema()
    return [carried(f.name) for f in fields if pa.types.is_string(f.type) and f.name not in RESERVED]


def kept_rejects(data: Path) -> list[str]:
    """Return the load ids whose quarantined lines belong to a data file."""
    text = (footer(data).metadata or {}).get(REJECTS.encode(), b"") if data.exists() else b""
    return [load_id for load_id in text.decode().split(",") if load_id]


def forget_rejects(layout: Layout, month: Month) -> None:
    """Remove the quarantined lines of loads that were replaced, or that never came; only under the month's lock."""
    kept = set(kept_rejects(layout.data(month)))
    for path in layout.rejects(month).glob("*.parquet"):
        if path.stem not in kept:
            path.unlink(missing_ok=True)
