"""Drawing trips of the apps' cars: who asked when, what was charged, and what the driver got.

Numbers are those of `engine.sample.journeys`, money is cents, a base is a place in `engine.sample.hires.base_texts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.sample.hires import app_places
from engine.sample.journeys import DAY, NULL, Stretch, chosen, misdate, pick, pickups, route, seconds, unwrite

if TYPE_CHECKING:
    import numpy.typing as npt

    from engine.sample.profile import Profile

    Numbers = npt.NDArray[Any]

_LYFT, _UBER = 5, 3
_NO, _YES, _SILENT = 0, 1, 2
_AIRPORTS = (1, 132, 138)


def draw(profile: Profile, stretch: Stretch, random: np.random.Generator) -> dict[str, Numbers]:
    """Return the columns of a stretch by the fields' names."""
    trips = {name: pick(values, stretch.rows, random) for name, values in profile.draws.items()}
    trips["pickup"] = pickups(profile, stretch, random)
    route(profile, trips, random)
    _send(profile, trips, random)
    _share(profile, trips, random)
    _charge(profile, trips, random)
    if stretch.dirty:
        long = np.unique(chosen(profile.dirty["day_long"], stretch.rows, random))
        trips["dropoff"][long] += DAY
        trips["trip_time"][long] += DAY
        misdate(profile, stretch, trips, random)
    unwrite(profile, trips)
    return trips


def _send(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Let a base of the app send a car: asked for, on the scene (Uber tells), and off."""
    rows, app = len(trips["app"]), trips["app"]
    place = random.integers(0, 1 << 16, rows)
    trips["base"] = np.zeros(rows, np.int32)
    for number, places in app_places(profile).items():
        mine = app == number
        trips["base"][mine] = places[place[mine] % len(places)]
    trips["originating"] = np.where(app == _UBER, trips["base"], NULL)
    waited = (np.exp(random.standard_normal(rows, dtype=np.float32) * 0.5) * 60).astype(np.int64)
    stood = np.minimum(waited, random.integers(0, 180, rows))
    trips["request"] = trips["pickup"] - stood - 4 * waited
    trips["on_scene"] = np.where(app == _UBER, trips["pickup"] - stood, NULL)
    trips["trip_time"] = trips["seconds"].copy()


def _share(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Say who would share a ride, who did, and who needed an accessible car."""
    rows, trip = len(trips["app"]), profile.trip
    drawn = random.random((4, rows), dtype=np.float32)
    asked = drawn[0] < trip["shared"]
    trips["shared"] = np.where(asked, 1, NULL)
    trips["shared_request"] = np.where(asked, _YES, _NO)
    trips["shared_match"] = np.where(asked & (drawn[1] < trip["matched"]), _YES, _NO)
    trips["access_a_ride"] = np.where(trips["app"] == _UBER, _SILENT, _NO)
    trips["wav_request"] = np.where(drawn[2] < trip["wav_requested"], _YES, _NO)
    trips["wav_match"] = np.where((trips["wav_request"] == _YES) | (drawn[3] < trip["wav_matched"]), _YES, _NO)


def _charge(profile: Profile, trips: dict[str, Numbers], random: np.random.Generator) -> None:
    """Charge miles and minutes at the hour's price, and what the law adds; pay the driver most of it."""
    rows, money = len(trips["app"]), profile.money
    worth = money["mile"] * trips["distance"] / 100 + money["minute"] * trips["seconds"] / 60
    drawn = random.random((4, rows), dtype=np.float32)
    surge = 0.85 + 0.6 * drawn[0] ** 3
    fare = np.maximum(money["least"], (money["base"] + worth) * surge).astype(np.int32)
    trips["fare"] = fare
    zones = (trips["pickup_zone"], trips["dropoff_zone"])
    airport = np.isin(zones[0], _AIRPORTS) | np.isin(zones[1], _AIRPORTS)
    tolled = drawn[1] < np.where(airport, money["toll_share"], 0.03)
    trips["tolls"] = np.where(tolled, money["toll"], 0).astype(np.int32)
    charged = fare + trips["tolls"]
    trips["fund"] = (charged * money["fund_per_mille"] // 1000).astype(np.int32)
    trips["tax"] = (charged * money["tax_per_mille"] // 1000).astype(np.int32)
    central = np.isin(zones[0], profile.zones["busiest"]) & np.isin(zones[1], profile.zones["busiest"])
    congestion = np.where(trips["shared"] == 1, money["congestion_shared"], money["congestion"])
    trips["congestion"] = np.where(central, congestion, 0).astype(np.int32)
    trips["airport"] = np.full(rows, NULL, np.int32)
    if money["airport"]:
        trips["airport"] = np.where(airport, money["airport"], 0).astype(np.int32)
    trips["cbd"] = np.full(rows, NULL, np.int32)
    if money["cbd"]:
        begun = trips["pickup"] >= seconds(money["cbd_since"])
        trips["cbd"] = np.where(central & begun, money["cbd"], 0).astype(np.int32)
    tipped = drawn[2] < money["tip_share"]
    trips["tip"] = np.where(tipped, np.maximum(100, charged * (10 + 15 * drawn[3]) // 100), 0).astype(np.int32)
    trips["pay"] = (np.maximum(worth, money["least_pay"]) * money["pay_share"]).astype(np.int32)
