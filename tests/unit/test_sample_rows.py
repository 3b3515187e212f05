"""Rows of samples, era by era: written as real ones, read whole by the decode step, and plausible for their time."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import polars as pl
import pytest

from engine.month import Month
from engine.sample import write_sample
from tests.unit.sampled import CSV, PARQUET, before_rows, decoded, months

if TYPE_CHECKING:
    from pathlib import Path

# What a field can look like; a real field's class must be one that the sample's column has too.
_CLASSES = {
    "empty": r"",
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "whole": r"-?\d+",
    "digits": r"-?\d+\.\d{13,16}",
    "short": r"-?\d+\.\d{1,2}",
    "bare": r"\.\d\d",
    "degrees": r"-?\d+\.\d{3,12}",
}
# Dispatched trips pay no improvement surcharge; green samples from 2019 on must keep their bytes, and always have it.
_FROZEN = {"whole"}


def _shape(field: str) -> str:
    return next((name for name, form in _CLASSES.items() if re.fullmatch(form, field)), "text")


def _rows(data: bytes) -> list[list[str]]:
    """Return the whole rows of a file."""
    lines = data[len(before_rows(data)) :].decode().split("\r\n")[:-1]
    return list(csv.reader(lines))


def test_fields_look_as_published(tmp_path: Path, shared_data: Path) -> None:
    """In all 151 heads: as many fields in a row, and each field in a form that the sample's column has."""
    for head in sorted((shared_data / "heads").glob("*.csv")):
        dataset, _, month = head.stem.split("_")
        path = write_sample(dataset, Month.parse(month), rows=3000, folder=tmp_path, compress=False, seed=1)
        real, made = _rows(head.read_bytes()), _rows(path.read_bytes())
        assert {len(row) for row in real} == {len(row) for row in made}, head.name
        assert (b'"' in head.read_bytes()) == (b'"' in path.read_bytes()), head.name
        for place in range(len(real[0])):
            found = {_shape(row[place]) for row in real} - {_shape(row[place]) for row in made}
            known = _FROZEN if (dataset, place) == ("green", 15) and month >= "2019-01" else set()
            assert found <= known, (head.name, place, found)


def test_texts_of_codes_are_those_of_real_rows(tmp_path: Path, shared_data: Path) -> None:
    """Vendors, payments and flags of 2009 to 2014 that stand in a head stand in the sample too."""
    for head in sorted((shared_data / "heads").glob("yellow_tripdata_20*.csv")):
        month = Month.parse(head.stem[-7:])
        if month > Month(2014, 12):
            continue
        path = write_sample("yellow", month, rows=3000, folder=tmp_path, compress=False)
        real, made = _rows(head.read_bytes()), _rows(path.read_bytes())
        for place in (0, 8, 11):
            assert {row[place] for row in real} <= {row[place] for row in made}, (head.name, place)


@pytest.mark.parametrize(("dataset", "month"), [*months(CSV), *months(PARQUET)], ids=str)
def test_every_era_is_read_whole(dataset: str, month: Month, tmp_path: Path) -> None:
    """The decode step takes each row of a month as it was published, rounds nothing, and finds times in their month."""
    found = decoded(tmp_path, dataset, month)
    assert (found.report.rows, found.report.quarantined, found.report.rounded) == (3000, 0, 0)
    time = next(name for name in found.frame.columns if name.endswith("pickup_datetime"))
    inside = found.frame[time].dt.strftime("%Y-%m") == str(month)
    assert inside.sum() > 2900
    assert found.frame["pulocationid"].drop_nulls().is_between(1, 265).all() if "pulocationid" in found.frame else True


@pytest.mark.parametrize(
    ("dataset", "month"), [pair for pair in [*months(CSV), *months(PARQUET)] if pair[0] in ("yellow", "green")], ids=str
)
def test_amounts_add_up_and_fit_their_time(dataset: str, month: Month, tmp_path: Path) -> None:
    """Totals are sums; surcharges are charged since they exist; coordinates lie in the city or are 0."""
    frame = decoded(tmp_path, dataset, month).frame
    later = [c for c in ("airport_fee", "cbd_congestion_fee", "improvement_surcharge") if c in frame.columns]
    parts = ["fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", *later]
    unexplained = pl.col("total_amount") - pl.sum_horizontal(parts)
    congestion = pl.col("congestion_surcharge").cast(pl.Decimal(10, 2))
    charged = frame.filter(pl.col("fare_amount") > 0)
    if Month(2009, 11) <= month <= Month(2009, 12):  # now and then the tax is empty, and in the total
        charged = charged.filter(pl.col("mta_tax").is_not_null())
    if month < Month(2019, 1):
        assert charged.filter(unexplained != 0).is_empty()
    else:  # vendor 1 books the congestion surcharge within `extra`; where it is empty, the total says what it was
        assert charged.filter(unexplained != 0, unexplained != congestion).is_empty()
    improvement = frame["improvement_surcharge"].abs().max() if "improvement_surcharge" in frame.columns else 0
    assert (improvement != 0) == (month >= Month(2015, 1))
    if month < Month(2019, 1):
        assert "congestion_surcharge" not in frame.columns
    if month < Month(2016, 7):
        for end in ("pickup", "dropoff"):
            there = frame.filter(pl.col(f"{end}_longitude") != 0)
            assert there.height > 0.9 * frame.height
            assert there[f"{end}_longitude"].is_between(-74.3, -73.7).all()
            assert there[f"{end}_latitude"].is_between(40.5, 41).all()


def test_the_apps_cars_have_plausible_times_and_money(tmp_path: Path) -> None:
    """A car is asked for before it comes, fares are positive, drivers get no more than passengers pay, on the whole."""
    frame = decoded(tmp_path, "fhvhv", Month(2023, 5)).frame
    assert frame.filter(pl.col("request_datetime") > pl.col("pickup_datetime")).is_empty()
    assert frame.filter(pl.col("on_scene_datetime") > pl.col("pickup_datetime")).is_empty()
    share = frame.select(pl.col("driver_pay").cast(float).sum() / pl.col("base_passenger_fare").cast(float).sum())
    assert 0.5 < share.item() < 1
    assert frame["hvfhs_license_num"].unique().sort().to_list() == ["HV0003", "HV0005"]


def test_bases_have_the_faults_of_real_ones(tmp_path: Path) -> None:
    """Now and then a base is in lower case, or has a space behind."""
    frame = decoded(tmp_path, "fhv", Month(2019, 5), rows=20_000).frame
    bases = frame["dispatching_base_num"]
    assert bases.str.contains("^b[0-9]{5}$").any()
    assert bases.str.contains("^B[0-9]{5} $").any()
    assert bases.str.contains("(?i)^b[0-9]{5} ?$").all()
