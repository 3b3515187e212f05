"""What every sink offers: a month becomes visible whole or not at all, at every point at which a process can die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.load import Load, Note, Rejects, Settle
    from engine.month import Month
    from engine.receipt import Receipt


class Work(Protocol):
    """Rows that are in the target and that nobody sees yet."""

    @property
    def rows(self) -> int:
        """How many."""

    def publish(self, settle: Settle, note: Note, rejects: Rejects) -> Receipt:
        """Make them the month, or part of it, and record that.

        Args:
            settle: Called once all counts are known; what it raises leaves the target as it was.
            note: Writes the receipt into the ledger.
            rejects: Opens the quarantined lines; may be called more than once.

        Returns:
            The receipt that `settle` made.

        Raises:
            Busy: Readers held the month for longer than the sink waits; the old month is in place.

        """

    def discard(self) -> None:
        """Remove them; nothing is left."""


@runtime_checkable
class Estimates(Protocol):
    """A sink whose queries cost money, and that can tell how much before."""

    def estimate(self, month: Month) -> int:
        """Return how many bytes an append to the month would read, at least."""
        ...


class Sink(Protocol):
    """Where the rows of one dataset go."""

    @property
    def name(self) -> str:
        """The target for people: its URL without password."""

    @property
    def reads_are_billed(self) -> bool:
        """Whether reading rows costs money by the byte, so that no more is read than is asked for."""
        ...

    def prepare(self, extras: tuple[Column, ...] = ()) -> None:
        """Create the main table or folder where it is missing and add columns that it lacks.

        Raises:
            TableMismatch: It is not ours, or its columns have other types.
            IdentityMismatch: Its ids were computed in another way.

        """

    def locked(self, month: Month) -> AbstractContextManager[None]:
        """Hold the month's lock, which dies with its holder.

        Raises:
            Busy: Somebody else holds it.

        """

    def clear(self, month: Month) -> None:
        """Remove what dead loads of the month left behind; only under its lock."""

    def has(self, month: Month) -> bool:
        """Tell whether the month is in the target, without looking at its rows."""
        ...

    def stored(self, month: Month) -> int | None:
        """Return how many rows the month has in the target; None: there is no such month."""

    def ids(self, month: Month) -> Iterator[NDArray[np.uint8]]:
        """Yield the stored ids of the month, (rows, 16) bytes each time, in no order."""

    def read(self, month: Month, extras: tuple[Column, ...] = ()) -> Iterator[pl.DataFrame]:
        """Yield the month's rows as stored, in no order.

        Args:
            month: Which month.
            extras: Columns besides the contract's that its rows have.

        Returns:
            Frames with the columns that the target has, and `unique_row_id`.

        """

    def write(self, load: Load, batches: Iterable[pl.DataFrame]) -> Work:
        """Bring rows into the target where nobody sees them, their ids made unique.

        Args:
            load: What is loaded.
            batches: Frames with `load.columns` and `unique_row_id`.

        """
