"""Drawing trips of for-hire vehicles: which base sent the car, whether it was shared, and little else.

Numbers are those of `engine.sample.journeys`; a base is a place in `base_texts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.sample.journeys import DAY, NULL, Stretch, chosen, misdate, pick, pickups, route, unwrite

if TYPE_CHECKING:
    import numpy.typing as npt

    from engine.sample.profile import Profile

    Numbers = npt.NDArray[Any]

_MINUTE = 60
_BUSY = 2.2  # the larger, the more the first bases have of all trips
_OTHER_SHARE, _MINUTES_EVERY = 0.12, 3


def base_texts(profile: Profile) -> list[str]:
    """Return the licence numbers of bases as files have them: all, then in lower case, then with a space behind.

    The bases of apps come first, then those of small companies, made up.
    """
    bases = profile.bases
    small = bases.get("small", 0)
    numbers = (f"B{1 + place * 7 % 3200:05d}" for place in range(small))
    texts = [*(text for texts in bases["apps"].values() for text in texts), *numbers]
    return [*texts, *(text.lower() for text in texts), *(f"{text} " for text in texts)]


def app_places(profile: Profile) -> dict[int, Numbers]:
    """Return for each app the places of its bases in `base_texts`."""
    places, first = {}, 0
    for app, texts in profile.bases["apps"].items():
        places[int(app)] = np.arange(first, first + len(texts))
        first += len(texts)
    return places


def draw(profile: Profile, stretch: Stretch, random: np.random.Generator) -> dict[str, Numbers]:
    """Return the columns of a stretch by the fields' names."""
    rows, share = stretch.rows, profile.trip
    trips = {name: pick(values, rows, random) for name, values in profile.draws.items()}
    trips["pickup"] = pickups(profile, stretch, random)
    route(profile, trips, random)
    trips["base"] = _bases(profile, rows, random)
    other = random.random(rows, dtype=np.float32) < _OTHER_SHARE
    trips["affiliated"] = np.where(other, _bases(profile, rows, random), trips["base"])
    shared = random.random(rows, dtype=np.float32) < share["shared"]
    trips["shared"] = np.where(shared, 1, NULL)
    _blur(profile, trips, random)
    trips["second_base"] = np.full(rows, NULL)
    if stretch.dirty:
        _odd_records(profile, stretch, trips, random)
    unwrite(profile, trips)
    return trips


def _bases(profile: Profile, rows: int, random: np.random.Generator) -> Numbers:
    """Draw bases: those of apps alike, of the others the first ones most."""
    small = profile.bases["small"]
    apps = len(base_texts(profile)) // 3 - small
    one = (random.random(rows, dtype=np.float32) ** _BUSY * small).astype(np.int32)
    of_app = random.random(rows, dtype=np.float32) < profile.bases["app_share"]
    return np.where(of_app, random.integers(0, apps, rows, dtype=np.int32), apps + one)


def _blur(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Leave out zones as bases without a map do, and seconds as bases with a pencil do."""
    rows = len(trips["base"])
    unlocated = random.random((2, rows), dtype=np.float32) < np.array(profile.trip["unlocated"], np.float32)[:, None]
    for name, absent in zip(("pickup_zone", "dropoff_zone"), unlocated, strict=True):
        trips[name] = np.where(absent, NULL, trips[name])
    every = profile.trip.get("minutes_every", _MINUTES_EVERY)
    rounded = trips["base"] % every == 0
    for name in ("pickup", "dropoff"):
        trips[name] = np.where(rounded, trips[name] // _MINUTE * _MINUTE, trips[name])


def _odd_records(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Let trips end a day late, misspell bases, and put some into other months."""
    rows, shares = stretch.rows, profile.dirty
    late = np.unique(chosen(shares["day_long"], rows, random))
    trips["dropoff"][late] += DAY
    kinds = len(base_texts(profile)) // 3
    for variant, name in enumerate(("lower_case", "spaced"), 1):
        odd = np.unique(chosen(shares[name], rows, random))
        trips["base"][odd] = trips["base"][odd] % kinds + variant * kinds
    misdate(profile, stretch, trips, random)
