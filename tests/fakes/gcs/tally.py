"""What a server counts while it works: requests with their bytes, and exceptions that nobody should see."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One request and its answer, as counted.

    Attributes:
        method: HTTP method.
        path: Path and query as sent.
        bytes_in: Bytes of the request's body that arrived.
        bytes_out: Bytes of the answer's body that were sent.
        status: HTTP status; 0: the connection was cut without an answer.

    """

    method: str
    path: str
    bytes_in: int
    bytes_out: int
    status: int


class Tally:
    """Counts of one server; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []
        self._errors: list[BaseException] = []

    def exchanges(self) -> list[Exchange]:
        """Return all exchanges in the order of their ends."""
        with self._lock:
            return list(self._exchanges)

    def errors(self) -> list[BaseException]:
        """Return the exceptions that ended connections and should not have."""
        with self._lock:
            return list(self._errors)

    def forget(self) -> None:
        """Count from nothing again."""
        with self._lock:
            self._exchanges.clear()

    def count(self, exchange: Exchange, instead_of: Exchange | None = None) -> None:
        """Count an exchange; where the answer did not arrive whole, in place of the one that was expected."""
        with self._lock:
            for position, counted in enumerate(self._exchanges):
                if counted is instead_of:
                    self._exchanges[position] = exchange
                    return
            if instead_of is None:
                self._exchanges.append(exchange)

    def note(self, error: BaseException) -> None:
        """Remember an exception that should not have come up."""
        with self._lock:
            self._errors.append(error)
