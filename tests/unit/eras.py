"""The eras of the official CSV files, each with the first row of one of its files as a person reads it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Era:
    """Months whose files look alike: which, one of them, and its first row; what is not named there is null."""

    dataset: str
    first: str
    last: str
    shown: str
    row: dict[str, Any]


def at(text: str) -> dt.datetime:
    """Return a moment."""
    return dt.datetime.fromisoformat(text)


def usd(text: str) -> Decimal:
    """Return dollars and cents."""
    return Decimal(text)


def money(names: str, values: str) -> dict[str, Decimal]:
    """Return amounts by column."""
    return {name: usd(value) for name, value in zip(names.split(), values.split(), strict=True)}


OLD = "fare_amount extra tip_amount tolls_amount total_amount"
TAXED = "fare_amount extra mta_tax tip_amount tolls_amount total_amount"
IMPROVED = "fare_amount extra mta_tax tip_amount tolls_amount improvement_surcharge total_amount"


def yellow(vendor: int, times: tuple[str, str], passengers: int, miles: float, payment: int) -> dict[str, Any]:
    """Return what every yellow row has."""
    pickup, dropoff = times
    return {
        "vendorid": vendor,
        "tpep_pickup_datetime": at(pickup),
        "tpep_dropoff_datetime": at(dropoff),
        "passenger_count": passengers,
        "trip_distance": miles,
        "payment_type": payment,
    }


def green(times: tuple[str, str], passengers: int, miles: float, payment: int) -> dict[str, Any]:
    """Return what every green row of vendor 2 has."""
    row = yellow(2, times, passengers, miles, payment)
    return {name.replace("tpep", "lpep"): value for name, value in row.items()} | {
        "store_and_fwd_flag": "N",
        "ratecodeid": 1,
    }


def place(pickup: tuple[float, float], dropoff: tuple[float, float]) -> dict[str, float]:
    """Return coordinates, longitude first."""
    names = ("pickup_longitude", "pickup_latitude", "dropoff_longitude", "dropoff_latitude")
    return dict(zip(names, (*pickup, *dropoff), strict=True))


def zones(pickup: int, dropoff: int) -> dict[str, int]:
    """Return taxi zones."""
    return {"pulocationid": pickup, "dolocationid": dropoff}


FLAGGED = {"store_and_fwd_flag": "N", "ratecodeid": 1}

ERAS = [
    Era(
        dataset="yellow",
        first="2009-01",
        last="2009-12",
        shown="2009-01",
        row=yellow(2, ("2009-01-04 02:52:00", "2009-01-04 03:02:00"), 1, 2.63, 2)
        | place((-73.991957, 40.721567), (-73.993803, 40.695922))
        | money(OLD, "8.90 0.50 0.00 0.00 9.40"),
    ),
    Era(
        dataset="yellow",
        first="2010-01",
        last="2013-12",
        shown="2011-01",
        row=yellow(1, ("2011-01-29 02:38:35", "2011-01-29 02:47:07"), 1, 1.2, 2)
        | place((-74.005254, 40.729084), (-73.988697, 40.727127))
        | money(TAXED, "6.10 0.50 0.50 0.00 0.00 7.10")
        | FLAGGED,
    ),
    Era(
        dataset="yellow",
        first="2014-01",
        last="2014-12",
        shown="2014-01",
        row=yellow(1, ("2014-01-09 20:45:25", "2014-01-09 20:52:31"), 1, 0.7, 1)
        | place((-73.99477, 40.736828), (-73.982227, 40.73179))
        | money(TAXED, "6.50 0.50 0.50 1.40 0.00 8.90")
        | FLAGGED,
    ),
    Era(
        dataset="yellow",
        first="2015-01",
        last="2016-06",
        shown="2015-07",
        row=yellow(1, ("2015-07-01 00:00:00", "2015-07-01 00:15:26"), 1, 3.5, 2)
        | place((-73.994155883789063, 40.751125335693359), (-73.976821899414063, 40.788566589355469))
        | money(IMPROVED, "14.00 0.50 0.50 0.00 0.00 0.30 15.30")
        | FLAGGED,
    ),
    Era(
        dataset="yellow",
        first="2016-07",
        last="2016-12",
        shown="2016-07",
        row=yellow(1, ("2016-07-10 06:56:05", "2016-07-10 06:59:53"), 1, 0.5, 1)
        | zones(263, 236)
        | money(IMPROVED, "4.50 1.00 0.50 2.70 0.00 0.30 9.00")
        | FLAGGED,
    ),
    Era(
        dataset="yellow",
        first="2017-01",
        last="2018-12",
        shown="2018-01",
        row=yellow(1, ("2018-01-01 00:21:05", "2018-01-01 00:24:23"), 1, 0.5, 2)
        | zones(41, 24)
        | money(IMPROVED, "4.50 0.50 0.50 0.00 0.00 0.30 5.80")
        | FLAGGED,
    ),
    Era(
        dataset="yellow",
        first="2019-01",
        last="2021-07",
        shown="2019-03",
        row=yellow(1, ("2019-03-01 00:24:41", "2019-03-01 00:25:31"), 1, 0.0, 2)
        | zones(145, 145)
        | money(IMPROVED + " congestion_surcharge", "2.50 0.50 0.50 0.00 0.00 0.30 3.80 0.00")
        | FLAGGED,
    ),
    Era(
        dataset="green",
        first="2013-08",
        last="2013-12",
        shown="2013-09",
        row=green(("2013-09-01 00:02:00", "2013-09-01 00:54:51"), 5, 14.35, 1)
        | place((-73.952407836914062, 40.810726165771484), (-73.983940124511719, 40.676284790039063))
        | money(TAXED, "50.50 0.50 0.50 10.30 0.00 61.80"),
    ),
    Era(
        dataset="green",
        first="2014-01",
        last="2014-12",
        shown="2014-11",
        row=green(("2014-11-01 00:00:00", "2014-11-01 00:08:17"), 1, 2.7, 1)
        | place((-73.964836120605469, 40.806598663330078), (-73.94891357421875, 40.836437225341797))
        | money(TAXED, "10.00 0.50 0.00 2.60 0.00 13.10")
        | {"vendorid": 1, "trip_type": 1},
    ),
    Era(
        dataset="green",
        first="2015-01",
        last="2015-06",
        shown="2015-01",
        row=green(("2015-01-01 00:34:42", "2015-01-01 00:38:34"), 1, 0.88, 2)
        | place((-73.922592163085938, 40.754528045654297), (-73.91363525390625, 40.765522003173828))
        | money(IMPROVED, "5.00 0.50 0.50 0.00 0.00 0.30 6.30")
        | {"trip_type": 1},
    ),
    Era(
        dataset="green",
        first="2015-07",
        last="2016-06",
        shown="2016-01",
        row=green(("2016-01-01 00:29:24", "2016-01-01 00:39:36"), 1, 1.46, 1)
        | place((-73.928642272949219, 40.680610656738281), (-73.924278259277344, 40.698043823242188))
        | money(IMPROVED, "8.00 0.50 0.50 1.86 0.00 0.30 11.16")
        | {"trip_type": 1},
    ),
    Era(
        dataset="green",
        first="2016-07",
        last="2016-12",
        shown="2016-07",
        row=green(("2016-07-01 00:01:22", "2016-07-01 00:38:57"), 1, 7.14, 1)
        | zones(7, 41)
        | money(IMPROVED, "28.00 0.00 0.50 5.76 0.00 0.30 34.56")
        | {"trip_type": 1},
    ),
    Era(
        dataset="green",
        first="2017-01",
        last="2018-12",
        shown="2018-01",
        row=green(("2018-01-01 00:18:50", "2018-01-01 00:24:39"), 5, 0.7, 2)
        | zones(236, 236)
        | money(IMPROVED, "6.00 0.50 0.50 0.00 0.00 0.30 7.30")
        | {"trip_type": 1},
    ),
    Era(
        dataset="green",
        first="2019-01",
        last="2021-07",
        shown="2019-01",
        row=green(("2018-12-21 15:17:29", "2018-12-21 15:18:57"), 5, 0.0, 2)
        | zones(264, 264)
        | money(IMPROVED, "3.00 0.50 0.50 0.00 0.00 0.30 4.30")
        | {"trip_type": 1},
    ),
    Era(
        dataset="fhv",
        first="2015-01",
        last="2016-12",
        shown="2015-03",
        row={"dispatching_base_num": "B00029", "pickup_datetime": at("2015-03-01 00:02:00"), "pulocationid": 213},
    ),
    Era(
        dataset="fhv",
        first="2017-01",
        last="2017-06",
        shown="2017-01",
        row={"dispatching_base_num": "B00001", "pickup_datetime": at("2017-01-01 00:30:00")},
    ),
    Era(
        dataset="fhv",
        first="2017-07",
        last="2017-12",
        shown="2017-07",
        row={
            "dispatching_base_num": "B02817",
            "pickup_datetime": at("2017-07-18 21:29:00"),
            "dropoff_datetime": at("2017-07-18 21:30:38"),
        }
        | zones(144, 132),
    ),
    Era(
        dataset="fhv",
        first="2018-01",
        last="2018-12",
        shown="2018-03",
        row={
            "dispatching_base_num": "B02836",
            "pickup_datetime": at("2018-03-14 16:09:42"),
            "dropoff_datetime": at("2018-03-14 16:45:56"),
            "sr_flag": 1,
            "second_base_num": "",
        }
        | zones(241, 47),
    ),
    Era(
        dataset="fhv",
        first="2019-01",
        last="2021-07",
        shown="2019-03",
        row={
            "dispatching_base_num": "B00013",
            "pickup_datetime": at("2019-03-01 00:09:15"),
            "dropoff_datetime": at("2019-03-01 00:26:20"),
        }
        | zones(264, 264),
    ),
    Era(
        dataset="fhvhv",
        first="2019-02",
        last="2021-07",
        shown="2019-03",
        row={
            "hvfhs_license_num": "HV0004",
            "dispatching_base_num": "B02800",
            "pickup_datetime": at("2019-03-01 00:13:55"),
            "dropoff_datetime": at("2019-03-01 00:28:51"),
            "sr_flag": 1,
        }
        | zones(36, 80),
    ),
]
