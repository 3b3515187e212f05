"""Membership among some millions of ids, as sorted halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class IdSet:
    """A fixed set of ids.

    Args:
        ids: (rows, 16) uint8.

    """

    def __init__(self, ids: NDArray[np.uint8]) -> None:
        high, low = halves(ids)
        order = np.argsort(high)
        self._high, self._low = high[order], low[order]

    def contains(self, ids: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Tell of each of these ids, (rows, 16) uint8, whether it is in the set."""
        high, low = halves(ids)
        found = np.zeros(len(high), np.bool_)
        place = np.searchsorted(self._high, high)
        # Almost always one step: two different ids of a month hardly ever share their first 64 bits.
        while len(self._high):
            inside = np.minimum(place, len(self._high) - 1)
            same = (place < len(self._high)) & (self._high[inside] == high)
            if not same.any():
                break
            found |= same & (self._low[inside] == low)
            place = place + 1
        return found


def halves(ids: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the first and last 64 bits of each id as numbers, without a copy where ids are contiguous.

    The bytes are taken in the machine's order: these numbers are for comparing, on one machine, and nothing else.
    """
    words = np.ascontiguousarray(ids).view(np.uint64).reshape(-1, 2)
    return words[:, 0], words[:, 1]
