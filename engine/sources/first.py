"""Several places that may have a month: the first one that has it is the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import NotPublished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.receipt import SourceInfo
    from engine.sources.source import Fetched, Progress, Source


@dataclass(slots=True, kw_only=True)
class FirstOf:
    """Sources in order of preference; a place that does not answer is an error, and no reason to go on to the next.

    Attributes:
        sources: At least one.

    """

    sources: Sequence[Source]
    _found: dict[str, Source] = field(default_factory=dict, init=False, repr=False)

    def look(self) -> SourceInfo:
        """Ask one after the other; see `engine.sources.source`."""
        looked: list[str] = []
        for source in self.sources:
            try:
                seen = source.look()
            except NotPublished as error:
                looked += error.facts.values()
                continue
            self._found[seen.url] = source
            return seen
        message = "no source has this month"
        raise NotPublished(message, facts={"looked": "\n".join(looked)})

    def fetch(self, seen: SourceInfo, progress: Progress) -> Fetched:
        """Fetch from the one that was found; see `engine.sources.source`."""
        return self._found[seen.url].fetch(seen, progress)
