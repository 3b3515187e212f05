"""How far a scan may run ahead of whoever takes its rows.

Polars hands batches over through a queue of its own that has no bound: a slow sink would find a whole month in memory.
"""

from __future__ import annotations

import threading

# Three blocks of a yellow month. Polars itself holds some back while it cuts batches, so a few are needed to go on.
_ROWS_AHEAD = 150_000
# Should Polars hold back more than that, a block goes through after this long, and nothing stands still.
_PATIENCE_SECONDS = 1.0


class Pace:
    """Counts rows that were made and rows that were taken; free until the first are taken by somebody who tells."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ahead = 0
        self._bounded = False

    def bound(self) -> None:
        """From now on rows are taken by somebody who tells."""
        self._bounded = True

    def made(self, rows: int) -> None:
        """Note rows that are about to be handed over; waits while too many are on their way."""
        with self._changed:
            if self._bounded:
                self._changed.wait_for(lambda: self._ahead < _ROWS_AHEAD or not self._bounded, _PATIENCE_SECONDS)
            self._ahead += rows

    def taken(self, rows: int) -> None:
        """Note rows that were taken."""
        with self._changed:
            self._ahead -= rows
            self._changed.notify_all()

    def free(self) -> None:
        """Nobody takes rows any more; nobody shall wait for that."""
        with self._changed:
            self._bounded = False
            self._changed.notify_all()
