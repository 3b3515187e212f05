"""Every era of every dataset, by the first bytes of 151 official files: each value in its column, as the text says it.

The first rows of each era are written out here as a person reads them; all rows of all files are compared with their
text by a reader of a few lines that knows nothing of the engine.
"""

from __future__ import annotations

import csv
import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest

from engine import catalog
from engine.decode import CsvLayout, Quarantine, Report, batches, read_layout, scan
from engine.month import Month
from tests.unit.eras import ERAS, Era, at

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"(\w+)_tripdata_(\d{4}-\d{2})\.csv")
HEADS = 151


def decoded(path: Path, folder: Path) -> tuple[CsvLayout, pl.DataFrame, Report]:
    """Decode a head up to its last whole line, as a file of its month."""
    found = NAME.fullmatch(path.name)
    assert found is not None
    content = path.read_bytes()
    whole = folder / path.name
    whole.write_bytes(content[: content.rfind(b"\n") + 1])
    layout = read_layout(whole, catalog.find(found[1]), Month.parse(found[2]), name=path.name)
    assert isinstance(layout, CsvLayout)
    report = Report()
    lf = scan(whole, layout, strict=False, report=report, quarantine=Quarantine(folder / "rejects"))
    return layout, pl.concat(list(batches(lf, report))), report


@pytest.mark.parametrize("era", ERAS, ids=lambda era: f"{era.dataset}-{era.first}")
def test_the_first_row_of_an_era(era: Era, tmp_path: Path, shared_data: Path) -> None:
    """Each value stands in its column as a person reads it in the text, and every other column is null."""
    layout, frame, _ = decoded(shared_data / "heads" / f"{era.dataset}_tripdata_{era.shown}.csv", tmp_path)
    expected = dict.fromkeys((c.name for c in layout.columns), None) | era.row
    assert frame.row(0, named=True) == expected


def test_every_head_is_of_one_era(shared_data: Path) -> None:
    """Every file belongs to exactly one era, and every era has files."""
    counts = dict.fromkeys(((era.dataset, era.first) for era in ERAS), 0)
    for path in (shared_data / "heads").glob("*.csv"):
        found = NAME.fullmatch(path.name)
        assert found is not None
        eras = [e for e in ERAS if e.dataset == found[1] and e.first <= found[2] <= e.last]
        assert len(eras) == 1, path.name
        counts[eras[0].dataset, eras[0].first] += 1
    assert sum(counts.values()) == HEADS
    assert all(counts.values())


# What a header calls a column, in any era -> the column; the same words on both sides are left out.
RENAMED = {
    "vendor_name": "vendorid",
    "vendor_id": "vendorid",
    "trip_pickup_datetime": "tpep_pickup_datetime",
    "trip_dropoff_datetime": "tpep_dropoff_datetime",
    "start_lon": "pickup_longitude",
    "start_lat": "pickup_latitude",
    "end_lon": "dropoff_longitude",
    "end_lat": "dropoff_latitude",
    "rate_code": "ratecodeid",
    "store_and_forward": "store_and_fwd_flag",
    "fare_amt": "fare_amount",
    "tip_amt": "tip_amount",
    "tolls_amt": "tolls_amount",
    "total_amt": "total_amount",
    "surcharge": "extra",
    "pickup_date": "pickup_datetime",
    "locationid": "pulocationid",
    "dispatching_base_number": "dispatching_base_num",
}
CASH, CARD, FREE, DISPUTED, UNKNOWN = 2, 1, 3, 4, 5
TEXTS = {
    "vendorid": {"CMT": 1, "VTS": 2},
    "payment_type": {"CASH": CASH, "CAS": CASH, "CSH": CASH, "CREDIT": CARD, "CRE": CARD, "CRD": CARD}
    | {"NO CHARGE": FREE, "NOC": FREE, "DISPUTE": DISPUTED, "DIS": DISPUTED, "UNK": UNKNOWN},
}
CENT = Decimal("0.01")


def columns_of(dataset: str, month: str, names: list[str]) -> list[str]:
    """Return the column of each name of a header."""
    found = []
    for name in names:
        column = RENAMED.get(name.strip().lower(), name.strip().lower())
        if dataset == "yellow" and "2010" <= month < "2015" and column in ("pickup_datetime", "dropoff_datetime"):
            column = f"tpep_{column}"
        if dataset == "fhv" and month[:4] == "2018" and name == "Dispatching_base_num":
            column = "second_base_num"
        found.append(column)
    return found


def value_of(column: str, text: str, *, quoted: bool) -> object:
    """Return what a text means in a column."""
    if column in ("dispatching_base_num", "second_base_num", "hvfhs_license_num"):
        return text or ("" if quoted else None)
    if not text:
        return None
    if not text.isdigit() and column in TEXTS:
        return TEXTS[column].get(text.upper())
    if column == "store_and_fwd_flag":
        return {"0": "N", "1": "Y"}.get(text, text)
    if column.endswith("datetime"):
        return at(text)
    return number_of(column, text)


def number_of(column: str, text: str) -> object:
    """Return what a number means in a column."""
    if column == "trip_distance" or column.endswith("tude"):
        return float(text)
    if column.endswith(("id", "count", "type", "flag")):
        return int(text)
    return Decimal(float(text)).quantize(CENT, ROUND_HALF_EVEN)


def test_every_value_of_every_head(shared_data: Path, tmp_path: Path) -> None:
    """In all 151 files every row has, in every column, what its text says there; nothing else is a value."""
    rows = 0
    for path in sorted((shared_data / "heads").glob("*.csv")):
        _, frame, report = decoded(path, tmp_path)
        assert report.quarantined == 0, path.name
        dataset, month = path.name.removesuffix(".csv").split("_tripdata_")
        lines = [line.strip(b"\r") for line in path.read_bytes().split(b"\n")[:-1]]
        header, *data = [line.decode() for line in lines if line]
        names = columns_of(dataset, month, next(csv.reader([header], skipinitialspace=True)))
        assert frame.height == len(data) == report.lines, path.name
        for line, row in zip(data, frame.iter_rows(named=True), strict=True):
            texts = next(csv.reader([line]))
            expected = {c: value_of(c, t, quoted=line.startswith('"')) for c, t in zip(names, texts, strict=False)}
            if "vendorid" in expected and "vendor_code" in row:
                unmapped = expected["vendorid"] is None and texts[0]
                expected |= {"vendor_code": texts[0] if unmapped else None, "payment_code": None}
            assert row == expected, f"{path.name}: {line}"
            rows += 1
    assert rows > 1000
