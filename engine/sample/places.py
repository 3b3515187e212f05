"""Points on the map, made up: a few hundred around a centre of each zone. They are no real addresses.

Centres of busy zones lie along an axis (Manhattan, for yellow), others scattered around; only the airports are where
they are. Points of no zone are 0, 0: so a meter without a fix wrote them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

POINTS = 256
_ZONES = 266
_UNKNOWN = (0, 264, 265)
_AIRPORTS = {1: (-74.177, 40.691), 132: (-73.782, 40.645), 138: (-73.872, 40.773)}
_BOX = ((-74.02, -73.76), (40.60, 40.88))
# Steps around a circle that never come close to where they were (golden ratio, plastic number).
_STEP_ALONG, _STEP_X, _STEP_Y = 0.6180339887, 0.7548776662, 0.5698402910
_NEAR_DEGREES = 0.004


def coordinates(zones: Mapping[str, Any]) -> tuple[Numbers, Numbers]:
    """Return longitude and latitude of all points in WGS 84 degrees, rounded to six decimals.

    Args:
        zones: A profile's [zones].

    Returns:
        For each zone `POINTS` points: the n-th of zone z at place z * `POINTS` + n.

    """
    number = np.arange(_ZONES)
    centres = np.stack(
        [low + (high - low) * (number * step % 1) for (low, high), step in zip(_BOX, (_STEP_X, _STEP_Y), strict=True)]
    )
    begin, end = (np.array(point) for point in zones["axis"])
    for place, zone in enumerate(zones["busiest"]):
        centres[:, zone] = begin + (end - begin) * (place * _STEP_ALONG % 1)
    for zone, point in _AIRPORTS.items():
        centres[:, zone] = point
    random = np.random.default_rng(0)
    around = np.clip(random.standard_normal((2, _ZONES, POINTS)), -3, 3) * _NEAR_DEGREES
    points = np.round(centres[:, :, None] + around, 6)
    points[:, list(_UNKNOWN)] = 0
    longitude, latitude = points.reshape(2, -1)
    return longitude, latitude
