"""Texts of old files that stand for a code, and values that the publisher's data dictionary does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import catalog
from engine.contract import Allowed, Column
from engine.decode import Quarantine, Report, batches, dictionary, read_layout, scan
from engine.logical import Logical
from engine.month import Month

if TYPE_CHECKING:
    from pathlib import Path

TOML = """
[dataset]
name = "d"
[[columns]]
name = "vendor"
type = "int16"
codes = { values = { CMT = 1, VTS = 2 }, rest = "vendor_code", until = "2014-12" }
allowed = { values = [1, 2, 6, 7] }
[[columns]]
name = "flag"
type = "text"
codes = { values = { 0 = "N", 1 = "Y" }, until = "2014-12" }
allowed = { values = ["N", "Y"] }
[[columns]]
name = "zone"
type = "int16"
allowed = { from = 1, to = 265 }
[[columns]]
name = "base"
type = "text"
allowed = { pattern = "B[0-9]{5}" }
[[columns]]
name = "vendor_code"
type = "text"
"""


def drained(
    folder: Path, rows: list[str], *, month: str = "2010-01", strict: bool = False
) -> tuple[list[tuple[object, ...]], Report]:
    """Return rows in the order vendor, flag, zone, base, vendor_code, and the report."""
    (folder / "d.toml").write_text(TOML)
    path = folder / "d.csv"
    path.write_text("\n".join(["vendor,flag,zone,base", *rows]) + "\n")
    layout = read_layout(path, catalog.load(folder / "d.toml"), Month.parse(month), name=path.name)
    report = Report()
    lf = scan(path, layout, strict=strict, report=report, quarantine=Quarantine(folder / "rejects"))
    return pl.concat(list(batches(lf, report))).rows(), report


@pytest.mark.parametrize(
    ("text", "vendor", "rest"),
    [
        ("CMT", 1, None),
        ("vts", 2, None),
        (" VTS ", 2, None),
        ("2", 2, None),
        ("7", 7, None),
        ("DDS", None, "DDS"),
        (" dds", None, " dds"),
        ("40000", None, "40000"),
        ("1.5", None, "1.5"),
        ("", None, None),
        ('""', None, None),
    ],
)
def test_a_text_becomes_its_code_or_stays(text: str, vendor: int | None, rest: str | None, tmp_path: Path) -> None:
    """A mapped text is its code, a number is itself, anything else stays as it stands in a column of its own."""
    rows, report = drained(tmp_path, [f"{text},N,1,B00001"])
    assert rows == [(vendor, "N", 1, "B00001", rest)]
    assert report.quarantined == 0
    assert report.outside == ({"vendor": 1} if rest else {})


@pytest.mark.parametrize(("text", "flag"), [("0", "N"), ("1", "Y"), ("Y", "Y"), ("*", "*"), ("", None)])
def test_a_coded_text_keeps_what_it_does_not_map(text: str, flag: str | None, tmp_path: Path) -> None:
    """A text column has its old spellings mapped and holds every other text itself."""
    rows, report = drained(tmp_path, [f"1,{text},1,B00001"])
    assert rows[0][1] == flag
    assert report.outside == ({"flag": 1} if flag == "*" else {})


def test_later_files_have_no_texts(tmp_path: Path) -> None:
    """Once a column holds codes, a text in it is a bad value, and no other column takes it."""
    rows, report = drained(tmp_path, ["2,0,1,B00001", "VTS,N,1,B00001"], month="2015-01")
    assert rows == [(2, "0", 1, "B00001")]
    assert [(r.line, r.column) for r in report.first_rejects] == [(3, "vendor")]


ODD = ["4,N,1,B00001", "1,X,1,B00001", "1,N,0,B00001", "1,N,266,B00001", "1,N,1,b00056", "1,N,1,B00001 ", ",,,"]
GOOD = ["1,N,1,B00001", "7,Y,265,B99999", "CMT,0,1,B00001"]


def test_what_the_dictionary_does_not_know_is_counted_and_stays(tmp_path: Path) -> None:
    """Unknown vendors, flags, zones and bases are rows like others, and the report counts them by column."""
    rows, report = drained(tmp_path, [*GOOD, *ODD])
    assert len(rows) == len(GOOD) + len(ODD)
    assert report.outside == {"vendor": 1, "flag": 1, "zone": 2, "base": 2}
    assert (4, "N", 1, "B00001", None) in rows
    assert (1, "N", 1, "b00056", None) in rows


def test_strict_quarantines_what_the_dictionary_forbids(tmp_path: Path) -> None:
    """Under --strict each of these rows is a reject that names column and value; a missing value is none."""
    rows, report = drained(tmp_path, [*GOOD, *ODD, "DDS,N,1,B00001"], strict=True)
    assert len(rows) == len(GOOD) + 1
    assert report.quarantined == len(ODD)
    assert report.outside == {}
    assert [(r.line, r.column, r.reason) for r in report.first_rejects[:2]] == [
        (5, "vendor", "not in the data dictionary: '4'"),
        (6, "flag", "not in the data dictionary: 'X'"),
    ]


def test_strict_leaves_a_clean_file_alone(tmp_path: Path) -> None:
    """A file that the dictionary knows loads under --strict as without it."""
    rows, report = drained(tmp_path, GOOD * 50, strict=True)
    assert (len(rows), report.quarantined) == (150, 0)


def test_later_files_are_judged_by_the_same_dictionary(tmp_path: Path) -> None:
    """Counting does not need texts: a code that nobody knows counts in any month."""
    rows, report = drained(tmp_path, ["4,N,1,B00001", "1.0,N,1,B00001"], month="2019-01")
    assert [row[0] for row in rows] == [4, 1]
    assert report.outside == {"vendor": 1}
    _, report = drained(tmp_path, ["4.0,N,1,B00001", "1.0,N,1,B00001"], month="2019-01", strict=True)
    assert [(r.line, r.reason) for r in report.first_rejects] == [(2, "not in the data dictionary: '4.0'")]


@pytest.mark.parametrize(
    "allowed",
    [
        Allowed(values=(1, 2, 6, 7)),
        Allowed(low=1, high=265),
        Allowed(values=(-5,), low=0, high=3),
        Allowed(low=3),
        Allowed(high=3),
        Allowed(values=(1, 10**9)),
        Allowed(values=("N", "Y")),
        Allowed(values=("N", "twelve bytes")),
        Allowed(values=("more than twelve bytes", "N")),
        Allowed(pattern="[A-Z]"),
    ],
    ids=str,
)
@settings(max_examples=60)
@given(data=st.data())
def test_the_compiled_count_is_that_of_the_expression(allowed: Allowed, data: st.DataObject) -> None:
    """However many nulls and whatever slice of a longer column it is, both ways count the same values."""
    texts = bool(allowed.pattern) or isinstance(next(iter(allowed.values), 0), str)
    one = st.one_of(
        st.none(),
        st.sampled_from(["N", "Y", "", "n", "twelve bytes", "twelve bytes!", "more than twelve bytes", "é"])
        if texts
        else st.one_of(st.integers(-9, 9), st.sampled_from([265, 266, 10**9, -(2**31), 2**31 - 1])),
    )
    values = data.draw(st.lists(one, max_size=40))
    column = Column(name="c", type=Logical.parse("text" if texts else "int32"), allowed=allowed)
    series = pl.Series("c", values, dtype=pl.String if texts else pl.Int32)
    part = series.slice(data.draw(st.integers(0, len(values))))
    found: dict[str, int] = {}
    dictionary.count(part.to_frame(), [column], found)
    assert found.get("c", 0) == dictionary.unknown(part, column).sum()
