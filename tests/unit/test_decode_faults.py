"""Faults of form in real files: accepted in the months in which they are known, exactly so, and refused elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from engine import catalog
from engine.decode import CsvLayout, Quarantine, Report, batches, read_layout, scan
from engine.errors import HeaderMismatch
from engine.month import Month

if TYPE_CHECKING:
    from pathlib import Path

ZONES = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,store_and_fwd_flag,"
    "PULocationID,DOLocationID,payment_type,fare_amount,extra,mta_tax,tip_amount,tolls_amount,improvement_surcharge,"
    "total_amount"
)
ZONES_ROW = "1,2017-01-09 11:13:28,2017-01-09 11:25:45,1,3.30,1,N,263,161,1,12.5,0,0.5,2,0,0.3,15.3"
OLD = (
    "vendor_id,pickup_datetime,dropoff_datetime,passenger_count,trip_distance,pickup_longitude,pickup_latitude,"
    "rate_code,store_and_fwd_flag,dropoff_longitude,dropoff_latitude,payment_type,fare_amount,surcharge,mta_tax,"
    "tip_amount,tolls_amount,total_amount"
)
OLD_ROW = "CMT,2014-01-09 20:45:25,2014-01-09 20:52:31,1,0.7,-73.99,40.73,1,N,-73.98,40.73,CRD,6.5,0.5,0.5,1.4,0,8.9"
GREEN = (
    "VendorID,lpep_pickup_datetime,Lpep_dropoff_datetime,Store_and_fwd_flag,RateCodeID,Pickup_longitude,"
    "Pickup_latitude,Dropoff_longitude,Dropoff_latitude,Passenger_count,Trip_distance,Fare_amount,Extra,MTA_tax,"
    "Tip_amount,Tolls_amount,Ehail_fee,Total_amount,Payment_type,Trip_type"
)
GREEN_ROW = "2,2014-01-01 00:00:00,2014-01-01 01:08:06,N,1,0,0,-73.86,40.87,1,6.47,20,0.5,0.5,0,0,,21,1,"
FHV = "Dispatching_base_num,Pickup_DateTime,DropOff_datetime,PUlocationID,DOlocationID,SR_Flag"
FHV_ROW = "B02817,2017-07-18 21:29:00,2017-07-18 21:30:38,144,132,"


def quoted(line: str) -> str:
    """Return a line with every field in quotes."""
    return ",".join(f'"{field}"' for field in line.split(","))


def layout_of(folder: Path, dataset: str, month: str, content: str) -> CsvLayout:
    """Return what the head of a file says."""
    path = folder / "month.csv"
    path.write_bytes(content.encode())
    layout = read_layout(path, catalog.find(dataset), Month.parse(month), name=path.name)
    assert isinstance(layout, CsvLayout)
    return layout


def drained(folder: Path, dataset: str, month: str, content: str) -> tuple[pl.DataFrame, Report]:
    """Return a file's rows and its report."""
    layout, report = layout_of(folder, dataset, month, content), Report()
    lf = scan(folder / "month.csv", layout, strict=False, report=report, quarantine=Quarantine(folder / "rejects"))
    return pl.concat(list(batches(lf, report))), report


BLANK, TWO_BLANK, PLAIN = "\n\r\n", "\n\n\r\n", "\r\n"
# dataset, header, row, what stands between them: months that have it, months that do not
FAULTS = [
    ("yellow", OLD, OLD_ROW, BLANK, ["2010-01", "2013-12", "2014-12"], []),
    ("yellow", ZONES, ZONES_ROW, BLANK, ["2017-01", "2018-12"], ["2016-07", "2016-12"]),
    ("yellow", ZONES, ZONES_ROW, TWO_BLANK, [], ["2017-01", "2018-12"]),
    ("yellow", ZONES, ZONES_ROW, "\n", [], ["2017-01", "2018-12"]),
    ("yellow", OLD.replace(",", ", "), OLD_ROW, PLAIN, ["2014-01", "2014-12"], ["2010-01", "2013-12"]),
    ("yellow", OLD.replace(",", ",  "), OLD_ROW, PLAIN, [], ["2014-01"]),
    ("yellow", ZONES.replace("extra", "extra "), ZONES_ROW, PLAIN, [], ["2016-07", "2017-01"]),
    ("yellow", quoted(ZONES), ZONES_ROW, PLAIN, [], ["2016-07", "2018-01"]),
    ("yellow", ZONES, f"{ZONES_ROW},,", PLAIN, ["2016-07", "2016-12"], ["2017-01", "2018-12"]),
    ("yellow", ZONES, f"{ZONES_ROW},", PLAIN, [], ["2016-07", "2017-01"]),
    ("green", GREEN + " ", f"{GREEN_ROW},,", BLANK, ["2013-08", "2013-12"], ["2014-01"]),
    ("green", GREEN + " ", f"{GREEN_ROW},,", TWO_BLANK, ["2014-01", "2014-12"], ["2013-12"]),
    ("green", GREEN + "  ", f"{GREEN_ROW},,", TWO_BLANK, [], ["2014-01"]),
    ("fhv", quoted(FHV), quoted(FHV_ROW), PLAIN, ["2017-07", "2017-12"], ["2019-01"]),
    ("fhv", FHV.replace(",", ", "), FHV_ROW, PLAIN, [], ["2017-07", "2019-01"]),
]


@pytest.mark.parametrize(("dataset", "header", "row", "between", "known", "unknown"), FAULTS)
def test_a_fault_is_accepted_only_where_it_is_known(
    dataset: str, header: str, row: str, between: str, known: list[str], unknown: list[str], tmp_path: Path
) -> None:
    """In its months the file is read whole; in any other month the same bytes are refused, with the reason."""
    content = f"{header}{between}{row}\r\n{row}\r\n"
    for month in known:
        frame, report = drained(tmp_path, dataset, month, content)
        assert (frame.height, report.quarantined) == (2, 0), month
    for month in unknown:
        with pytest.raises(HeaderMismatch) as caught:
            layout_of(tmp_path, dataset, month, content)
        assert "mend the file, or declare the fault" in caught.value.next_step


@pytest.mark.parametrize(
    ("dataset", "header", "row", "month"),
    [
        ("yellow", OLD, OLD_ROW, "2012-05"),
        ("yellow", OLD, OLD_ROW, "2014-05"),
        ("yellow", ZONES, ZONES_ROW, "2016-09"),
        ("yellow", ZONES, ZONES_ROW, "2017-09"),
        ("green", GREEN, GREEN_ROW, "2014-02"),
        ("fhv", FHV, FHV_ROW, "2017-11"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_without_the_fault_is_fine_in_any_month(
    dataset: str, header: str, row: str, month: str, end: str, tmp_path: Path
) -> None:
    """Whoever mended the file can load it too, whichever way its lines end."""
    frame, report = drained(tmp_path, dataset, month, f"{header}{end}{row}{end}")
    assert (frame.height, report.quarantined) == (1, 0)


@pytest.mark.parametrize("surplus", [",,7", ",7,", ',,"7"'])
def test_a_value_in_a_field_without_a_name_is_a_reject(surplus: str, tmp_path: Path) -> None:
    """The fields that have no name are empty in every known file: a value there belongs to nobody."""
    rows = [ZONES_ROW + ",,", ZONES_ROW + surplus, ZONES_ROW + ",,"]
    frame, report = drained(tmp_path, "yellow", "2016-08", "\r\n".join([ZONES, *rows]) + "\r\n")
    assert (frame.height, report.quarantined) == (2, 1)
    assert (report.first_rejects[0].line, report.first_rejects[0].column) == (3, None)
    assert report.first_rejects[0].reason == "a value in a field without a name: '7'"


def test_a_row_of_another_length_is_a_reject_as_ever(tmp_path: Path) -> None:
    """One row with two fields more is a bad row of a good file; it says nothing of the others."""
    content = "\r\n".join([ZONES, ZONES_ROW, ZONES_ROW + ",,", ZONES_ROW]) + "\r\n"
    frame, report = drained(tmp_path, "yellow", "2018-03", content)
    assert (frame.height, report.quarantined) == (2, 1)
    assert report.first_rejects[0].reason == "19 fields instead of 17"


@pytest.mark.parametrize("odd", [ZONES_ROW, f"{ZONES_ROW},,,", "1,2"])
def test_one_odd_row_among_the_first_says_nothing_of_the_others(odd: str, tmp_path: Path) -> None:
    """In a month with fields without a name, a short or long row near the top is one reject, and the rest are rows."""
    rows = [f"{ZONES_ROW},,"] * 3
    frame, report = drained(tmp_path, "yellow", "2016-08", "\r\n".join([ZONES, rows[0], odd, *rows]) + "\r\n")
    assert (frame.height, report.quarantined) == (4, 1)
    assert report.first_rejects[0].line == 3


def test_names_of_another_era_are_refused(tmp_path: Path) -> None:
    """What 2009 called a column says nothing in 2019: an old file under a new name is found out."""
    with pytest.raises(HeaderMismatch) as caught:
        layout_of(tmp_path, "yellow", "2019-01", f"{OLD}\r\n{OLD_ROW}\r\n")
    assert caught.value.facts["found"] == "vendor_id"
