"""One month's rows in one Parquet file on this machine, before anybody sees it: filled, made unique, ended.

What becomes of the file is up to the target: it is renamed into place, uploaded, or loaded by a warehouse.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine.contract import FILENAME, ID, SOURCE_MONTH
from engine.errors import BadInput
from engine.identity import Checksum
from engine.identity.arrays import id_bytes
from engine.load import Outcome
from engine.sinks.parquet.unique import absent, fixed, key_parts, numbered, rows_of
from engine.sinks.parquet.writer import Writer, file_schema
from engine.spill import KeySpill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.load import Load, Rejects


class MonthFile:
    """A data file that is written.

    Args:
        folder: Where; it exists.
        prefix: What the names of its files begin with; the load's id follows.
        load: What it is filled with.
        carried: Columns besides the load's and the contract's: those of rows that it will be appended to.

    """

    def __init__(self, folder: Path, prefix: str, load: Load, carried: Sequence[Column] = ()) -> None:
        self._folder, self._name, self._load = folder, f"{prefix}{load.load_id}", load
        columns = {c.name: c for c in (*load.dataset.contract.columns, *load.columns)}
        columns |= {c.name: c for c in carried if c.name not in columns}
        self.schema = file_schema(tuple(columns.values()))
        self._checksum = Checksum()
        self._files = 0
        self._writer = self._next_writer()

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self._writer.rows

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._writer.path

    @property
    def outcome(self) -> Outcome:
        """What the month is once it is this file."""
        return Outcome(loaded=self.rows, present=0, total=self.rows, id_checksum=self._checksum.hexdigest())

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

    def append_to(self, old: Path) -> Outcome:
        """Become the rows of an earlier data file and those of this load that it lacks."""
        sent, there = self.rows, pq.read_metadata(old).num_rows
        earlier = self._conformed(old)
        self._rewrite(lambda done: chain(earlier, absent(done, old)))
        loaded = self.rows - there
        return Outcome(loaded=loaded, present=sent - loaded, total=self.rows, id_checksum=self._checksum.hexdigest())

    def keep_absent(self, ids: Path) -> Checksum:
        """Become the rows whose ids a file of ids does not have; return the checksum of these."""
        self._rewrite(lambda done: absent(done, ids))
        return self._checksum

    def close(self, metadata: dict[str, str]) -> Path:
        """End the file with these entries in its footer, and read the footer back.

        A file that a failing disk cut short must not replace a month.

        Raises:
            BadInput: It has not as many rows as were written.

        """
        rows = self.rows
        self._writer.close(metadata)
        found = pq.read_metadata(self.path).num_rows
        if found != rows:
            message = f"the file has {found} rows and should have {rows}"
            raise BadInput(message, facts={"file": str(self.path)})
        return self.path

    def write_rejects(self, rejects: Rejects) -> Path | None:
        """Write the quarantined lines into a file of their own; None: there are none."""
        batches = iter(rejects())
        if (head := next(batches, None)) is None:
            return None
        path = self._path("rejects.parquet")
        with pq.ParquetWriter(path, head.schema, compression="zstd") as writer:
            for batch in chain([head], batches):
                writer.write_batch(batch)
        return path

    def discard(self) -> None:
        """Remove everything that was written."""
        self._writer.abort()
        for path in self._folder.glob(f"{self._name}*"):
            path.unlink(missing_ok=True)

    def _path(self, kind: str) -> Path:
        return self._folder / f"{self._name}.{kind}"

    def _next_writer(self) -> Writer:
        self._files += 1
        return Writer(self._path(f"{self._files}.parquet"), self.schema)

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
                for f in self.schema
            ]
            yield pa.table(columns, schema=self.schema)

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

    def _conformed(self, path: Path) -> Iterator[pa.Table]:
        """Yield the rows of a file that an earlier contract may have written."""
        for table in rows_of(path):
            columns = [
                table.column(f.name).cast(f.type) if f.name in table.schema.names else pa.nulls(table.num_rows, f.type)
                for f in self.schema
            ]
            yield pa.table(columns, schema=self.schema)
