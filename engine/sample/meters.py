"""How a taxi's meter wrote a trip down: in tenths of a mile, in whole minutes, with a point on the map.

What a vendor's machine did in an era stands in the [trip] of that era.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.sample.journeys import NULL, chosen
from engine.sample.places import POINTS

if TYPE_CHECKING:
    import numpy.typing as npt

    from engine.sample.journeys import Stretch
    from engine.sample.profile import Profile

    Numbers = npt.NDArray[Any]

_MINUTE = 60


def read(profile: Profile, trips: dict[str, Numbers]) -> None:
    """Round distances as the vendors' machines do, before anything is charged."""
    if vendors := profile.trip.get("tenths"):
        distance = trips["distance"]
        trips["distance"] = np.where(np.isin(trips["vendor"], vendors), distance // 10 * 10, distance)


def write(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Write records as the vendors did: whole minutes, no flag, texts of their own, coordinates instead of zones."""
    if vendors := profile.trip.get("whole_minutes"):
        rounded = np.isin(trips["vendor"], vendors)
        for name in ("pickup", "dropoff"):
            trips[name] = np.where(rounded, trips[name] // _MINUTE * _MINUTE, trips[name])
    if vendors := profile.trip.get("unflagged"):
        trips["flag"][np.isin(trips["vendor"], vendors)] = NULL
    if stretch.dirty and (share := profile.dirty.get("untold_tax")):
        trips["tax"][chosen(share, stretch.rows, random)] = NULL
    known = (trips["payment"] != NULL) & (trips["vendor"] != NULL)
    trips["vendor_payment"] = np.where(known, trips["vendor"] * 10 + trips["payment"], NULL)
    if not profile.trip.get("coordinates"):
        return
    for end in ("pickup", "dropoff"):
        spot = random.integers(0, POINTS, stretch.rows, dtype=np.int32)
        point = trips[f"{end}_zone"] * POINTS + spot
        if stretch.dirty:
            point[chosen(profile.dirty["no_fix"], stretch.rows, random)] = 0
        trips[f"{end}_longitude"] = trips[f"{end}_latitude"] = point
