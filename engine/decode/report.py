"""What draining a scan found out: counts of lines and rows, the first rejects, and the error that ended it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.decode.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One quarantined line.

    Attributes:
        line: Its number in the file; the header is line 1.
        column: The first bad column; None where the line as a whole is wrong.
        reason: What is wrong, with the value.
        raw: Its text without line end; bytes that are no UTF-8 or NUL as escapes; cut at 64 KiB.

    """

    line: int
    column: str | None
    reason: str
    raw: str


@dataclass(slots=True, kw_only=True)
class Report:
    """A collector that one scan fills while its frame is drained; final once `complete` is true.

    Attributes:
        lines: Data lines, counted by their bytes; blank ones and the header are none.
        rows: Good rows: `lines == rows + quarantined`.
        quarantined: Lines that went to quarantine.
        rounded: Values of good rows that were further from their rounded decimal than the tolerance.
        blank: Blank lines.
        bytes_read: Bytes of the file on disk read so far.
        first_rejects: The first few lines that went to quarantine, in the file's order.
        complete: Whether the file was read to its end; not so where a query needed only a part of it.
        failure: What ended the scan early; None where nothing did.
        pace: Keeps the scan from running far ahead of whoever drains it.
        stop: Ends the scan's reader; None before it began.
        started: Whether the scan began; it cannot begin again.

    """

    lines: int = 0
    rows: int = 0
    quarantined: int = 0
    rounded: int = 0
    blank: int = 0
    bytes_read: int = 0
    first_rejects: list[Reject] = field(default_factory=list)
    complete: bool = False
    failure: Exception | None = None
    stop: Callable[[], None] | None = field(default=None, repr=False)
    pace: Pace = field(default_factory=Pace, repr=False)
    started: bool = field(default=False, repr=False)
