"""What is asked of a setup, and what it says of each thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.contract import Dataset
    from engine.targets import Place

DEFAULT_LOCATION = "US"


class Standing(StrEnum):
    """How a thing is now."""

    MADE = "made"  # it was missing
    THERE = "there"  # it is as it should be; nothing was done
    CHANGED = "changed"  # it was there and lacked something
    WOULD_MAKE = "would make"  # it is missing, and nothing is changed
    WOULD_CHANGE = "would change"  # it lacks something, and nothing is changed
    DIFFERS = "differs"  # it is not as it should be, and whose it is must decide
    HINT = "hint"  # nothing that is there or not: a statement for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing that a target needs.

    Attributes:
        what: What it is.
        state: How it is.
        detail: Where it is, what it lacked, or how to mend it; empty: there is nothing to say.

    """

    what: str
    state: Standing
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user asks for.

    Attributes:
        place: The target; its URL is given.
        datasets: What will be loaded there, at least one.
        location: Where a bucket or a dataset of BigQuery has to be; None: where it is, and a new one in `US`.
        dry_run: Say what would be done and change nothing.

    """

    place: Place
    datasets: tuple[Dataset, ...]
    location: str | None = None
    dry_run: bool = False

    @property
    def url(self) -> str:
        """The target's URL."""
        return self.place.url or ""

    def made(self) -> Standing:
        """Return how a thing is that was missing."""
        return Standing.WOULD_MAKE if self.dry_run else Standing.MADE

    def changed(self) -> Standing:
        """Return how a thing is that lacked something."""
        return Standing.WOULD_CHANGE if self.dry_run else Standing.CHANGED

    def check_location(self, what: str, found: str) -> None:
        """Make sure that what is there is where it has to be: neither a bucket nor a dataset can move.

        Raises:
            UsageError: It is elsewhere.

        """
        if self.location is not None and self.location.casefold() != found.casefold():
            message = f"{what} is in another location"
            raise UsageError(
                message,
                facts={"asked for": self.location, "found": found},
                state="nothing of it was changed",
                next_step=f"leave --location out, give --location {found}, or name another target",
            )
