"""A month's lock where the target has none that dies with its holder: a small record that its holder keeps changing.

Whoever finds the record watches it: one that changes belongs to a living engine, one that stays the same for a whole
lease belongs to a dead one and is taken over. Only changes that were seen count, never the clock of another machine.

A lease keeps two engines from doing the same work; it cannot keep a month correct by itself, since a process may be
stopped for longer than a lease at any point and then go on. What is published must therefore carry a condition that
fails once somebody else has published (a generation, a job's name), and `confirm` comes right before it.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

# A holder changes its record so many times in a lease: one lost answer is not a death.
_BEATS = 3
# Whoever watches looks so many times in a lease.
_LOOKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A record as it was seen.

    Attributes:
        holder: Who wrote it.
        version: Differs after every change: a generation, an ETag.

    """

    holder: str
    version: str


class Record(Protocol):
    """Where one lease is written; `swap` is atomic among all engines."""

    @property
    def name(self) -> str:
        """Where it is, for people."""
        ...

    def read(self) -> Held | None:
        """Return the record; None: there is none."""
        ...

    def swap(self, seen: Held | None, holder: str) -> Held | None:
        """Write the record if it is still the one that was seen (None: there was none); None: it is not."""
        ...

    def remove(self, seen: Held) -> None:
        """Remove the record if it is still the one that was seen."""


class Lease:
    """A record that is ours, kept alive by a thread.

    Args:
        record: Where it is written.
        held: How it was written last.
        seconds: Silence after which others take it for dead.

    """

    def __init__(self, record: Record, held: Held, seconds: float) -> None:
        self._record, self._held, self._seconds = record, held, seconds
        self._lock = threading.Lock()
        self._lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def confirm(self) -> None:
        """Make sure, at this moment, that the lease is still ours.

        Raises:
            Busy: Another engine took it over.

        """
        if not self._renew():
            message = "another engine has taken this month over"
            raise Busy(
                message,
                facts={"lease": self._record.name},
                state="this run changed nothing",
                next_step="look at `engine status`, then run the same command again",
            )

    def end(self) -> None:
        """Give it up, if it is still ours."""
        self._ended.set()
        self._thread.join()
        if not self._lost:
            try:
                self._record.remove(self._held)
            except Exception as error:  # noqa: BLE001 - what cannot be removed now is taken over by the next engine
                _log.warning("the lease %s stays and ends by itself: %s", self._record.name, error)

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds / _BEATS):
            try:
                if not self._renew():
                    return
            except Exception as error:  # noqa: BLE001 - the next beat, or `confirm`, tells whether it matters
                _log.debug("a lease could not be renewed: %s", error)

    def _renew(self) -> bool:
        with self._lock:
            if self._lost:
                return False
            held = self._record.swap(self._held, self._held.holder)
            if held is None:
                # A change of our own, whose answer was lost, is no loss.
                found = self._record.read()
                held = found if found is not None and found.holder == self._held.holder else None
            self._lost = held is None
            self._held = held or self._held
            return not self._lost


@contextmanager
def leased(record: Record, seconds: float) -> Iterator[Lease]:
    """Hold a lease.

    Args:
        record: Where it is written.
        seconds: Silence after which a holder is taken for dead.

    Raises:
        Busy: A living engine holds it.

    """
    # Readable, since a busy engine shows it; unique, since it is how a holder knows its own record.
    holder = f"{platform.node()} pid {os.getpid()} {uuid.uuid4().hex}"
    lease = Lease(record, _acquired(record, holder, seconds), seconds)
    try:
        yield lease
    finally:
        lease.end()


def _acquired(record: Record, holder: str, seconds: float) -> Held:
    watched: Held | None = None
    since = time.monotonic()
    while True:
        seen = record.read()
        if seen is None or (seen == watched and time.monotonic() - since >= seconds):
            if (held := record.swap(seen, holder)) is not None:
                return held
            seen = record.read()  # a write of our own, whose answer was lost, or somebody was faster
        if seen is not None and seen.holder == holder:
            return seen
        if seen is not None and watched is not None and seen != watched:
            raise _busy(record, seen)
        if seen != watched:
            watched, since = seen, time.monotonic()
        time.sleep(seconds / _LOOKS)


def _busy(record: Record, seen: Held) -> Busy:
    return Busy(
        "another engine is loading this month",
        facts={"lease": record.name, "holder": seen.holder.rpartition(" ")[0]},
        state="this run changed nothing",
        next_step="wait for the other run, then look at `engine status`",
    )
