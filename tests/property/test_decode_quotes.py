"""Blocks with every value in quotes: the fast way reads what the careful one reads, or leaves the block to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import catalog
from engine.decode import Quarantine, Report, batches, census, quotes, scan
from engine.decode.header import read_header
from engine.month import Month

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HEADER = b'"Dispatching_base_num","Pickup_DateTime","DropOff_datetime","PUlocationID","DOlocationID","SR_Flag"'
MONTH = Month(2017, 7)
# What a file is, its first rows say; this one says that it is what the month's files are.
FIRST = b'"B02817","2017-07-18 21:29:00","2017-07-18 21:30:38","144","132","1"'

ordinary = st.tuples(
    st.sampled_from([b"B02817", b"b00056", b" B02817", b"", b"\xc3\xa9"]),
    st.sampled_from([b"2017-07-18 21:29:00", b"", b"18/07/2017"]),
    st.sampled_from([b"2017-07-18 21:30:38", b""]),
    st.sampled_from([b"144", b"", b"1.0", b"x"]),
    st.sampled_from([b"132", b"", b"40000"]),
    st.sampled_from([b"1", b""]),
)
odd = st.sampled_from([b'a"b', b"a,b", b'""', b"a\rb", b"\r", b"\0", b"\xff"])


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Make a line of quoted fields, sometimes with one that is odd or not quoted."""
    fields = [b'"' + value + b'"' for value in draw(ordinary)]
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(fields) - 1))
        fields[at] = draw(st.sampled_from([fields[at][1:-1], b'"' + draw(odd) + b'"', b'"', draw(odd)]))
    return b",".join(fields)


def drained(folder: Path, content: bytes, *, in_one: bool) -> tuple[list[tuple[object, ...]], int]:
    """Return the rows of a file and how many lines went to quarantine, block by line or all at once."""
    path = folder / "month.csv"
    path.write_bytes(content)
    layout, report = read_header(path, catalog.find("fhv"), MONTH, name=path.name), Report()
    lf = scan(
        path,
        layout,
        strict=False,
        report=report,
        quarantine=Quarantine(folder / "rejects"),
        block_bytes=1 << 20 if in_one else 1,
    )
    return [row for batch in batches(lf, report) for row in batch.rows()], report.quarantined


@settings(max_examples=150)
@given(data=st.lists(lines(), min_size=1, max_size=4), end=st.sampled_from([b"\n", b"\r\n"]))
@example(data=[b'"","2017-07-18 21:29:00","","","",""'], end=b"\r\n")
@example(data=[b'"a\r","2017-07-18 21:29:00","","","",""'], end=b"\r\n")
def test_one_bad_line_among_good_ones_changes_nothing_for_them(
    data: list[bytes], end: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rows are the same whether their block is taken the fast way or, for a stray quote in it, the careful one."""
    folder = tmp_path_factory.mktemp("quotes")
    head = HEADER + end
    good = head + end.join([FIRST, *data]) + end
    stray = good + b'"B1","2017-07-18 21:29:00","","","1"x,""' + end
    rows, quarantined = drained(folder, good, in_one=True)
    careful, more = drained(folder, stray, in_one=True)
    assert rows == careful
    assert more == quarantined + 1


def test_clean_blocks_are_taken_the_fast_way() -> None:
    """The census sees that everything is quoted, and the quotes can be removed."""
    data = b'"B02817","2017-07-18 21:29:00","","144","132",""\r\n' * 3
    counted = census.take(data)
    assert not counted.regular(6)
    assert counted.quoted_throughout(6)
    assert quotes.removed(data) == b"B02817,2017-07-18 21:29:00,,144,132,\r\n" * 3


def test_quotes_that_mean_something_are_left_alone() -> None:
    """A comma, a line end, a carriage return or a quote inside of quotes is none of this path's business."""
    for line in (b'"a,b","c"\n', b'"a\nb","c"\n', b'"a\r","c"\n', b'"a""b"\n', b'"a"b,"c"\n', b'a"b","c"\n', b'"a'):
        assert quotes.removed(line) is None
