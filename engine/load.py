"""One load: what the flow tells a sink, and what the sink tells back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from engine.receipt import Receipt
from engine.watch import Nobody, Watch

if TYPE_CHECKING:
    from engine.contract import Column, Dataset
    from engine.month import Month

# replace: the month becomes what the file says. append: rows of the file that are not there yet are added.
Mode = Literal["replace", "append"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One attempt to bring one file into one partition.

    Attributes:
        load_id: UUIDv7 of the attempt; names everything it leaves behind before it is published.
        dataset: What the file is a month of.
        month: Which month.
        filename: The value of `filename` in its rows.
        columns: Columns that the file has, in canonical order; those of the contract that are missing are null.
        mode: What happens to rows that the partition already has.
        watch: Told how far a sink is that uploads.

    """

    load_id: str
    dataset: Dataset
    month: Month
    filename: str
    columns: tuple[Column, ...]
    mode: Mode
    watch: Watch = field(default_factory=Nobody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a sink did, known when nothing but the record of it is missing.

    Attributes:
        loaded: Rows added by this load.
        present: Rows of the file that the partition already had (append only).
        total: Rows the partition has afterwards.
        id_checksum: Checksum over all ids that the partition has afterwards.

    """

    loaded: int
    present: int
    total: int
    id_checksum: str


# Turns the outcome into the receipt; raises where the counts do not add up, so that nothing is published.
Settle = Callable[[Outcome], Receipt]
# Opens the quarantined lines: `line` int64, `column` string or null, `reason` string, `raw` string.
Rejects = Callable[[], Iterable[pa.RecordBatch]]
# Writes the receipt into the ledger; where the target has transactions, in the one that publishes.
Note = Callable[[Receipt], None]
