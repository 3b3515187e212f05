"""Drawing trips of taxis: every column of one stretch of a month as whole numbers.

Money is cents, distance hundredths of a mile, time seconds since 1970 in New York's wall clock. `NULL` stands for an
empty field. Fares follow distance and time, tips follow cards, surcharges follow clock, zone and month. Draws of a
month are in a fixed order: what is new comes after what was there, so that equal arguments stay equal bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.month import Month
from engine.sample import meters
from engine.sample.journeys import DAY, HOUR, NULL, Stretch, chosen, misdate, pick, pickups, route, seconds, unwrite

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from engine.sample.profile import Profile

    Numbers = npt.NDArray[Any]

MOST_CENTS = 60_000

_CONGESTION_SINCE = Month(2019, 2)
_CARD, _NO_CHARGE, _DISPUTE = 1, 3, 4
_STANDARD, _JFK, _NEWARK, _NEGOTIATED, _UNKNOWN = 1, 2, 3, 5, 99
_JFK_ZONE, _NEWARK_ZONE, _LA_GUARDIA_ZONE = 132, 1, 138
_CHARGES = ("fare", "extra", "tax", "tolls", "improvement", "total", "airport", "cbd")


def draw(profile: Profile, stretch: Stretch, random: np.random.Generator) -> dict[str, Numbers]:
    """Return the columns of a stretch by the fields' names."""
    trips = {name: pick(values, stretch.rows, random) for name, values in profile.draws.items()}
    trips["pickup"] = pickups(profile, stretch, random)
    route(profile, trips, random)
    meters.read(profile, trips)
    _fare(profile, stretch, trips, random)
    if stretch.dirty:
        _odd_trips(profile, trips, random)
    _surcharges(profile, stretch, trips, random)
    _fees(profile, trips)
    _tip(profile, trips, random)
    _sum(trips)
    if stretch.dirty:
        _odd_records(profile, stretch, trips, random)
    meters.write(profile, stretch, trips, random)
    unwrite(profile, trips)
    return trips


def _fare(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Meter the trip in steps of so many cents; flat to and from Kennedy, where Manhattan is at the other end."""
    money, rows = profile.money, stretch.rows
    trips["fare"] = _metered(money, trips)
    if "before" in money:
        early = trips["pickup"] < seconds(money["before"]["day"])
        trips["fare"] = np.where(early, _metered(money | money["before"], trips), trips["fare"])
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
    trips["flag"][chosen(profile.trip["flag_share"], rows, random)] = 1
    trips["trip_type"] = np.ones(rows, np.int32)
    trips["nothing"] = np.full(rows, NULL, np.int32)


def _metered(money: Mapping[str, Any], trips: dict[str, Numbers]) -> Numbers:
    amount = money["base"] + money["mile"] * trips["distance"] / 100 + money["minute"] * trips["seconds"] / 60
    fare: Numbers = (amount / money["step"]).astype(np.int32) * money["step"]
    return fare


def _odd_trips(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Change trips before they are charged: negotiated fares, unknown rates, no distance, a meter left on."""
    rows, shares = len(trips["fare"]), profile.dirty
    negotiated = chosen(shares["negotiated"], rows, random)
    trips["rate"][negotiated], trips["trip_type"][negotiated] = _NEGOTIATED, 2
    trips["fare"][negotiated] = random.choice([1, 500, 1000, 2000, 4500, 6000, 9600, 12000], len(negotiated))
    trips["rate"][chosen(shares["unknown_rate"], rows, random)] = _UNKNOWN
    still = chosen(shares["zero_distance"], rows, random)
    trips["distance"][still] = 0
    trips["fare"][still] = random.choice([0, 250, 250, 300, 5200], len(still))
    trips["dropoff"][still] = trips["pickup"][still] + random.integers(0, 90, len(still))
    long = chosen(shares["day_long"], rows, random)
    trips["dropoff"][long] = trips["pickup"][long] + DAY - random.integers(1, 1800, len(long))


def _surcharges(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Charge what clock, place and month ask for."""
    rows, money = stretch.rows, profile.money
    hour = trips["pickup"] // HOUR % 24
    workday = (trips["pickup"] // DAY + 3) % 7 < 5  # noqa: PLR2004 - 1970-01-01 was a Thursday, Saturday is 5
    metered = np.isin(trips["rate"], (_STANDARD, _UNKNOWN))
    night, rush = (hour >= 20) | (hour < 6), workday & (hour >= 16) & (hour < 20)  # noqa: PLR2004 - the TLC's hours
    extra = np.where(night, money["night"], np.where(rush, money["rush"], 0))
    trips["extra"] = np.where(metered, extra, 0).astype(np.int32)
    trips["tax"] = np.where(metered | (trips["rate"] == _JFK), money["tax"], 0).astype(np.int32)
    trips["improvement"] = np.full(rows, money["improvement"], np.int32)
    if money.get("hails_only"):
        trips["improvement"][trips["rate"] == _NEGOTIATED] = 0
    airport = np.isin(trips["pickup_zone"], (1, 132, 138)) | np.isin(trips["dropoff_zone"], (1, 132, 138))
    tolled = random.random(rows, dtype=np.float32) < np.where(airport, money["toll_share"], 0.01)
    trips["tolls"] = np.where(tolled, money["toll"], 0).astype(np.int32)
    congestion = np.where(trips["busy"], 250, 0).astype(np.int32)
    if stretch.month >= _CONGESTION_SINCE:
        first_vendor = trips["vendor"] == 1  # it books the surcharge twice, once within `extra`
        trips["extra"] += np.where(first_vendor, congestion, 0)
    elif stretch.month < _CONGESTION_SINCE.previous():  # nobody knew of it
        congestion = np.full(rows, NULL, np.int32)
    else:  # the column came into being during the month
        congestion = np.where(random.random(rows, dtype=np.float32) < stretch.end, 0, NULL).astype(np.int32)
    trips["congestion"] = congestion


def _fees(profile: Profile, trips: dict[str, Numbers]) -> None:
    """Charge what came later: the airports' fee, and that of the congestion relief zone."""
    airport, cbd = profile.money["airport"], profile.money["cbd"]
    nothing = np.full(len(trips["fare"]), NULL, np.int32)
    at_airport = np.isin(trips["pickup_zone"], (_JFK_ZONE, _LA_GUARDIA_ZONE))
    trips["airport"] = np.where(at_airport, airport, 0).astype(np.int32) if airport else nothing
    trips["cbd"] = nothing.copy()
    if cbd:
        begun = trips["pickup"] >= seconds(profile.money["cbd_since"])
        trips["cbd"] = np.where(trips["busy"] & begun, cbd, 0).astype(np.int32)


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
    later = np.maximum(trips["airport"], 0) + np.maximum(trips["cbd"], 0)
    trips["total"] = (total + twice + later).astype(np.int32)


def _odd_records(profile: Profile, stretch: Stretch, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Change records after they were charged: voided, moved in time, or written by a machine that left much empty."""
    rows, shares = stretch.rows, profile.dirty
    voided = np.unique(chosen(shares["voided"], rows, random))
    trips["payment"][voided] = random.choice([_NO_CHARGE, _DISPUTE], len(voided))
    trips["tip"][voided] = 0
    for name in _CHARGES:
        amounts = trips[name][voided]
        trips[name][voided] = np.where(amounts == NULL, NULL, -amounts)
    empty = chosen(shares["unrecorded"], rows, random)
    for name in shares["unrecorded_fields"]:
        trips[name][empty] = NULL
    if "flex_fare" in shares:
        trips["payment"][empty] = shares["flex_fare"]
    misdate(profile, stretch, trips, random)
