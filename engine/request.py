"""What a user asks of one month, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.contract import Dataset, Form
    from engine.errors import EngineError
    from engine.load import Mode
    from engine.month import Month
    from engine.receipt import Receipt
    from engine.targets import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a user asks for.

    Attributes:
        dataset: What to load.
        month: Which month of it.
        to: The target.
        location: Where to take it from; None: where the dataset says.
        form: Format to take where a place has both; None: as the dataset prefers.
        mode: What happens to rows that are there.
        force: Load although the bytes are the loaded ones.
        allow_shrink: Replace a month by one with less than 90 % of its rows.
        max_rejects: Fraction of lines that may be bad; None: what the dataset allows.
        strict: Quarantine values that are legal only after rounding, or that the data dictionary does not know.
        keep_source: `gs://BUCKET/PREFIX` that the published file is kept under too; None: it is not.
        dry_run: Say what would be done and change nothing.

    """

    dataset: Dataset
    month: Month
    to: Place
    location: str | None = None
    form: Form | None = None
    mode: Mode = "replace"
    force: bool = False
    allow_shrink: bool = False
    max_rejects: float | None = None
    strict: bool = False
    keep_source: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How it went: the receipt, and the error that ended it, if one did."""

    receipt: Receipt
    error: EngineError | None = None
