"""Drawing trips: every column of one stretch of a month as whole numbers.

Money is cents, distance hundredths of a mile, time seconds since 1970 in New York's wall clock. `NULL` stands for an
empty field. Fares follow distance and time, tips follow cards, surcharges follow clock, zone and month.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.month import Month

if TYPE_CHECKING:
    import numpy.typing as npt

    from engine.sample.profile import Profile

    Numbers = npt.NDArray[Any]

NULL = -(2**31)
MOST_CENTS = 60_000
MOST_HUNDREDTHS = 9_999

_HOUR, _DAY = 3600, 86400
_DISORDER_ROWS = 5_000
_CONGESTION_SINCE = Month(2019, 2)
_CARD, _CASH, _NO_CHARGE, _DISPUTE = 1, 2, 3, 4
_STANDARD, _JFK, _NEWARK, _NEGOTIATED, _UNKNOWN = 1, 2, 3, 5, 99
_JFK_ZONE, _NEWARK_ZONE = 132, 1
# Clocks that were never set, set to another epoch, or far ahead.
_OTHER_YEARS = (2001, 2003, 2008, 2009, 2041, 2058, 2088)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock


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


def draw(profile: Profile, stretch: Stretch, random: np.random.Generator) -> dict[str, Numbers]:
    """Return the columns of a stretch by the fields' names."""
    trips = {name: _pick(values, stretch.rows, random) for name, values in profile.draws.items()}
    trips["pickup"] = _pickups(profile, stretch, random)
    _route(profile, trips, random)
    _fare(profile, stretch, trips, random)
    if stretch.dirty:
        _odd_trips(profile, trips, random)
    _surcharges(profile, stretch, trips, random)
    _tip(profile, trips, random)
    _sum(trips)
    if stretch.dirty:
        _odd_records(profile, stretch, trips, random)
    return trips


def _pick(values: npt.NDArray[np.int32], rows: int, random: np.random.Generator) -> Numbers:
    return np.take(values, random.integers(0, len(values), rows, dtype=np.uint16))


def _chosen(share: float, rows: int, random: np.random.Generator) -> Numbers:
    """Return the places of a share of the rows, at random."""
    return random.integers(0, rows, random.binomial(rows, share)) if rows else np.empty(0, np.int64)


def _seconds(day: dt.date) -> int:
    return int((dt.datetime(day.year, day.month, day.day) - _EPOCH).total_seconds())  # noqa: DTZ001 - wall clock


def _pickups(profile: Profile, stretch: Stretch, random: np.random.Generator) -> Numbers:
    """Draw pickups in proportion to hours and weekdays; lines run through the month, loosely in order of time."""
    first = stretch.month.first_day
    days = (stretch.month.next().first_day - first).days
    weekdays = np.array([profile.weekdays[(first.weekday() + day) % 7] for day in range(days)])
    weights = np.outer(weekdays, profile.hours).ravel()
    shares = np.concatenate([[0.0], np.cumsum(weights) / weights.sum()])
    edges = np.arange(len(shares)) * _HOUR
    share = (stretch.end - stretch.begin) / max(stretch.rows, 1)
    disorder = min(_DISORDER_ROWS * share, 0.5) * (random.random(stretch.rows) - 0.5)
    places = np.abs(stretch.begin + share * np.arange(stretch.rows) + disorder)
    places = 1 - np.abs(1 - places)  # what falls out of the month at an end falls back into it
    moments: Numbers = np.minimum(np.interp(places, shares, edges), days * _DAY - 1).astype(np.int64)
    return moments + _seconds(first)


def _route(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Lay zones, distance and time; trips to and from airports are long."""
    rows = len(trips["pickup"])
    stays = _chosen(profile.zones["same"], rows, random)
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
    trips["seconds"] = np.clip(distance * 36 / np.exp(log_speed), 20, 3 * _HOUR).astype(np.int32)
    trips["dropoff"] = trips["pickup"] + trips["seconds"]


def _fare(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Meter the trip in steps of 50 cents; flat to and from Kennedy, where Manhattan is at the other end."""
    money, rows = profile.money, stretch.rows
    metered = money["base"] + money["mile"] * trips["distance"] / 100 + money["minute"] * trips["seconds"] / 60
    trips["fare"] = (metered / 50).astype(np.int32) * 50
    trips["rate"] = np.full(rows, _STANDARD, np.int32)
    busy = np.isin(trips["pickup_zone"], profile.zones["busiest"]) & np.isin(
        trips["dropoff_zone"], profile.zones["busiest"]
    )
    trips["busy"] = busy & (random.random(rows, dtype=np.float32) < profile.zones["congestion_share"])
    flat = busy & ((trips["pickup_zone"] == _JFK_ZONE) ^ (trips["dropoff_zone"] == _JFK_ZONE))
    newark = trips["dropoff_zone"] == _NEWARK_ZONE
    trips["rate"][flat], trips["rate"][newark] = _JFK, _NEWARK
    trips["fare"][flat] = money["airport_flat"]
    trips["fare"][newark] += 1750
    trips["flag"] = np.zeros(rows, np.int32)
    trips["flag"][_chosen(profile.trip["flag_share"], rows, random)] = 1
    trips["trip_type"] = np.ones(rows, np.int32)
    trips["nothing"] = np.full(rows, NULL, np.int32)


def _odd_trips(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Change trips before they are charged: negotiated fares, unknown rates, no distance, a meter left on."""
    rows, shares = len(trips["fare"]), profile.dirty
    negotiated = _chosen(shares["negotiated"], rows, random)
    trips["rate"][negotiated], trips["trip_type"][negotiated] = _NEGOTIATED, 2
    trips["fare"][negotiated] = random.choice([1, 500, 1000, 2000, 4500, 6000, 9600, 12000], len(negotiated))
    trips["rate"][_chosen(shares["unknown_rate"], rows, random)] = _UNKNOWN
    still = _chosen(shares["zero_distance"], rows, random)
    trips["distance"][still] = 0
    trips["fare"][still] = random.choice([0, 250, 250, 300, 5200], len(still))
    trips["dropoff"][still] = trips["pickup"][still] + random.integers(0, 90, len(still))
    long = _chosen(shares["day_long"], rows, random)
    trips["dropoff"][long] = trips["pickup"][long] + _DAY - random.integers(1, 1800, len(long))


def _surcharges(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Charge what clock, place and month ask for."""
    rows = stretch.rows
    hour = trips["pickup"] // _HOUR % 24
    workday = (trips["pickup"] // _DAY + 3) % 7 < 5  # noqa: PLR2004 - 1970-01-01 was a Thursday, Saturday is 5
    metered = np.isin(trips["rate"], (_STANDARD, _UNKNOWN))
    night, rush = (hour >= 20) | (hour < 6), workday & (hour >= 16) & (hour < 20)  # noqa: PLR2004 - the TLC's hours
    trips["extra"] = np.where(metered, np.where(night, 50, np.where(rush, 100, 0)), 0).astype(np.int32)
    trips["tax"] = np.where(metered | (trips["rate"] == _JFK), 50, 0).astype(np.int32)
    trips["improvement"] = np.full(rows, 30, np.int32)
    airport = np.isin(trips["pickup_zone"], (1, 132, 138)) | np.isin(trips["dropoff_zone"], (1, 132, 138))
    tolled = random.random(rows, dtype=np.float32) < np.where(airport, profile.money["toll_share"], 0.01)
    trips["tolls"] = np.where(tolled, profile.money["toll"], 0).astype(np.int32)
    congestion = np.where(trips["busy"], 250, 0).astype(np.int32)
    if stretch.month >= _CONGESTION_SINCE:
        first_vendor = trips["vendor"] == 1  # it books the surcharge twice, once within `extra`
        trips["extra"] += np.where(first_vendor, congestion, 0)
    else:  # the column came into being during the month
        congestion = np.where(random.random(rows, dtype=np.float32) < stretch.end, 0, NULL).astype(np.int32)
    trips["congestion"] = congestion


def _tip(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Tip by card only: a button of 20, 25 or 30 percent, or whole dollars."""
    rows = len(trips["fare"])
    charged = trips["fare"] + trips["extra"] + trips["tax"] + trips["tolls"] + trips["improvement"]
    percent = random.choice(np.array([0, 20, 20, 20, 20, 20, 25, 30], np.int32), rows)
    dollars = random.integers(1, 4, rows, dtype=np.int32) * 100
    tipped = (trips["payment"] == _CARD) & (random.random(rows, dtype=np.float32) < profile.money["tip_share"])
    trips["tip"] = np.where(tipped, np.where(percent > 0, charged * percent // 100, dollars), 0).astype(np.int32)


def _sum(trips: dict[str, Numbers]) -> None:
    amounts = ("fare", "extra", "tax", "tip", "tolls", "improvement")
    total = sum(trips[name] for name in amounts)
    twice = np.where(trips["vendor"] == 1, 0, np.maximum(trips["congestion"], 0))
    trips["total"] = total + twice


def _odd_records(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Change records after they were charged: voided, moved in time, or written by a machine that left much empty."""
    rows, shares = stretch.rows, profile.dirty
    voided = np.unique(_chosen(shares["voided"], rows, random))
    trips["payment"][voided] = random.choice([_NO_CHARGE, _DISPUTE], len(voided))
    trips["tip"][voided] = 0
    for name in ("fare", "extra", "tax", "tolls", "improvement", "total"):
        trips[name][voided] = -trips[name][voided]
    empty = _chosen(shares["unrecorded"], rows, random)
    for name in ("vendor", "passengers", "rate", "flag", "payment", "trip_type", "congestion"):
        trips[name][empty] = NULL
    moved = np.unique(_chosen(shares["other_month"], rows, random))
    late = random.integers(0, 2, len(moved)) * 2 - 1
    _move(trips, moved, late * random.integers(1, 32, len(moved)) * _DAY)
    lost = np.unique(_chosen(shares["other_year"], rows, random))
    years = random.choice(_OTHER_YEARS, len(lost)) - stretch.month.year
    _move(trips, lost, years * 365 * _DAY)


def _move(trips: dict[str, Numbers], rows: Numbers, seconds: Numbers) -> None:
    trips["pickup"][rows] += seconds
    trips["dropoff"][rows] += seconds
