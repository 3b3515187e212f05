"""Occurrence numbers for identical rows, once a file of theirs is written (docs/row-identity.md).

Almost no month has any; then this costs nothing. Otherwise the file is written again with the new ids: once for every
four million repeated ids, so that memory stays bounded however many there are.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.contract import ID
from engine.identity import repeated
from engine.identity.arrays import id_bytes
from engine.idset import IdSet, halves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_BATCH_ROWS = 1 << 17
_KEYS_AT_ONCE = 1 << 22
_IDS_AT_ONCE = 1 << 23
_NONE = np.empty((0, 16), np.uint8)


def fixed(ids: NDArray[np.uint8]) -> pa.Array:
    """Return ids, (rows, 16) uint8, as the column of a file, without a copy."""
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, pa.py_buffer(ids)])


def file_ids(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the ids of a data file."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=[ID]):
            yield id_bytes(batch.column(0))


def absent(path: Path, old: Path) -> Iterator[pa.Table]:
    """Yield the rows of a data file whose ids another one does not have.

    The other's ids are taken a part of the key space at a time, so that memory does not grow with it.
    """
    with pq.ParquetFile(old) as file:
        parts = file.metadata.num_rows // _IDS_AT_ONCE + 1
    edges = [(k << 64) // parts for k in range(parts)] + [1 << 64]
    for low, high in itertools.pairwise(edges):
        known = IdSet(np.concatenate([ids[_between(ids, low, high)] for ids in file_ids(old)] or [_NONE]))
        with pq.ParquetFile(path, pre_buffer=False) as file:
            place = file.schema_arrow.get_field_index(ID)
            for batch in file.iter_batches(_BATCH_ROWS):
                ids = id_bytes(batch.column(place))
                wanted = _between(ids, low, high)
                wanted[wanted] = ~known.contains(ids[wanted])
                yield pa.Table.from_batches([batch]).filter(pa.array(wanted))


def rows_of(path: Path) -> Iterator[pa.Table]:
    """Yield all rows of a data file."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            yield pa.Table.from_batches([batch])


def _between(ids: NDArray[np.uint8], low: int, high: int) -> NDArray[np.bool_]:
    keys, _ = halves(ids)
    return (keys >= np.uint64(low)) & (keys <= np.uint64(high - 1))


def key_parts(keys: NDArray[np.uint64]) -> Iterator[NDArray[np.uint64]]:
    """Cut candidate keys into parts that one pass can handle."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        yield keys[start : start + _KEYS_AT_ONCE]


def numbered(path: Path, keys: NDArray[np.uint64]) -> Iterator[pa.Table]:
    """Yield the rows of a data file, ids of identical rows made unique.

    Args:
        path: The file.
        keys: First 64 bits of the ids that may be repeated, sorted.

    """
    digests = _repeated_ids(path, keys)
    counts = np.zeros(len(digests), np.int64)
    with pq.ParquetFile(path, pre_buffer=False) as file:
        place = file.schema_arrow.get_field_index(ID)
        for batch in file.iter_batches(_BATCH_ROWS):
            ids = id_bytes(batch.column(place)).copy()
            _number(ids, digests, counts)
            table = pa.Table.from_batches([batch])
            yield table.set_column(place, batch.schema.field(place), fixed(ids))


def _repeated_ids(path: Path, keys: NDArray[np.uint64]) -> NDArray[np.bytes_]:
    found = [ids[_among(ids, keys)].view("S16").ravel() for ids in file_ids(path)]
    values, counts = np.unique(np.concatenate(found), return_counts=True)
    return values[counts > 1]


def _among(ids: NDArray[np.uint8], keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    own, _ = halves(ids)
    place = np.minimum(np.searchsorted(keys, own), len(keys) - 1)
    among: NDArray[np.bool_] = keys[place] == own
    return among


def _number(ids: NDArray[np.uint8], digests: NDArray[np.bytes_], counts: NDArray[np.int64]) -> None:
    """Replace repeated ids in place; `counts` holds how often each was met before."""
    if not len(digests):
        return
    own = ids.view("S16").ravel()
    place = np.minimum(np.searchsorted(digests, own), len(digests) - 1)
    rows = np.flatnonzero(digests[place] == own)
    if not len(rows):
        return
    which = place[rows]
    order = np.argsort(which, kind="stable")
    ordered = which[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    within = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
    occurrences = np.empty(len(rows), np.int64)
    occurrences[order] = counts[ordered] + within
    counts += np.bincount(which, minlength=len(counts))
    ids[rows] = repeated(ids[rows], occurrences)
