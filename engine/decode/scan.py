"""The decode step: a file as a lazy frame of checked and typed rows, rejects and counts aside, whatever its format.

For every part of a file, and so for the file, lines = rows + quarantined + blank, or the scan fails.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from engine.decode import csv_scan, dtypes, parquet_scan
from engine.decode.blocks import Stopped
from engine.decode.header import read_header
from engine.decode.layout import ParquetLayout
from engine.decode.magic import is_parquet
from engine.decode.parquet_footer import read_footer
from engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from engine.contract import Dataset
    from engine.decode.layout import CsvLayout
    from engine.decode.quarantine import Quarantine
    from engine.decode.report import Report
    from engine.month import Month

BLOCK_BYTES = 4 << 20


def read_layout(path: Path, dataset: Dataset, month: Month, *, name: str) -> CsvLayout | ParquetLayout:
    """Read what a file's head says of its columns and match it with the contract; the first bytes tell the format.

    Args:
        path: A CSV file, plain or gzip, or a Parquet file.
        dataset: The dataset whose contract counts.
        month: The file's month.
        name: The file's name as its users know it, for messages.

    Raises:
        BadInput: The file is neither, is empty, torn, encrypted or has no rows.
        HeaderMismatch: Its columns do not agree with the contract.

    """
    if is_parquet(path, name):
        return read_footer(path, dataset, month, name=name)
    return read_header(path, dataset, month, name=name)


def scan(
    path: Path,
    layout: CsvLayout | ParquetLayout,
    *,
    strict: bool,
    report: Report,
    quarantine: Quarantine,
    block_bytes: int = BLOCK_BYTES,
) -> pl.LazyFrame:
    """Return the rows of a file as a lazy frame with the layout's columns; it can be drained once.

    Args:
        path: The file.
        layout: What `read_layout` said of it.
        strict: Whether a decimal that had to be rounded, or a value that the data dictionary does not know, sends its
            row to quarantine.
        report: Filled while the frame is drained.
        quarantine: Takes the bad rows.
        block_bytes: How much CSV is decoded at once; the result does not depend on it.

    Raises:
        TornInput: While drained: the file ends inside a row, or its compression ends early. See `batches`.
        BadInput: While drained: a Parquet file is damaged.

    """
    schema = {c.name: dtypes.dtype(c.type) for c in layout.columns}

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch_size
        left = n_rows
        for frame in _frames(path, layout, strict=strict, report=report, quarantine=quarantine, size=block_bytes):
            part = frame if left is None else frame.head(left)
            left = None if left is None else left - part.height
            part = part if predicate is None else part.filter(predicate)
            yield part if with_columns is None else part.select(with_columns)
            if left == 0:
                return

    return register_io_source(source, schema=schema, explain_name=f"engine-{layout.form}")


def batches(frame: pl.LazyFrame, report: Report, *, rows: int | None = None) -> Generator[pl.DataFrame]:
    """Drain a frame that comes from `scan`, in no particular order; the one place that uses Polars' unstable call.

    Args:
        frame: The scan, or any streaming query over it.
        report: The scan's report.
        rows: Rows of a batch, about; None: as they come.

    Raises:
        EngineError: What the scan raised, as it was.

    """
    report.pace.bound()
    with draining(report):
        for batch in frame.collect_batches(chunk_size=rows, maintain_order=False, lazy=True):
            yield batch
            report.pace.taken(batch.height)


@contextmanager
def draining(report: Report) -> Iterator[None]:
    """Raise a scan's own error instead of the one that Polars makes of it, and end its reader in any case."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        if report.failure is not None:
            raise report.failure from error
        raise
    finally:
        report.pace.free()
        if report.stop is not None:
            report.stop()
    if report.failure is not None:  # Polars may end a query without a word
        raise report.failure


def _frames(
    path: Path, layout: CsvLayout | ParquetLayout, *, strict: bool, report: Report, quarantine: Quarantine, size: int
) -> Iterator[pl.DataFrame]:
    if report.started:
        message = "a scan can be drained once"
        raise EngineError(message, next_step="scan the file again, with a new report and quarantine")
    report.started = True
    frames = (
        parquet_scan.frames(path, layout, strict=strict, report=report, quarantine=quarantine)
        if isinstance(layout, ParquetLayout)
        else csv_scan.frames(path, layout, strict=strict, report=report, quarantine=quarantine, size=size)
    )
    try:
        for frame in frames:
            if frame.height:
                report.pace.made(frame.height)
                yield frame
        report.complete = True
    except Stopped:  # nobody listens any more; whoever still does must not take this for the end of the file
        raise
    except Exception as error:
        report.failure = error
        raise
