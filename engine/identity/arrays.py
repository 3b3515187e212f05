"""Ids as one block of bytes, from wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

ID_BYTES = 16


def id_bytes(ids: pl.Series | pa.Array) -> NDArray[np.uint8]:
    """Return ids as (rows, 16) uint8, C-contiguous, copied only where they do not lie so already.

    Args:
        ids: Binary values of 16 bytes without nulls: a Polars series, or an Arrow array of any binary layout.

    Raises:
        ValueError: A value is null or has another length than 16 bytes.

    """
    if isinstance(ids, pl.Series):
        ids = pa.chunked_array(ids.to_arrow(compat_level=pl.CompatLevel.oldest())).combine_chunks()
    if pa.types.is_binary_view(ids.type):
        ids = ids.cast(pa.large_binary())
    if not pa.types.is_fixed_size_binary(ids.type):
        ids = ids.cast(pa.binary(ID_BYTES))
    if ids.null_count or ids.type.byte_width != ID_BYTES:
        msg = f"ids are 16 bytes and never null; found {ids.type} with {ids.null_count} nulls"
        raise ValueError(msg)
    start = ids.offset * ID_BYTES
    return np.frombuffer(ids.buffers()[1], np.uint8)[start : start + len(ids) * ID_BYTES].reshape(-1, ID_BYTES)
