"""A checksum of ids that does not depend on their order, and from which ids can be taken away again.

Each id is two unsigned 64-bit halves, big-endian; each half is summed modulo 2^64. (Exclusive or would not notice a
pair of equal ids that is missing or new.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.compiled import compiled
from engine.identity.arrays import ID_BYTES, id_bytes
from engine.identity.fill import swapped

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

_MODULUS = 1 << 64


class Checksum:
    """The sum of the ids that were added, less those that were subtracted."""

    __slots__ = ("_high", "_low")

    def __init__(self) -> None:
        self._high = self._low = 0

    def add(self, ids: NDArray[np.uint8] | pl.Series | pa.Array) -> None:
        """Add ids.

        Args:
            ids: (rows, 16) uint8, or binary values of 16 bytes: a Polars series, or an Arrow array of any layout.

        Raises:
            ValueError: A value is null or has another length than 16 bytes.

        """
        high, low = _sums(ids)
        self._high = (self._high + high) % _MODULUS
        self._low = (self._low + low) % _MODULUS

    def subtract(self, ids: NDArray[np.uint8] | pl.Series | pa.Array) -> None:
        """Take ids away; arguments and errors as for `add`."""
        high, low = _sums(ids)
        self._high = (self._high - high) % _MODULUS
        self._low = (self._low - low) % _MODULUS

    def merge(self, other: Checksum) -> None:
        """Add all ids of another checksum."""
        self._high = (self._high + other._high) % _MODULUS
        self._low = (self._low + other._low) % _MODULUS

    def hexdigest(self) -> str:
        """Return the two sums as 32 hex digits."""
        return f"{self._high:016x}{self._low:016x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checksum) and self.hexdigest() == other.hexdigest()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Checksum({self.hexdigest()})"


def _sums(ids: NDArray[np.uint8] | pl.Series | pa.Array) -> tuple[int, int]:
    rows = np.ascontiguousarray(ids, np.uint8) if isinstance(ids, np.ndarray) else id_bytes(ids)
    high, low = _halves(rows.reshape(-1, ID_BYTES).view(np.uint32))
    return int(high), int(low)


@compiled
def _halves(digests: NDArray[np.uint32]) -> tuple[np.uint64, np.uint64]:
    """Return the sums, modulo 2^64, of the upper and of the lower halves of (rows, 4) uint32, read big-endian."""
    high, low = np.uint64(0), np.uint64(0)
    for row in range(len(digests)):
        high += (np.uint64(swapped(digests[row, 0])) << np.uint64(32)) | np.uint64(swapped(digests[row, 1]))
        low += (np.uint64(swapped(digests[row, 2])) << np.uint64(32)) | np.uint64(swapped(digests[row, 3]))
    return high, low
