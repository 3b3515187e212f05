"""A month's rows in a file that nobody sees, and the rename that makes it the month."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine import files
from engine.contract import RESERVED, carried
from engine.errors import TableMismatch
from engine.receipt import Receipt
from engine.sinks.parquet.month_file import MonthFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import polars as pl

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
        # Rows that are there keep what they carry.
        kept = carried_columns(layout.data(load.month)) if load.mode == "append" else []
        self._file = MonthFile(layout.work, layout.prefix(load.month), load, kept)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self._file.rows

    def fill(self, batches: Iterable[pl.DataFrame]) -> None:
        """Write all batches, then make the ids unique."""
        self._file.fill(batches)

    def publish(self, settle: Settle, note: Note, rejects: Rejects) -> Receipt:
        """Rename the file into place and record it; see `engine.sinks.protocol`."""
        final = self._layout.data(self._load.month)
        old = final if self._load.mode == "append" and final.exists() else None
        if old is not None:
            footer(old)  # says which file it is, where it cannot be read
        receipt = settle(self._file.append_to(old) if old else self._file.outcome)
        path = self._file.close(footer_entries(receipt, kept_rejects(final) if self._load.mode == "append" else []))
        if (lines := self._file.write_rejects(rejects)) is not None:
            files.publish(lines, self._layout.rejects(self._load.month) / f"{self._load.load_id}.parquet")
        files.publish(path, final)
        # The month is published, whatever happens now. The record comes last: the next run mends what lacks it.
        with suppress(OSError):
            forget_rejects(self._layout, self._load.month)
            note(receipt)
        return receipt

    def discard(self) -> None:
        """Remove everything that belongs to this load and is not published."""
        self._file.discard()


def footer_entries(receipt: Receipt, kept: list[str]) -> dict[str, str]:
    """Return what a data file says of itself; `kept` are earlier loads whose quarantined lines stay."""
    return {
        RECEIPT: receipt.to_json(),
        REJECTS: ",".join([*kept, receipt.load_id]),
        "engine.identity": receipt.identity,
    }


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


def carried_columns(data: Path) -> list[Column]:
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
