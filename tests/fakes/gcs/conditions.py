"""Preconditions: what must hold of the live object, or of a bucket, for a request to do anything.

https://cloud.google.com/storage/docs/request-preconditions: an object that does not exist has generation 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.fakes.gcs.calls import Refusal, invalid

if TYPE_CHECKING:
    from email.message import Message

    from tests.fakes.gcs.calls import Call

_MESSAGE = "At least one of the pre-conditions you specified did not hold."
_FAILED = (412, "conditionNotMet", _MESSAGE)


class Versioned(Protocol):
    """What has a generation and a metageneration."""

    @property
    def generation(self) -> int:
        """Changes with the content."""

    @property
    def metageneration(self) -> int:
        """Changes with the metadata; starts at 1 with each generation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """The four preconditions; None: not asked for."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return self != Conditions()

    def check_write(self, current: Versioned | None) -> None:
        """Refuse with 412 unless all hold; `current` None: there is no live object."""
        if self._mismatched(current) or self._matched(current):
            raise Refusal(*_FAILED, location="If-Match")

    def check_read(self, current: Versioned) -> None:
        """Refuse a read: 412 where a match fails, 304 (Not Modified) where a "not match" does."""
        if self._mismatched(current):
            raise Refusal(*_FAILED, location="If-Match")
        if self._matched(current):
            raise Refusal(304, "notModified", "Not Modified")

    def _mismatched(self, current: Versioned | None) -> bool:
        generation, metageneration = _versions(current)
        return self.generation_match not in (None, generation) or (
            self.metageneration_match not in (None, metageneration)
        )

    def _matched(self, current: Versioned | None) -> bool:
        generation, metageneration = _versions(current)
        return self.generation_not_match == generation or self.metageneration_not_match == metageneration


def of_query(call: Call, *, source: bool = False) -> Conditions:
    """Return those of a JSON request: on its object, on a copy's destination, or on its `source`."""
    prefix = "ifSource" if source else "if"
    return Conditions(
        generation_match=_number(call.value(f"{prefix}GenerationMatch")),
        generation_not_match=_number(call.value(f"{prefix}GenerationNotMatch")),
        metageneration_match=_number(call.value(f"{prefix}MetagenerationMatch")),
        metageneration_not_match=_number(call.value(f"{prefix}MetagenerationNotMatch")),
    )


def of_headers(headers: Message[str, str], *, source: bool = False) -> Conditions:
    """Return those of an XML request, which has no "not match"."""
    prefix = "x-goog-copy-source-if" if source else "x-goog-if"
    return Conditions(
        generation_match=_number(headers.get(f"{prefix}-generation-match")),
        metageneration_match=_number(headers.get(f"{prefix}-metageneration-match")),
    )


def _versions(current: Versioned | None) -> tuple[int, int]:
    return (0, 0) if current is None else (current.generation, current.metageneration)


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise invalid(f"Invalid value for a precondition: {text}") from error
