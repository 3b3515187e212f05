"""Which ids stand more than once among any number of ids, in bounded memory.

The first 64 bits of each id are sorted in runs of a fixed size that go to disk. MD5 spreads them evenly, so a slice of
the key space has about the same number of keys in every month; slices are then merged one at a time. Two different ids
may share a key, so what comes out are candidates, for whoever has the whole ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.idset import halves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_RUN_KEYS = 1 << 20  # 8 MB while it fills
_SLICE_KEYS = 1 << 18  # 2 MB while it is merged: sorted in half the time of a slice that no cache holds
_KEY_BYTES = 8
_CUTS = 256
_EDGES = np.arange(_CUTS, dtype=np.uint64) << np.uint64(56)


class KeySpill:
    """A file of sorted runs of keys; removed by `close`.

    Args:
        path: A file that nobody else uses.
        distinct: Whether a run keeps one of equal keys, so that a month of identical rows stays as small as any other;
            `missing_from` needs all of them.

    """

    def __init__(self, path: Path, *, distinct: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("wb")
        self._run = np.empty(_RUN_KEYS, np.uint64)
        self._filled = 0
        # Of each run: where each 256th part of the key space begins, and its length.
        self._cuts: list[NDArray[np.int64]] = []
        self._distinct = distinct
        self._repeated = np.empty(0, np.uint64)

    def add(self, ids: NDArray[np.uint8]) -> None:
        """Add ids, (rows, 16) bytes."""
        keys, _ = halves(ids)
        while len(keys):
            taken = keys[: _RUN_KEYS - self._filled]
            self._run[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            keys = keys[len(taken) :]
            if self._filled == _RUN_KEYS:
                self._flush()

    def repeated(self) -> NDArray[np.uint64]:
        """Return the keys that were added more than once, sorted, each once."""
        self._flush()
        if len(self._cuts) < 2 and self._distinct:  # noqa: PLR2004 - one run has already been looked at
            return self._repeated
        return np.unique(np.concatenate([self._repeated, *(_twice(keys) for keys in self.slices(self.parts()))]))

    def missing_from(self, other: KeySpill) -> NDArray[np.uint64]:
        """Return the keys that were added here more often than to another spill, sorted, each once."""
        parts = max(self.parts(), other.parts())
        found = [_fewer(own, there) for own, there in zip(self.slices(parts), other.slices(parts), strict=True)]
        return np.concatenate(found)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def parts(self) -> int:
        """Return how many slices keep memory bounded: a power of two, so that those of two spills can be aligned."""
        self._flush()
        wanted = sum(int(run[-1]) for run in self._cuts) // _SLICE_KEYS + 1
        return min(1 << (wanted - 1).bit_length(), _CUTS)

    def slices(self, count: int) -> Iterator[NDArray[np.uint64]]:
        """Yield the sorted keys of all runs, in so many slices of the key space."""
        starts = np.cumsum([0, *(int(run[-1]) for run in self._cuts)])
        step = _CUTS // count
        for k in range(0, _CUTS, step):
            parts = [
                self._read(start + run[k], start + run[k + step])
                for start, run in zip(starts, self._cuts, strict=False)
            ]
            keys = np.concatenate([np.empty(0, np.uint64), *parts])
            keys.sort()
            yield keys

    def _read(self, start: int, end: int) -> NDArray[np.uint64]:
        """Read a piece of the file; mapped into memory, all of it would count as ours."""
        return np.fromfile(self._path, np.uint64, end - start, offset=start * _KEY_BYTES)

    def _flush(self) -> None:
        if not self._filled:
            return
        run = self._run[: self._filled]
        run.sort()
        if self._distinct and len(twice := _twice(run)):
            self._repeated = np.union1d(self._repeated, twice)
            run = np.unique(run)
        run.tofile(self._file)
        self._file.flush()
        self._cuts.append(np.append(np.searchsorted(run, _EDGES), len(run)))
        self._filled = 0


def _fewer(own: NDArray[np.uint64], there: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the keys that stand more often in the first sorted array than in the second."""
    keys, counts = np.unique(own, return_counts=True)
    in_other = np.searchsorted(there, keys, "right") - np.searchsorted(there, keys, "left")
    missing: NDArray[np.uint64] = keys[counts > in_other]
    return missing


def _twice(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.unique(keys[1:][keys[1:] == keys[:-1]])
