"""The compiled parser of plain values against the general one: what it takes, it takes alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.contract import Column, Contract, Dataset, Identity, Policy
from engine.decode import CsvLayout, fast, plain
from engine.decode.header import read_header
from engine.logical import Logical
from engine.month import Month

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {"a": "int16", "b": "decimal(10,2)", "c": "float64", "d": "datetime", "e": "text", "f": "int64", "g": "int32"}
HEAD = ",".join(TYPES)
MONTH = Month(2020, 1)

# Forms that real and broken files have; "|" stands in none of them.
_ODD = (
    "+1| 1|1 |1.0|1.5|1e3|-|.|-.5|.5|5.|inf|nan|0x1|007|-0|40000|x|1_0|8.9000000000000004|0.125|-0.0|99999999.99"
    "|100000000|123456789012345678|1234567890123456789|2020-01-01"
    "|2020-1-1 3:4:5|2020-02-30 00:00:00|2020-01-01 00:00:60"
    "|thirteen char|2020-01-01T00:00:00|0000-01-01 00:00:00|2020-02-29 23:59:59"
    "|1900-02-29 00:00:00|9999-12-31 23:59:59|é|\r|\t"
)
_odd = st.sampled_from(_ODD.split("|"))
_money = st.decimals(-(10**8), 10**8, places=2, allow_nan=False).map(lambda d: f"{d:f}")
_float = st.floats(allow_nan=False, allow_infinity=False).map(repr)
_time = st.datetimes().map(lambda t: t.replace(microsecond=0).isoformat(sep=" "))
_value = {
    "a": st.integers(-(2**15), 2**15 - 1).map(str),
    "b": _money,
    "c": _float | _money,
    "d": _time,
    "e": st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n",', exclude_categories=["Cs"])),
    "f": st.integers(-(2**63), 2**63 - 1).map(str),
    "g": st.integers(-(2**31), 2**31 - 1).map(str),
}
_line = st.tuples(*(st.just("") | _value[name] | _odd for name in TYPES)).map(",".join)
_plain_line = st.tuples(*(st.just("") | _value[name] for name in TYPES)).map(",".join)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> CsvLayout:
    """A file with every kind of column that the compiled parser knows."""
    columns = tuple(Column(name=name, type=Logical.parse(kind)) for name, kind in TYPES.items())
    contract = Contract(columns=columns, identity=Identity(version="row-v1", columns=tuple(TYPES)), policy=Policy())
    dataset = Dataset(
        name="d",
        table="d",
        file="d_{month}.csv",
        time=None,
        description="",
        origins=(),
        contract=contract,
        defined_in="",
    )
    path: Path = tmp_path_factory.mktemp("plain") / "d.csv"
    path.write_text(HEAD + "\n1,,,,,,\n")
    return read_header(path, dataset, MONTH, name=path.name)


@settings(max_examples=400, deadline=None)
@given(lines=st.lists(_line, min_size=1, max_size=4), end=st.sampled_from(["\n", "\r\n"]))
@example(lines=["1,1.5,2.5,2020-01-01 00:00:00,Y,5,6"], end="\r\n")
@example(lines=["-32768,-.50,-0.0,1969-12-31 23:59:59," + "ü" * 20 + ",-1,2147483647"], end="\n")
@example(lines=["32768,,,,,,"], end="\n")
@example(lines=["-32768,,,,,,"], end="\n")
@example(lines=[",99999999.99,,,,,"], end="\n")
@example(lines=[",99999999.999,,,,,"], end="\n")
def test_what_is_taken_is_what_the_general_parser_reads(lines: list[str], end: str, layout: CsvLayout) -> None:
    """Either the block is refused, or frame and types are exactly those of the general parser, with nothing rounded."""
    data = "".join(line + end for line in lines).encode()
    taken = plain.parse(data, layout, lines=len(lines))
    if taken is not None:
        general = fast.parse(data, layout, lines=len(lines), strict=True)
        assert general is not None
        assert taken.schema == general.frame.schema
        assert taken.equals(general.frame, null_equal=True)
        assert general.rounded == 0


@settings(max_examples=100, deadline=None)
@given(line=st.tuples(st.integers(-999, 999), st.integers(0, 10**6), st.integers(0, 10**9)))
def test_ordinary_values_are_taken(line: tuple[int, int, int], layout: CsvLayout) -> None:
    """A line as real months have it is not handed on: the shortcut is there to be taken."""
    small, cents, large = line
    data = f"{small},{cents / 100},{cents / 100},2019-07-04 12:00:01,N,{large},{large}\r\n".encode()
    taken = plain.parse(data, layout, lines=1)
    assert taken is not None
    assert taken["b"].cast(float).to_list() == [cents / 100]


def test_more_rows_than_are_read_at_once(layout: CsvLayout) -> None:
    """Columns go on where the last piece of rows ended."""
    rows = 20_000
    data = "".join(f"{n % 30000},{n}.25,{n}.5,,text number {n},{n},{n}\n" for n in range(rows)).encode()
    taken = plain.parse(data, layout, lines=rows)
    general = fast.parse(data, layout, lines=rows, strict=True)
    assert taken is not None
    assert general is not None
    assert taken.equals(general.frame)


@pytest.mark.parametrize("data", [b"1,2,3,,,,", b"1,2,3,,,\n1,2,3,,,,,,\n", b"1,,,,,,,,\n1,,,,\n"])
def test_lines_that_only_even_out_are_refused(data: bytes, layout: CsvLayout) -> None:
    """A line without its end, and a short line beside a long one, are for somebody who looks closer."""
    assert plain.parse(data, layout, lines=max(data.count(b"\n"), 1)) is None
