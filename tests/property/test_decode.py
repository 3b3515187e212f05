"""Decoding under Hypothesis: blocks do not show, garbage does no harm, clean rows come back."""

from __future__ import annotations

import datetime as dt
import tempfile
from decimal import Decimal
from pathlib import Path

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine.contract import Column, Contract, Dataset, Identity, Policy
from engine.decode import Quarantine, Report, batches, read_layout, scan
from engine.errors import EngineError
from engine.logical import Logical
from engine.month import Month

COLUMNS = (
    Column(name="n", type=Logical.parse("int16"), nullable=False),
    Column(name="fare", type=Logical.parse("decimal(6,2)")),
    Column(name="flag", type=Logical.parse("text")),
    Column(name="at", type=Logical.parse("datetime")),
)
BIKES = Dataset(
    name="bikes",
    table="bikes",
    file="{dataset}_{month}.csv",
    time=None,
    description="",
    origins=(),
    contract=Contract(columns=COLUMNS, identity=Identity(version="row-v1", columns=("n",)), policy=Policy()),
    defined_in="bikes.toml",
)
HEADER = b"n,fare,flag,at\n"
Rejects = list[tuple[object, ...]]


def decoded(body: bytes, block_bytes: int, *, strict: bool = False) -> tuple[pl.DataFrame, Rejects, Report] | str:
    """Return rows, rejects and report of a file; the error's text where it is refused."""
    with tempfile.TemporaryDirectory() as name:
        path, report, quarantine = Path(name) / "f", Report(), Quarantine(Path(name) / "q")
        path.write_bytes(HEADER + body)
        try:
            layout = read_layout(path, BIKES, Month(2020, 1), name="f.csv")
            lazy = scan(path, layout, strict=strict, report=report, quarantine=quarantine, block_bytes=block_bytes)
            frames = list(batches(lazy, report))
        except EngineError as error:
            return str(error)
        finally:
            quarantine.close()
        rejects = [tuple(row.values()) for batch in quarantine.batches() for row in batch.to_pylist()]
        frame = pl.concat([lazy.clear().collect(), *frames])
        assert report.lines == report.rows + report.quarantined == frame.height + len(rejects)
        lines = (HEADER + body).split(b"\n")
        assert report.lines + report.blank == len(lines) - 1 - (lines[-1] == b"")
        return frame, rejects, report


cells = st.one_of(
    st.sampled_from(
        [
            b"",
            b"1",
            b"-3",
            b"7.0",
            b"1.5",
            b"40000",
            b"9.50",
            b"1.234",
            b"nan",
            b"1e999",
            b" 4",
            b"4 ",
            b"+2",
            b"x",
            b"N",
        ]
    ),
    st.sampled_from([b'""', b'"a,b"', b'"a""b"', b'"N"', b'"1"', b'"', b'a"b', b'"a"b', b"\0", b"\xff", b"\xc3\xa9"]),
    st.sampled_from(
        [b"2020-01-02 03:04:05", b"2020-1-2 3:4:5", b"2020-02-30 00:00:00", b"01/02/2020 3:04", b"\r", b"a\rb"]
    ),
    st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"")),
)
ends = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r\r\n"])
shaped = st.tuples(
    st.sampled_from([b"1", b"22", b"3.0"]),
    st.sampled_from([b"9.50", b"", b"1.234"]),
    st.sampled_from([b"N", b"", b'"a,b"', b"\xc3\xa9"]),
    st.sampled_from([b"2020-01-02 03:04:05", b""]),
).map(b",".join)
wild = st.lists(cells, max_size=6).map(b",".join)
mixed = st.lists(cells, min_size=4, max_size=4).map(b",".join)
bodies = st.tuples(
    st.lists(st.tuples(st.one_of(shaped, shaped, mixed, wild), ends).map(b"".join), max_size=12).map(b"".join),
    st.one_of(st.just(b""), shaped, wild),
).map(b"".join)


@given(body=bodies, block_bytes=st.integers(1, 400), strict=st.booleans())
@example(body=b"1,2,N,\r\n" * 3 + b"\r", block_bytes=1, strict=False)
@example(body=b"1,2,N,\n1,2,N,\n\xc3\n\xa9\n", block_bytes=2, strict=False)
def test_blocks_do_not_show(body: bytes, block_bytes: int, strict: bool) -> None:  # noqa: FBT001 - Hypothesis
    """Rows, rejects, counts and errors are the same however the file is cut."""
    whole, pieces = decoded(body, 1 << 20, strict=strict), decoded(body, block_bytes, strict=strict)
    if isinstance(whole, str) or isinstance(pieces, str):
        assert whole == pieces
        return
    assert_frame_equal(whole[0], pieces[0])
    assert whole[1] == pieces[1]
    counts = [(r.lines, r.rows, r.quarantined, r.rounded, r.blank, r.first_rejects) for r in (whole[2], pieces[2])]
    assert counts[0] == counts[1]


@given(body=st.binary(max_size=300), block_bytes=st.integers(1, 100))
def test_garbage_ends_in_rows_rejects_or_an_error_of_ours(body: bytes, block_bytes: int) -> None:
    """Random bytes never crash, and no line of them is lost."""
    decoded(body, block_bytes)


@given(body=st.text('1,"\n\rN.é\0', max_size=60), block_bytes=st.integers(1, 30))
def test_separators_and_quotes_in_any_order_lose_no_line(body: str, block_bytes: int) -> None:
    """The bytes that matter most, in every order."""
    decoded(body.encode(), block_bytes)


rows = st.tuples(
    st.integers(-(2**15), 2**15 - 1),
    st.none() | st.integers(-999_999, 999_999).map(lambda cents: Decimal(cents).scaleb(-2)),
    st.none() | st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=8),
    st.none() | st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)).map(lambda t: t.replace(microsecond=0)),  # noqa: DTZ001 - wall clock
)


def written(row: tuple[object, ...], *, quoted: bool) -> bytes:
    """Return a row as a CSV line; texts that need it are quoted, or all values."""
    values = []
    for value in row:
        text = f"{value:%Y-%m-%d %H:%M:%S}".rjust(19, "0") if isinstance(value, dt.datetime) else str(value)
        needed = isinstance(value, str) and (not value or any(c in value for c in ',"\r'))
        enclosed = '"' + text.replace('"', '""') + '"'
        values.append("" if value is None else enclosed if needed or quoted else text)
    return ",".join(values).encode() + b"\n"


@given(sample=st.lists(st.tuples(rows, st.booleans()), min_size=1, max_size=30), block_bytes=st.integers(1, 2000))
def test_clean_rows_come_back(sample: list[tuple[tuple[object, ...], bool]], block_bytes: int) -> None:
    """What is written as a CSV row is read as the same values, quoted or not."""
    result = decoded(b"".join(written(row, quoted=q) for row, q in sample), block_bytes)
    assert not isinstance(result, str)
    assert result[1] == []
    assert result[0].rows() == [row for row, _ in sample]
    assert result[2].rounded == 0
