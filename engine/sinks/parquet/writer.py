"""One Parquet file, written in row groups by a thread of its own.

Choices, measured on a yellow month (docs/decisions): zstd level 1; row groups of 131,072 rows, so that a group's pages
stay in memory while several readers can work side by side; dictionaries for everything but ids and times, which hardly
repeat; times as differences (Parquet format, "DELTA_BINARY_PACKED"), which is a sixth less work, and smaller; decimals
as integers (Parquet format, "DECIMAL": INT32 and INT64 are allowed and half as large); ids are fixed 16 bytes, neither
compressed nor in a dictionary, because MD5 values do not compress; statistics for all other columns.
"""

from __future__ import annotations

import queue
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from engine.contract import FILENAME, ID, SOURCE_MONTH
from engine.files import EarlyFlush

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from engine.contract import Column
    from engine.logical import Logical

ROW_GROUP = 1 << 17
_WAITING = 1
_PATIENCE_SECONDS = 0.1

_TYPES = {
    "float": pa.float64(),
    "datetime": pa.timestamp("us"),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "text": pa.string(),
}


def arrow_type(logical: Logical) -> pa.DataType:
    """Return the Arrow type of a column's values in files."""
    match logical.kind:
        case "int":
            return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[logical.bits]
        case "decimal":
            return pa.decimal128(logical.precision, logical.scale)
        case kind:
            return _TYPES[kind]


def file_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return a data file's schema: the columns, then what the engine adds."""
    return pa.schema(
        [
            *(pa.field(c.name, arrow_type(c.type), c.nullable) for c in columns),
            pa.field(ID, pa.binary(16), nullable=False),
            pa.field(FILENAME, pa.string(), nullable=False),
            pa.field(SOURCE_MONTH, pa.date32(), nullable=False),
        ]
    )


class Writer:
    """A Parquet file being written; `close` ends it, `abort` removes it.

    Args:
        path: The file; its folder exists.
        schema: Schema of the batches.

    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        compressed = [name for name in schema.names if name != ID]
        times = [field.name for field in schema if pa.types.is_timestamp(field.type)]
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression={name: "NONE" if name == ID else "ZSTD" for name in schema.names},
            compression_level=dict.fromkeys(compressed, 1),
            use_dictionary=[name for name in compressed if name not in times],
            column_encoding=dict.fromkeys(times, "DELTA_BINARY_PACKED"),
            write_statistics=compressed,
            store_decimal_as_integer=True,
        )
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._complete = False
        self._queue: queue.Queue[pa.Table | None] = queue.Queue(_WAITING)
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._work, name="parquet-writer")
        self._thread.start()

    def add(self, tables: Iterable[pa.Table]) -> None:
        """Write tables of the file's schema."""
        for table in tables:
            self._pending.append(table)
            self._pending_rows += table.num_rows
            self.rows += table.num_rows
            while self._pending_rows >= ROW_GROUP:
                self._send(ROW_GROUP)

    def complete(self) -> None:
        """Hand the last rows to the thread that writes; nothing can be added any more."""
        if self._complete:
            return
        self._complete = True
        if self._pending_rows:
            self._send(self._pending_rows)
        self._put(None)

    def drain(self) -> None:
        """Wait until everything that was added is written; the file stays open for its metadata."""
        self.complete()
        self._thread.join()
        self._check()

    def close(self, metadata: dict[str, str]) -> None:
        """End the file with these entries in its footer."""
        self.drain()
        self._writer.add_key_value_metadata(metadata)
        self._writer.close()

    def abort(self) -> None:
        """Stop and remove the file, whatever state it is in."""
        if self._thread.is_alive():
            self._errors.append(InterruptedError("aborted"))
            self._thread.join()
        self._writer.close()
        self.path.unlink(missing_ok=True)

    def _send(self, rows: int) -> None:
        table = pa.concat_tables(self._pending)
        self._pending, self._pending_rows = [table.slice(rows)], table.num_rows - rows
        self._put(table.slice(0, rows))

    def _put(self, table: pa.Table | None) -> None:
        while True:
            self._check()
            try:
                self._queue.put(table, timeout=_PATIENCE_SECONDS)
            except queue.Full:
                continue
            return

    def _check(self) -> None:
        if self._errors:
            raise self._errors[0]

    def _work(self) -> None:
        try:
            with closing(EarlyFlush(self.path)) as early:
                for table in self._handed_over():
                    self._writer.write_table(table, row_group_size=ROW_GROUP)
                    early.begin()
        except (OSError, pa.ArrowException) as error:
            self._errors.append(error)

    def _handed_over(self) -> Iterator[pa.Table]:
        while not self._errors:
            try:
                table = self._queue.get(timeout=_PATIENCE_SECONDS)
            except queue.Empty:
                continue
            if table is None:
                return
            yield table
