"""Headers and rows of the shipped datasets, deformed at random: never a traceback, never a value in a wrong column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import catalog
from engine.contract import normalised
from engine.decode import Quarantine, Report, batches, read_layout, scan
from engine.decode.layout import labels
from engine.errors import BadInput, HeaderMismatch
from engine.month import Month

if TYPE_CHECKING:
    import pytest

DATASETS = ["yellow", "green", "fhv", "fhvhv"]
MONTHS = ["2009-05", "2010-05", "2014-05", "2015-05", "2016-08", "2017-08", "2018-05", "2019-05", "2025-05"]
junk = st.one_of(
    st.sampled_from(["", " ", '"', '""', "é", "\0", "1", "vendor_name", "VendorID", "month", "unique_row_id", "a b"]),
    st.text(max_size=6),
)
values = st.one_of(
    st.sampled_from(
        ["", "1", "-1", "2.5", "CMT", "DDS", "Cash", "N", "2019-05-01 00:00:00", "40.75", '"x"', '"', "1e5"]
    ),
    st.text(max_size=5),
)
separators = st.sampled_from([",", ",", ",", ", ", ";"])
ends = st.sampled_from(["\n", "\r\n", "\n\r\n", "\n\n\r\n", "\r"])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """Make a dataset, a month and a file that is nearly one of it."""
    dataset, month = draw(st.sampled_from(DATASETS)), draw(st.sampled_from(MONTHS))
    known = labels(catalog.find(dataset), Month.parse(month), "csv")
    names = list({column.name: label for label, column in known.items()}.values())
    names = draw(st.permutations(names)) if draw(st.booleans()) else names
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(names)))
        names = [*names[:at], draw(junk), *names[at + draw(st.integers(0, 1)) :]]
    fields = max(0, len(names) + draw(st.sampled_from([0, 0, 0, 1, 2, -1])))
    rows = draw(st.lists(st.lists(values, min_size=fields, max_size=fields), max_size=4))
    lines = [draw(separators).join(names) + draw(ends), *(",".join(row) + draw(ends) for row in rows)]
    return dataset, month, "".join(lines).encode("utf-8", "surrogatepass")


@settings(max_examples=300)
@given(made=files())
def test_a_deformed_file_is_read_or_refused(
    made: tuple[str, str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a file looks like, it ends as counted rows and rejects, or as an error of ours."""
    dataset, month, content = made
    folder = tmp_path_factory.mktemp("official")
    path = folder / "month.csv"
    path.write_bytes(content)
    report = Report()
    try:
        layout = read_layout(path, catalog.find(dataset), Month.parse(month), name=path.name)
        lf = scan(path, layout, strict=False, report=report, quarantine=Quarantine(folder / "rejects"))
        frames = list(batches(lf, report))
    except (BadInput, HeaderMismatch):
        return
    assert all(frame.columns == [column.name for column in layout.columns] for frame in frames)
    assert report.lines == sum(frame.height for frame in frames) + report.quarantined


MARKS = st.integers(1, 200)


@settings(max_examples=100)
@given(data=st.data())
def test_no_value_is_in_a_wrong_column(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each field of a row holds its own number; in whatever order the names stand, it comes out under its name."""
    dataset, month = data.draw(st.sampled_from(DATASETS)), Month.parse(data.draw(st.sampled_from(MONTHS[5:])))
    known = labels(catalog.find(dataset), month, "csv")
    spelled = {column.name: label for label, column in known.items()}
    names = data.draw(st.permutations(sorted(spelled)))
    numbers = {name: at + 1 for at, name in enumerate(names)}
    texts = [
        f"2019-05-01 00:00:{numbers[name]:02d}"
        if known[normalised(spelled[name])].type.kind == "datetime"
        else str(at + 1)
        for at, name in enumerate(names)
    ]
    folder = tmp_path_factory.mktemp("places")
    path = folder / "month.csv"
    path.write_text("\n".join([",".join(spelled[name] for name in names), ",".join(texts)]) + "\n")
    layout, report = read_layout(path, catalog.find(dataset), month, name=path.name), Report()
    lf = scan(path, layout, strict=False, report=report, quarantine=Quarantine(folder / "rejects"))
    row = pl.concat(list(batches(lf, report))).row(0, named=True)
    for name, number in numbers.items():
        value = row[name]
        assert (value.second if hasattr(value, "second") else int(value)) == number, name
