"""What a part offers: contestants that are run side by side, and the figures that their runs give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.measure import Figure, Run
    from benchmarks.place import Workplace

    Runs = Mapping[str, Sequence[Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all contestants stand on.

    Attributes:
        work: The folder for everything.
        rows: Rows of the month.
        url: The server; empty where no part needs one.
        peer: Python with DuckDB and its PostgreSQL extension; None: not to be had.
        ten_times: Whether memory is measured on a month ten times as long in PostgreSQL too.

    """

    work: Workplace
    rows: int
    url: str = ""
    peer: Path | None = None
    ten_times: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One thing that is run once a round.

    Attributes:
        name: For people; unique in its part.
        run: Runs it and checks what it did.
        once: Whether it is run once, after all rounds.

    """

    name: str
    run: Callable[[], Run]
    once: bool = False


class Part(Protocol):
    """One question."""

    def contestants(self) -> Sequence[Contestant]:
        """Return who is run, in the order of a round."""

    def figures(self, runs: Runs) -> Sequence[Figure]:
        """Return the answers."""


class UnequalWorkError(Exception):
    """A contestant did not do what the others did."""


def expect(name: str, what: str, expected: object, found: object) -> None:
    """Refuse a result that is not what every contestant owes.

    Raises:
        UnequalWorkError: It is not.

    """
    if expected != found:
        message = f"{name}: {what} should be {expected} and is {found}"
        raise UnequalWorkError(message)
