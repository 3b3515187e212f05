"""How long the steps of a run take."""

from __future__ import annotations

import datetime as dt
import time
from typing import TypedDict


class Timed(TypedDict):
    """The fields of a receipt that a clock fills."""

    seconds: dict[str, float]
    finished_at: str


class Clock:
    """Starts when it is made.

    Attributes:
        started_at: When it was made: UTC, ISO 8601, to the millisecond.

    """

    def __init__(self) -> None:
        self.started_at = _now()
        self._start = self._lap = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def lap(self, step: str) -> None:
        """End a step: it took the time since the last one ended."""
        here = time.perf_counter()
        self._seconds[step] = round(self._seconds.get(step, 0.0) + here - self._lap, 3)
        self._lap = here

    def stop(self) -> Timed:
        """Return the steps and the whole so far, and what time it is."""
        total = round(time.perf_counter() - self._start, 3)
        return {"seconds": {**self._seconds, "total": total}, "finished_at": _now()}


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
