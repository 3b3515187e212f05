"""When trips begin, where they lead and how long they take: what taxis and hired cars have in common.

Distance is hundredths of a mile, time seconds since 1970 in New York's wall clock. `NULL` stands for an empty field.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from engine.month import Month
    from engine.sample.profile import Profile

    Numbers = npt.NDArray[Any]

NULL = -(2**31)
MOST_HUNDREDTHS = 9_999
HOUR, DAY = 3600, 86400

_DISORDER_ROWS = 5_000
# Clocks that were never set, set to another epoch, or far ahead.
_OTHER_YEARS = (2001, 2003, 2008, 2009, 2041, 2058, 2088)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock
_TIMES = ("request", "on_scene", "pickup", "dropoff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a month's rows.

    Attributes:
        month: The month.
        begin: Share of the month's trips before this part, 0 to 1.
        end: The same after it.
        rows: How many rows.
        dirty: Whether odd rows are among them.

    """

    month: Month
    begin: float
    end: float
    rows: int
    dirty: bool


def pick(values: npt.NDArray[np.int32], rows: int, random: np.random.Generator) -> Numbers:
    """Draw from values that stand in proportion to their weights."""
    return np.take(values, random.integers(0, len(values), rows, dtype=np.uint16))


def chosen(share: float, rows: int, random: np.random.Generator) -> Numbers:
    """Return the places of a share of the rows, at random."""
    return random.integers(0, rows, random.binomial(rows, share)) if rows else np.empty(0, np.int64)


def seconds(day: dt.date) -> int:
    """Return when a day begins."""
    return int((dt.datetime(day.year, day.month, day.day) - _EPOCH).total_seconds())  # noqa: DTZ001 - wall clock


def pickups(profile: Profile, stretch: Stretch, random: np.random.Generator) -> Numbers:
    """Draw pickups in proportion to hours and weekdays; lines run through the month, loosely in order of time."""
    first = stretch.month.first_day
    days = (stretch.month.next().first_day - first).days
    weekdays = np.array([profile.weekdays[(first.weekday() + day) % 7] for day in range(days)])
    weights = np.outer(weekdays, profile.hours).ravel()
    shares = np.concatenate([[0.0], np.cumsum(weights) / weights.sum()])
    edges = np.arange(len(shares)) * HOUR
    share = (stretch.end - stretch.begin) / max(stretch.rows, 1)
    disorder = min(_DISORDER_ROWS * share, 0.5) * (random.random(stretch.rows) - 0.5)
    places = np.abs(stretch.begin + share * np.arange(stretch.rows) + disorder)
    places = 1 - np.abs(1 - places)  # what falls out of the month at an end falls back into it
    moments: Numbers = np.minimum(np.interp(places, shares, edges), days * DAY - 1).astype(np.int64)
    return moments + seconds(first)


def route(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Lay zones, distance and time; trips to and from airports are long."""
    rows = len(trips["pickup"])
    stays = chosen(profile.zones["same"], rows, random)
    trips["dropoff_zone"][stays] = trips["pickup_zone"][stays]
    miles = np.zeros(266, np.float32)
    for zone, usual in profile.zones["airports"].items():
        miles[int(zone)] = usual
    far = np.maximum(miles[trips["pickup_zone"]], miles[trips["dropoff_zone"]])
    normal = random.standard_normal((2, rows), dtype=np.float32)
    length, speed = profile.trip["log_miles"], profile.trip["log_speed"]
    near = length["mean"] + length["deviation"] * normal[0]
    log_miles = np.where(far > 0, np.log(np.maximum(far, 1)) + 0.15 * normal[0], near)
    log_speed = speed["mean"] + speed["slope"] * log_miles + speed["deviation"] * normal[1]
    distance = np.clip(np.exp(log_miles) * 100, 1, MOST_HUNDREDTHS)
    trips["distance"] = distance.astype(np.int32)
    trips["seconds"] = np.clip(distance * 36 / np.exp(log_speed), 20, 3 * HOUR).astype(np.int32)
    trips["dropoff"] = trips["pickup"] + trips["seconds"]


def misdate(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Move a few trips to the months around, and a few to where a clock that nobody set has them."""
    rows, shares = stretch.rows, profile.dirty
    moved = np.unique(chosen(shares["other_month"], rows, random))
    late = random.integers(0, 2, len(moved)) * 2 - 1
    _move(trips, moved, late * random.integers(1, 32, len(moved)) * DAY)
    lost = np.unique(chosen(shares["other_year"], rows, random))
    years = random.choice(_OTHER_YEARS, len(lost)) - stretch.month.year
    _move(trips, lost, years * 365 * DAY)


def _move(trips: dict[str, Numbers], rows: Numbers, by_seconds: Numbers) -> None:
    for name in _TIMES:
        if name in trips:
            there = trips[name][rows] != NULL
            trips[name][rows] += np.where(there, by_seconds, 0)


def unwrite(profile: Profile, trips: dict[str, Numbers]) -> None:
    """Leave empty what nobody wrote down in this month."""
    for name in profile.trip.get("unwritten", ()):
        trips[name] = np.full_like(trips[name], NULL)
