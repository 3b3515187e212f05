"""Rows, rejects and counts of whole files, block by block."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import threading
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.catalog import find
from engine.contract import Column, Contract, Dataset, Identity, Policy, UnknownPolicy
from engine.decode import Quarantine, Report, batches, draining, read_layout, scan
from engine.decode.blocks import Stopped
from engine.errors import BadInput, EngineError, TornInput
from engine.logical import Logical
from engine.month import Month

DATA = Path("../shared/data")
MONTH = Month(2020, 1)
HEADER = b"n,at,fare,flag,x,day,ok\n"
GOOD = b"1,2020-01-02 03:04:05,9.50,N,.5,2020-01-02,true\n"
LIMIT = 1 << 16


def dataset(unknown: UnknownPolicy = "freeze") -> Dataset:
    """Return a dataset with a column of each type; `n` is not nullable."""
    kinds = {"n": "int16", "at": "datetime", "fare": "decimal(6,2)", "flag": "text", "x": "float64"}
    kinds |= {"day": "date", "ok": "bool"}
    columns = tuple(Column(name=n, type=Logical.parse(k), nullable=n != "n") for n, k in kinds.items())
    return Dataset(
        name="bikes",
        table="bikes",
        file="{dataset}_{month}.csv",
        time=None,
        description="",
        origins=(),
        contract=Contract(
            columns=columns, identity=Identity(version="row-v1", columns=("n",)), policy=Policy(unknown=unknown)
        ),
        defined_in="bikes.toml",
    )


class Decoded:
    """A file drained: its frame sorted by the first column, its report and its rejects."""

    def __init__(
        self,
        folder: Path,
        content: bytes,
        *,
        strict: bool = False,
        block_bytes: int = 8 << 20,
        unknown: UnknownPolicy = "freeze",
        of: Dataset | None = None,
        month: Month = MONTH,
    ) -> None:
        path = folder / "spooled"
        path.write_bytes(content)
        self.report = Report()
        self.quarantine = Quarantine(folder / "rejects")
        layout = read_layout(path, of or dataset(unknown), month, name="f.csv")
        lazy = scan(
            path, layout, strict=strict, report=self.report, quarantine=self.quarantine, block_bytes=block_bytes
        )
        frames = list(batches(lazy, self.report))
        self.frame = pl.concat(frames) if frames else lazy.clear().collect()
        self.rejects = [tuple(r.values()) for b in self.quarantine.batches() for r in b.to_pylist()]
        report = self.report
        assert report.complete
        assert report.lines == report.rows + report.quarantined
        assert (self.frame.height, len(self.rejects)) == (report.rows, report.quarantined)


def test_every_type_is_read(tmp_path: Path) -> None:
    """Values, types and order of the columns are those of the contract."""
    frame = Decoded(tmp_path, HEADER + GOOD).frame
    at = dt.datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001 - local wall-clock time
    assert frame.rows() == [(1, at, Decimal("9.50"), "N", 0.5, at.date(), True)]
    kinds = [pl.Int16(), pl.Datetime("us"), pl.Decimal(6, 2), pl.String(), pl.Float64(), pl.Date(), pl.Boolean()]
    assert frame.dtypes == kinds


ROW = "1,2020-01-02 03:04:05,9.50,N,.5,2020-01-02,true"
BAD = {
    "text in an int": (ROW.replace("1", "abc", 1), "n", "not an int16: 'abc'"),
    "int out of range": (ROW.replace("1", "40000", 1), "n", "not an int16: '40000'"),
    "fraction in an int": (ROW.replace("1", "1.5", 1), "n", "not an int16: '1.5'"),
    "no value": (ROW.replace("1", "", 1), "n", "no value, and the column must have one"),
    "spreadsheet date": (
        ROW.replace("2020-01-02 03:04:05", "01/02/2020 3:04"),
        "at",
        "expected %Y-%m-%d %H:%M:%S, found '01/02/2020 3:04'",
    ),
    "no such day": (ROW.replace("2020-01-02,", "2020-02-30,"), "day", "expected %Y-%m-%d, found '2020-02-30'"),
    "text in a decimal": (ROW.replace("9.50", "free"), "fare", "not a decimal(6,2): 'free'"),
    "decimal too large": (ROW.replace("9.50", "10000"), "fare", "too large for decimal(6,2): '10000'"),
    "NaN in a decimal": (ROW.replace("9.50", "NaN"), "fare", "not a finite number: 'NaN'"),
    "infinite decimal": (ROW.replace("9.50", "-inf"), "fare", "not a finite number: '-inf'"),
    "NaN in a float": (ROW.replace(",.5,", ",NaN,"), "x", "not a finite number: 'NaN'"),
    "float out of range": (ROW.replace(",.5,", ",1e999,"), "x", "not a finite number: '1e999'"),
    "text in a float": (ROW.replace(",.5,", ",half,"), "x", "not a float64: 'half'"),
    "no bool": (ROW.replace("true", "yes"), "ok", "not a bool: 'yes'"),
    "two bad values": (ROW.replace("9.50", "free").replace("true", "yes"), "fare", "not a decimal(6,2): 'free'"),
    "too short": ("1,2020-01-02 03:04:05", None, "2 fields instead of 7"),
    "too long": (ROW + ",1,2", None, "9 fields instead of 7"),
    "NUL": (ROW.replace("N", "N\0"), None, "a NUL byte"),
    "text after a quote": (ROW.replace("N", '"N"x'), None, "text after a closing quote"),
    "quote within": (ROW.replace("N", 'N"x'), None, "a quote inside an unquoted value"),
    "open quote": (ROW.replace("N", '"N'), None, "a quote is not closed on its line"),
    "braces": (ROW.replace("1", "{}", 1), "n", "not an int16: '{}'"),
}


@pytest.mark.parametrize("block_bytes", [1, 100, 8 << 20])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_quarantined_with_line_column_reason_and_text(
    tmp_path: Path, name: str, block_bytes: int
) -> None:
    """Between good lines, wherever blocks end, one bad line becomes one reject."""
    line, column, reason = BAD[name]
    found = Decoded(tmp_path, HEADER + GOOD * 2 + line.encode() + b"\n" + GOOD, block_bytes=block_bytes)
    assert found.rejects == [(4, column, reason, line.replace("\0", r"\x00"))]
    assert found.report.rows == 3
    first = found.report.first_rejects
    assert [(r.line, r.column, r.reason) for r in first] == [(4, column, reason)]


def test_bytes_that_are_no_utf8_are_kept_as_escapes(tmp_path: Path) -> None:
    """A Latin-1 letter sends the line to quarantine with its bytes readable; proper UTF-8 beside it is fine."""
    content = HEADER + GOOD.replace(b"N", b"\xe9") + GOOD.replace(b"N", "é".encode())
    found = Decoded(tmp_path, content)
    assert found.rejects == [(2, None, "not UTF-8", ROW.replace("N", r"\xe9"))]
    assert found.frame["flag"].to_list() == ["é"]


def test_bytes_that_are_no_utf8_count_in_dropped_columns_too(tmp_path: Path) -> None:
    """A dropped field changes nothing about which lines are good."""
    content = HEADER.replace(b"\n", b",new\n") + GOOD.replace(b"\n", b",\xe9\n") + GOOD.replace(b"\n", b",y\n")
    found = Decoded(tmp_path, content, unknown="discard")
    assert [r[:3] for r in found.rejects] == [(2, None, "not UTF-8")]
    assert found.frame.columns == [c.name for c in dataset().contract.columns]


@pytest.mark.parametrize("bad", [b",y,z\n", b"\n"])
def test_lines_of_wrong_length_are_found_beside_dropped_columns(tmp_path: Path, bad: bytes) -> None:
    """Too long and too short lines that even out in number are both found."""
    content = HEADER.replace(b"\n", b",new\n") + GOOD.replace(b"\n", b",y\n") * 3
    other = b"\n" if bad != b"\n" else b",y,z\n"
    found = Decoded(tmp_path, content + GOOD.replace(b"\n", bad) + GOOD.replace(b"\n", other), unknown="discard")
    assert found.report.quarantined == 2


def test_short_and_long_lines_that_even_out_are_found(tmp_path: Path) -> None:
    """A missing comma here and one too many there leave the total right, and both lines are rejected."""
    short, long = GOOD.replace(b",N", b"N"), GOOD.replace(b"N", b"N,")
    found = Decoded(tmp_path, HEADER + GOOD + short + long + GOOD)
    assert [r[0] for r in found.rejects] == [3, 4]


def test_evolve_carries_text(tmp_path: Path) -> None:
    """An unknown column arrives as text."""
    content = HEADER.replace(b"\n", b",new\n") + GOOD.replace(b"\n", b",y\n")
    assert Decoded(tmp_path, content, unknown="evolve").frame["new"].to_list() == ["y"]


@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_blank_lines_line_ends_and_a_missing_last_one_are_fine(tmp_path: Path, end: bytes, block_bytes: int) -> None:
    """Blank lines are counted and numbered, and are no data."""
    row = GOOD.rstrip() + end
    content = HEADER + b"\r\n\n" + row + b"\n\r\n" + row.replace(b"1", b"x", 1) + end + row.rstrip()
    found = Decoded(tmp_path, content, block_bytes=block_bytes)
    assert (found.report.rows, found.report.blank, found.report.lines) == (2, 5, 3)
    assert found.rejects[0][0] == 7


def test_quoted_values_are_read_as_their_content(tmp_path: Path) -> None:
    """A wholly quoted line equals the plain one; commas and doubled quotes stay in texts."""
    quoted = b",".join(b'"' + v + b'"' for v in GOOD.rstrip().split(b",")) + b"\n"
    found = Decoded(tmp_path, HEADER + quoted + GOOD + GOOD.replace(b"N", b'"a,""b"""'))
    assert found.frame["flag"].to_list() == ["N", "N", 'a,"b"']
    assert found.frame.drop("flag").n_unique() == 1


def test_empty_is_null_and_quoted_empty_is_an_empty_text(tmp_path: Path) -> None:
    """Quotes tell the empty text from no text; for other types both are null."""
    found = Decoded(tmp_path, HEADER + b'1,,,,,,\n2,"","","","","",""\n')
    assert found.frame.rows() == [(1, *[None] * 6), (2, None, None, "", None, None, None)]


def test_whole_numbers_with_a_point_are_integers(tmp_path: Path) -> None:
    """`1.0` is 1, as pandas writes it once a column has an empty cell."""
    content = HEADER + GOOD.replace(b"1", b"1.0", 1) + GOOD.replace(b"1", b"-7.00", 1) + GOOD.replace(b"1", b"4e4.0", 1)
    found = Decoded(tmp_path, content)
    assert found.frame["n"].to_list() == [1, -7]
    assert found.rejects[0][:3] == (4, "n", "not an int16: '4e4.0'")


def test_money_is_rounded_to_the_cent_and_counted(tmp_path: Path) -> None:
    """A double that is only noisy is exact; one between two cents counts, and ties go to the even cent."""
    values = [b"8.9000000000000004", b"1.234", b"0.125", b"0.375", b"-.5", b"-0"]
    found = Decoded(tmp_path, HEADER + b"".join(GOOD.replace(b"9.50", v) for v in values))
    assert [str(v) for v in found.frame["fare"]] == ["8.90", "1.23", "0.12", "0.38", "-0.50", "0.00"]
    assert found.report.rounded == 3


@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
def test_rounded_values_of_rejects_do_not_count(tmp_path: Path, block_bytes: int) -> None:
    """Only values that are loaded are counted as rounded."""
    line = GOOD.replace(b"9.50", b"1.234")
    found = Decoded(tmp_path, HEADER + line + line.replace(b"true", b"yes"), block_bytes=block_bytes)
    assert found.report.rounded == 1


def test_strict_refuses_what_is_no_whole_cent(tmp_path: Path) -> None:
    """With `strict` a rounded value is a reject."""
    found = Decoded(tmp_path, HEADER + GOOD.replace(b"9.50", b"1.234") + GOOD, strict=True)
    assert [r[:3] for r in found.rejects] == [(2, "fare", "not a whole cent: '1.234'")]
    assert found.report.rounded == 0


@pytest.mark.parametrize("block_bytes", [1000, 1 << 20])
@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 2, 300_000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_over_the_limit_is_one_reject(tmp_path: Path, size: int, end: bytes, block_bytes: int) -> None:
    """However long it is and wherever blocks end, its beginning and its length are kept."""
    found = Decoded(tmp_path, HEADER + GOOD + b"x" * size + end + GOOD, block_bytes=block_bytes)
    assert found.rejects == [(3, None, f"line of {size} bytes is over the limit of {LIMIT}", "x" * LIMIT)]
    assert found.report.rows == 2


@pytest.mark.parametrize("block_bytes", [1000, 1 << 20])
def test_a_line_at_the_limit_is_read(tmp_path: Path, block_bytes: int) -> None:
    """65,536 bytes without the line end are still a line."""
    long = GOOD.rstrip().replace(b"N", b"N" * (LIMIT - len(GOOD) + 2))
    assert len(long) == LIMIT
    found = Decoded(tmp_path, HEADER + long + b"\r\n" + GOOD, block_bytes=block_bytes)
    assert found.report.rows == 2


@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
@pytest.mark.parametrize("tail", [b"1,2020-01-02", GOOD.rstrip().replace(b"true", b'"tr'), b"\0\0\0", b"x" * 100_000])
def test_a_torn_last_line_is_fatal_and_shown(tmp_path: Path, tail: bytes, block_bytes: int) -> None:
    """A last line without end that is not whole stops the month, with its number and text."""
    with pytest.raises(TornInput, match="line 4") as caught:
        Decoded(tmp_path, HEADER + GOOD * 2 + tail, block_bytes=block_bytes)
    assert caught.value.facts["file"] == "f.csv, line 4"
    assert caught.value.facts["found"].startswith(tail[:10].decode().replace("\0", r"\x00"))


def many(lines: int = 3000) -> bytes:
    """Return a file that compresses badly enough to be cut."""
    rows = (
        GOOD.replace(b"9.50", f"{i * 7919 % 9973}".encode()).replace(b"N", os.urandom(8).hex().encode())
        for i in range(lines)
    )
    return HEADER + b"".join(rows)


def test_a_gzip_file_that_ends_early_is_torn(tmp_path: Path) -> None:
    """Cut anywhere, the last line that could be read is named and shown."""
    whole = many()
    packed = gzip.compress(whole)
    for keep in (len(packed) // 3, len(packed) // 2, len(packed) - 4, len(packed) - 9):
        with pytest.raises(TornInput) as caught:
            Decoded(tmp_path, packed[:keep], block_bytes=10_000)
        number = int(caught.value.facts["file"].rpartition(" ")[2])
        assert whole.splitlines()[number - 1].decode().startswith(caught.value.facts["found"])


def test_a_wrong_checksum_is_torn(tmp_path: Path) -> None:
    """CRC and length of a gzip member are checked."""
    packed = gzip.compress(many())
    for place in (-1, -5):
        broken = bytearray(packed)
        broken[place] ^= 1
        with pytest.raises(TornInput):
            Decoded(tmp_path, bytes(broken))


def test_a_gzip_file_of_several_members_is_one_file(tmp_path: Path) -> None:
    """Members follow one another, also cut within a line; padding with zeros is legal."""
    whole = many()
    packed = gzip.compress(whole[:5000]) + gzip.compress(whole[5000:]) + bytes(100)
    found = Decoded(tmp_path, packed)
    assert found.report.rows == 3000
    assert found.report.bytes_read == len(packed)
    assert_frame_equal(found.frame, Decoded(tmp_path, whole).frame)


def test_errors_arrive_as_they_were_raised_through_any_query(tmp_path: Path) -> None:
    """A sink that drains the frame itself gets the scan's error, not the one Polars makes of it."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 2 + b"1,2")
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    with pytest.raises(TornInput), draining(report):
        lazy.with_columns(pl.col("n") + 1).sink_parquet(tmp_path / "out.parquet")


def test_a_scan_can_be_drained_once(tmp_path: Path) -> None:
    """Counting lines twice is refused."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    assert sum(b.height for b in batches(lazy, report)) == 1
    with pytest.raises(EngineError, match="once"):
        list(batches(lazy, report))


def readers() -> list[threading.Thread]:
    """Return the reader threads that are alive."""
    return [t for t in threading.enumerate() if t.name == "engine-decode-reader"]


def test_stopping_early_ends_the_reader_and_closes_the_file(tmp_path: Path) -> None:
    """A consumer that goes away leaves no thread and no open file behind."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 200_000)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"), block_bytes=10_000)
    rows = batches(lazy, report, rows=100)
    assert next(rows).height
    rows.close()
    assert not report.complete
    for thread in readers():
        thread.join(5)
        assert not thread.is_alive()
    links = Path("/proc/self/fd")
    if links.exists():
        assert str(path) not in {str(p.readlink()) for p in links.iterdir() if p.is_symlink()}


def test_projection_and_filter_leave_the_counts_alone(tmp_path: Path) -> None:
    """What a query needs does not change what the file is found to be."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD + GOOD.replace(b"1", b"7", 1) + GOOD.replace(b"1", b"x", 1))
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    found = pl.concat(batches(lazy.filter(pl.col("n") > 1).select("flag", "n"), report))
    assert found.rows() == [("N", 7)]
    assert (report.lines, report.rows, report.quarantined) == (3, 2, 1)


def test_counting_needs_no_column(tmp_path: Path) -> None:
    """The number of rows is right where no column is asked for."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 3)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    assert pl.concat(batches(lazy.select(pl.len()), report)).item() == 3


def test_no_rejects_leave_no_file(tmp_path: Path) -> None:
    """A clean month creates no quarantine."""
    Decoded(tmp_path, HEADER + GOOD)
    assert not (tmp_path / "rejects").exists()


def test_many_rejects_are_spooled_in_order(tmp_path: Path) -> None:
    """A file of bad lines only comes back line by line; the report shows the first five."""
    bad = GOOD.replace(b"1", b"x", 1)
    found = Decoded(tmp_path, HEADER + bad * 60_000, block_bytes=1 << 20)
    assert [r[0] for r in found.rejects] == list(range(2, 60_002))
    assert [r.line for r in found.report.first_rejects] == [2, 3, 4, 5, 6]


REAL = [
    ("yellow", "yellow/yellow_tripdata_2015-01.csv", 1999),
    ("yellow", "yellow/yellow_tripdata_2019-01.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-02.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-03.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-04.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-05.csv.gz", 10_000),
    ("yellow", "yellow/yellow_tripdata_2019-06.csv.gz", 10_000),
    ("green", "green/green_tripdata_2020-04.csv.gz", 35_612),
    ("green", "green/green_tripdata_2020-05.csv.gz", 57_360),
    ("green", "green/green_tripdata_2020-06.csv.gz", 63_109),
]


def real(tmp_path: Path, name: str, file: str) -> Decoded:
    """Decode one of the shared files."""
    path = DATA / file
    if not path.exists():
        pytest.skip("the shared data are not here")
    month = Month.parse(file.partition("tripdata_")[2][:7])
    return Decoded(tmp_path, path.read_bytes(), of=find(name), month=month)


@pytest.mark.parametrize(("name", "file", "rows"), REAL)
def test_real_months_are_read_whole(tmp_path: Path, name: str, file: str, rows: int) -> None:
    """Every published line becomes a row."""
    found = real(tmp_path, name, file)
    assert (found.report.rows, found.report.quarantined, found.report.rounded) == (rows, 0, 0)


def test_a_real_row_is_what_stands_in_the_file(tmp_path: Path) -> None:
    """First line of the 2019-01 sample, value by value."""
    row = real(tmp_path, "yellow", "yellow/yellow_tripdata_2019-01.csv.gz").frame.row(0)
    times = (dt.datetime(2019, 1, 15, 3, 36, 12), dt.datetime(2019, 1, 15, 3, 42, 19))  # noqa: DTZ001 - wall clock
    money = [Decimal(v) for v in ("6.50", "0.50", "0.50", "1.95", "0.00", "0.30", "9.75")]
    assert row == (1, *times, 1, 1.0, 1, "N", 230, 48, 1, *money, None)


def test_the_torn_file_names_its_last_line(tmp_path: Path) -> None:
    """The cut CSV is refused at line 3275."""
    with pytest.raises(BadInput, match="line 3275") as caught:
        real(tmp_path, "yellow", "bad/yellow_tripdata_2021-01.torn.csv")
    assert caught.value.facts["found"].endswith("116,166,2,8,0.5,0.5,0,0,0.3")


def test_a_spreadsheets_dates_are_rejects_with_the_expected_format(tmp_path: Path) -> None:
    """All rows of the file that a spreadsheet saved are in quarantine."""
    found = real(tmp_path, "yellow", "bad/yellow_tripdata_2021-01.excel-dates.csv")
    assert found.report.rows == 0
    reason = "expected %Y-%m-%d %H:%M:%S, found '01/01/2021 0:30'"
    assert found.rejects[0][:3] == (2, "tpep_pickup_datetime", reason)


def test_a_stopped_scan_never_looks_like_a_whole_file(tmp_path: Path) -> None:
    """Whoever still drains a scan that was stopped gets an error, not a short frame."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 50_000)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"), block_bytes=10_000)

    def stop(frame: pl.DataFrame) -> pl.DataFrame:
        assert report.stop is not None
        report.stop()
        return frame

    with pytest.raises(Stopped):
        lazy.map_batches(stop, streamable=True).sink_parquet(tmp_path / "out.parquet")
    assert not report.complete
