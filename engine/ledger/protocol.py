"""What every ledger offers, wherever it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.month import Month
    from engine.receipt import Receipt


class Ledger(Protocol):
    """What has been loaded, kept in the target itself.

    A receipt is put under its load id: first as `loading` (the intent), then as what became of it. Of one month's
    receipts at most one is `loaded`.
    """

    def prepare(self) -> None:
        """Create what is missing; refuse a ledger that a newer engine wrote (TableMismatch)."""

    def current(self, month: Month) -> Receipt | None:
        """Return the receipt of what is loaded, or None; also where there is no ledger yet."""

    def put(self, receipt: Receipt) -> None:
        """Write the receipt under its load id; a `loaded` one supersedes the month's earlier ones."""

    def fail(self, receipt: Receipt) -> None:
        """Write the receipt of a load that failed, in whatever state an error or an interrupt left the target."""

    def abandon(self, month: Month, error: str) -> None:
        """Mark the month's loads that are `loading` as `failed`; only for whoever holds the month's lock."""

    def receipts(self, dataset: str | None = None) -> list[Receipt]:
        """Return one receipt a month, the loaded one before any other, in order of dataset and month."""
