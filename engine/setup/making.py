"""A setup by the target's URL: the one place here that knows which kinds there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import EngineError, UsageError
from engine.targets.opening import scheme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.settings import Settings
    from engine.setup.thing import Asked, Thing

_UNPLACED = ("folder", "postgresql")


def set_up(asked: Asked, settings: Settings) -> Iterator[Thing]:
    """Make what a target needs and lacks; what is there stays as it is.

    Args:
        asked: What to make, and where.
        settings: Who asks.

    Yields:
        Each thing when it is there; with `dry_run`, what would be made.

    Raises:
        UsageError: There is no such kind of target, or it is in another location.
        AccessDenied: The account may not do it; the message says what to grant.
        TargetUnreachable: It does not answer.

    """
    kind = scheme(asked.place, settings)
    if kind in _UNPLACED and asked.location is not None:
        message = f"a {kind} target has no location"
        raise UsageError(message, facts={"target": asked.url}, state="nothing was changed", next_step="leave it out")
    try:
        yield from _steps(kind, asked, settings)
    except EngineError as error:
        if "of this load" in error.state:  # the words of a floor that knows loads only
            error.state = "what was made before this stays, and the same command goes on from there"
        raise


def _steps(kind: str, asked: Asked, settings: Settings) -> Iterator[Thing]:
    match kind:
        case "folder":
            from engine.setup import folder  # noqa: PLC0415

            yield from folder.steps(asked)
        case "gs":
            from engine.setup import bucket  # noqa: PLC0415

            yield from bucket.steps(asked, settings)
        case "bigquery":
            from engine.setup import bigquery  # noqa: PLC0415

            yield from bigquery.steps(asked, settings)
        case _:
            from engine.setup import postgres  # noqa: PLC0415

            yield from postgres.steps(asked, settings)
