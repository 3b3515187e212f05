"""What could not be removed: it is of no use to anybody, and it expires or the next run removes it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


@contextmanager
def leaving(what: str) -> Iterator[None]:
    """Go on where the block, which removes something, fails: that changes nothing of what is published."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, a month is there or not without it
        _log.warning("%s stays for now: %s", what, error)
