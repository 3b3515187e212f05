"""A checksum of ids that does not depend on their order, and from which ids can be taken away again.

Each id is two unsigned 64-bit halves, big-endian; each half is summed modulo 2^64. (Exclusive or would not notice a
pair of equal ids that is missing or new.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ID_BYTES = 16
_MODULUS = 1 << 64


class Checksum:
    """The sum of the ids that were added, less those that were subtracted."""

    __slots__ = ("_high", "_low")

    def __init__(self) -> None:
        self._high = self._low = 0

    def add(self, ids: NDArray[np.uint8] | pa.Array) -> None:
        """Add ids.

        Args:
            ids: (rows, 16) uint8, or an Arrow array of 16-byte binaries of any layout, without nulls.

        Raises:
            ValueError: A value is null or has another length than 16 bytes.

        """
        high, low = _sums(ids)
        self._high = (self._high + high) % _MODULUS
        self._low = (self._low + low) % _MODULUS

    def subtract(self, ids: NDArray[np.uint8] | pa.Array) -> None:
        """Take ids away; arguments and errors as for `add`."""
        high, low = _sums(ids)
        self._high = (self._high - high) % _MODULUS
        self._low = (self._low - low) % _MODULUS

    def hexdigest(self) -> str:
        """Return the two sums as 32 hex digits."""
        return f"{self._high:016x}{self._low:016x}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checksum) and self.hexdigest() == other.hexdigest()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Checksum({self.hexdigest()})"


def _sums(ids: NDArray[np.uint8] | pa.Array) -> tuple[int, int]:
    halves = _bytes(ids).view(np.uint64).reshape(-1, 2)
    high, low = (halves[:, half].byteswap().sum(dtype=np.uint64) for half in (0, 1))
    return int(high), int(low)


def _bytes(ids: NDArray[np.uint8] | pa.Array) -> NDArray[np.uint8]:
    if isinstance(ids, np.ndarray):
        return np.ascontiguousarray(ids, np.uint8).reshape(-1)
    if pa.types.is_binary_view(ids.type):
        ids = ids.cast(pa.large_binary())
    if not pa.types.is_fixed_size_binary(ids.type):
        ids = ids.cast(pa.binary(_ID_BYTES))
    if ids.null_count or ids.type.byte_width != _ID_BYTES:
        msg = f"ids are 16 bytes and never null; found {ids.type} with {ids.null_count} nulls"
        raise ValueError(msg)
    start = ids.offset * _ID_BYTES
    return np.frombuffer(ids.buffers()[1], np.uint8)[start : start + len(ids) * _ID_BYTES]
