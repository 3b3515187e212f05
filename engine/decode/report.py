"""What draining a scan found out: counts of lines and rows, the first rejects, and the error that ended it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.decode.pace import Pace
from engine.errors import EngineError

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
        outside: Values of good rows that the publisher's data dictionary does not know, by column.
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
    outside: dict[str, int] = field(default_factory=dict)
    blank: int = 0
    bytes_read: int = 0
    first_rejects: list[Reject] = field(default_factory=list)
    complete: bool = False
    failure: Exception | None = None
    stop: Callable[[], None] | None = field(default=None, repr=False)
    pace: Pace = field(default_factory=Pace, repr=False)
    started: bool = field(default=False, repr=False)

    def count(self, *, lines: int, rows: int, blank: int, rejected: int, where: str) -> None:
        """Add a part of the file: all its lines must have become something.

        Raises:
            EngineError: They have not; this is a defect of ours.

        """
        if lines != rows + rejected + blank:
            message = f"{lines} lines became {rows} rows, {rejected} rejects and {blank} blank lines"
            raise EngineError(message, facts={"file": where}, next_step="please report this")
        self.lines += lines - blank
        self.rows += rows
        self.blank += blank
        self.quarantined += rejected
