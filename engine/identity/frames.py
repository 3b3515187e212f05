"""Ids for frames: `unique_row_id` as an expression of the lazy query, or as an array.

The expression is elementwise, so the streaming engine runs it batch by batch on all its threads; a batch goes to the
kernels as the Arrow buffers that Polars already has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from engine.contract import ID
from engine.identity.arrays import ID_BYTES
from engine.identity.kernel import hash_added, hash_repeated, hash_rows
from engine.identity.layout import Layout, layout_of, message_of
from engine.identity.views import VIEW_ROWS, view_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.contract import Column, Contract


def identify(lf: pl.LazyFrame, contract: Contract, columns: Sequence[Column]) -> pl.LazyFrame:
    """Append `unique_row_id` (Binary, 16 bytes, never null): the digest of each row, as its first occurrence has it.

    Args:
        lf: Typed and conformed rows.
        contract: Says which columns are base columns.
        columns: The columns that `lf` has, at least one: some of the contract's, and others that its policy carries.

    Raises:
        ContractMismatch: When the query runs: a column is stored as another type than its contract says.

    """
    layout = layout_of(contract, columns)

    def ids(rows: pl.Series) -> pl.Series:
        return _series(_digests(layout, rows))

    row = pl.struct(*layout.present)
    return lf.with_columns(row.map_batches(ids, return_dtype=pl.Binary, is_elementwise=True).alias(ID))


def digests(frame: pl.DataFrame, contract: Contract, columns: Sequence[Column]) -> NDArray[np.uint8]:
    """Return the digest of each row as (rows, 16) uint8, C-contiguous; arguments and errors as for `identify`."""
    layout = layout_of(contract, columns)
    return _digests(layout, frame.select(layout.present).to_struct())


def repeated(ids: NDArray[np.uint8], occurrences: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the ids of rows that stand more than once in one partition.

    Args:
        ids: (rows, 16) uint8: digests.
        occurrences: (rows,) int64: how many identical rows come before; 0 leaves the digest as it is.

    Returns:
        (rows, 16) uint8, a new array.

    """
    result = np.array(ids, np.uint8, order="C").reshape(-1, ID_BYTES)
    hash_repeated(np.ascontiguousarray(occurrences, np.int64), result.view(np.uint32))
    return result


def _digests(layout: Layout, rows: pl.Series) -> NDArray[np.uint8]:
    result = np.empty((len(rows), 4), np.uint32)
    done = 0
    for batch in pa.chunked_array(rows).chunks:
        part = result[done : done + len(batch)]
        message = message_of(layout, batch)
        hash_rows(message.template, layout.null_words, message.fields, len(batch), part)
        for name, field in message.added:
            hash_added(name, field, len(batch), part)
        done += len(batch)
    return result.view(np.uint8)


def _series(ids: NDArray[np.uint8]) -> pl.Series:
    """Return ids as a Binary series over the same memory: Polars takes views as they are."""
    words = ids.view(np.uint32)
    views = np.empty_like(words)
    view_ids(words, views)
    parts = [pa.py_buffer(words[first : first + VIEW_ROWS]) for first in range(0, len(words), VIEW_ROWS)]
    return pl.Series(ID, pa.Array.from_buffers(pa.binary_view(), len(ids), [None, pa.py_buffer(views), *parts]))
