"""Ids as Arrow binary views: how Polars keeps them, so that they go in and come out without a detour.

A view is 16 bytes: length, first 4 bytes, number of a buffer and offset in it (Arrow columnar format, variable-size
binary view). Polars takes views as they are; from an array with offsets it would make them itself, more slowly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.compiled import compiled
from engine.identity.md5 import STATE_WORDS
from engine.memory import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    U32 = NDArray[np.uint32]
    I64 = NDArray[np.int64]

# Digests in one buffer of a binary view, whose offsets are signed 32-bit numbers of bytes.
VIEW_ROWS = 1 << 26


@compiled
def view_ids(digests: U32, views: U32) -> None:
    """Write an Arrow binary view of each digest: length, first 4 bytes, buffer, offset in the buffer.

    Args:
        digests: (rows, 4) uint32.
        views: (rows, 4) uint32, written; each buffer holds `VIEW_ROWS` digests.

    """
    for row in range(len(digests)):
        views[row, 0] = np.uint32(16)
        views[row, 1] = digests[row, 0]
        views[row, 2] = np.uint32(row // VIEW_ROWS)
        views[row, 3] = np.uint32(row % VIEW_ROWS * 16)


@compiled
def gather_ids(views: U32, buffers: I64, digests: U32) -> bool:
    """Copy the digests that binary views point to; the opposite of `view_ids`.

    Args:
        views: (rows, 4) uint32.
        buffers: Addresses of the buffers.
        digests: (rows, 4) uint32, written.

    Returns:
        Whether each was 16 bytes long.

    """
    for row in range(len(views)):
        if views[row, 0] != np.uint32(16):
            return False
        address = buffers[views[row, 2]] + np.int64(views[row, 3])
        words = elements(address, STATE_WORDS, np.uint32)
        digests[row, 0], digests[row, 1], digests[row, 2], digests[row, 3] = words[0], words[1], words[2], words[3]
    return True
