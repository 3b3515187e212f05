"""Decimals as scaled integers: the nearest double, times 10 to the scale, rounded to the nearest integer.

One rule for CSV and Parquet. A tie (0.125 at scale 2, which a double can hold exactly) goes to the even neighbour: the
rule of IEEE 754 (4.3.1), of Python's `round` and of PostgreSQL's `round(double precision)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from engine.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.logical import Logical

# A value this far from its rounded one, in units of the column, counts as rounded.
TOLERANCE = 1e-6

# What is the matter with one value.
FINE, ROUNDED, TOO_LARGE, NOT_FINITE = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A column of decimals.

    Attributes:
        series: `Decimal(precision, scale)`; 0 where a value is refused, null where it was null.
        rounded: Values further than the tolerance from what is stored.
        refused: Values that are not finite or have too many digits.

    """

    series: pl.Series
    rounded: int
    refused: int


def scaled(doubles: pl.Series, kind: Logical) -> Scaled:
    """Return a column of doubles as decimals."""
    arrow = doubles.rechunk().to_arrow()
    size, offset = len(arrow), arrow.offset
    values = doubles.fill_null(0.0).to_numpy() if arrow.null_count else doubles.to_numpy()
    pairs = np.empty((offset + size, 2), np.int64)
    factor, bound = _limits(kind)
    rounded, refused = _scale(values, factor, bound, pairs[offset:])
    # The low half first, then the sign: a little-endian 128-bit integer, as Arrow's columnar format has it.
    buffers = [arrow.buffers()[0], pa.py_buffer(pairs)]
    decimals = pa.Array.from_buffers(pa.decimal128(kind.precision, kind.scale), size, buffers, offset=offset)
    series = pl.Series(doubles.name, decimals)
    return Scaled(series=series, rounded=int(rounded), refused=int(refused))


def verdicts(doubles: pl.Series, kind: Logical) -> NDArray[np.uint8]:
    """Tell for each value what is the matter with it: `FINE`, `ROUNDED`, ...; nulls are fine."""
    values = doubles.fill_null(0.0).to_numpy()
    factor, bound = _limits(kind)
    near = np.rint(values * factor)
    with np.errstate(invalid="ignore"):
        out = np.where(np.abs(values * factor - near) > TOLERANCE * factor, ROUNDED, FINE)
    out[~(np.abs(near) < bound)] = TOO_LARGE
    out[~np.isfinite(values)] = NOT_FINITE
    return out.astype(np.uint8)


def _limits(kind: Logical) -> tuple[float, float]:
    return 10.0**kind.scale, 10.0**kind.precision


@compiled
def _scale(values: np.ndarray, factor: float, bound: float, pairs: np.ndarray) -> tuple[int, int]:
    rounded = refused = 0
    tolerance = TOLERANCE * factor
    for i in range(values.size):
        exact = values[i] * factor
        near = np.rint(exact)
        fits = abs(near) < bound  # false for NaN too
        cents = np.int64(near if fits else 0.0)
        rounded += fits & (abs(exact - near) > tolerance)
        refused += not fits
        pairs[i, 0] = cents
        pairs[i, 1] = cents >> 63
    return rounded, refused
