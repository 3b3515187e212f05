"""The first line of a file against the contract, and files that are no CSV."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from engine.catalog import find
from engine.contract import Column, Contract, Dataset, Identity, Policy, UnknownPolicy
from engine.decode import CsvLayout, read_layout
from engine.errors import BadInput, HeaderMismatch, TornInput
from engine.logical import Logical
from engine.month import Month

DATA = Path("../shared/data")
JANUARY = Month(2020, 1)


def dataset(unknown: UnknownPolicy = "freeze") -> Dataset:
    """Return a small dataset; `speed` is published up to 2019-12 only."""
    columns = (
        Column(name="id", type=Logical.parse("int32"), aliases=("number",)),
        Column(name="fare", type=Logical.parse("decimal(8,2)")),
        Column(name="speed", type=Logical.parse("float64"), until=Month(2019, 12)),
    )
    return Dataset(
        name="bikes",
        table="bikes",
        file="{dataset}_{month}.csv",
        time=None,
        description="",
        origins=(),
        contract=Contract(
            columns=columns, identity=Identity(version="row-v1", columns=("id",)), policy=Policy(unknown=unknown)
        ),
        defined_in="bikes.toml",
    )


def layout_of(
    tmp_path: Path, content: bytes, *, unknown: UnknownPolicy = "freeze", month: Month = JANUARY
) -> list[str]:
    """Return names of the columns and, after a bar, of the fields."""
    path = tmp_path / "f"
    path.write_bytes(content)
    layout = read_layout(path, dataset(unknown), month, name="f.csv")
    assert isinstance(layout, CsvLayout)
    return [*(c.name for c in layout.columns), "|", *(c.name if c else "-" for c in layout.fields)]


@pytest.mark.parametrize(
    "header",
    [
        b"id,fare\n",
        b"ID,Fare\r\n",
        b"\xef\xbb\xbfid,fare\n",
        b'"id","fare"\n',
        b'\xef\xbb\xbf"ID" , "FARE "\r\n',
        b"id, fare \n",
        b"Number,fare\n",
    ],
)
def test_headers_are_compared_without_case_quotes_spaces_and_bom(tmp_path: Path, header: bytes) -> None:
    """Every way in which the TLC wrote a header names the same columns."""
    assert layout_of(tmp_path, header + b"1,2\n") == ["id", "fare", "|", "id", "fare"]


def test_the_order_of_the_file_is_free_and_that_of_the_frame_is_the_contracts(tmp_path: Path) -> None:
    """Columns come in the contract's order, fields in the file's."""
    assert layout_of(tmp_path, b"fare,id\n1,2\n") == ["id", "fare", "|", "fare", "id"]


def test_a_blank_second_line_is_only_a_blank_line(tmp_path: Path) -> None:
    """An LF header with a blank line before CRLF rows, as several eras have it, is fine."""
    assert layout_of(tmp_path, b"id,fare\n\r\n1,2\r\n")[:2] == ["id", "fare"]


def test_discard_drops_unknown_columns(tmp_path: Path) -> None:
    """Fields of unknown columns belong to no column."""
    found = layout_of(tmp_path, b"id,new,fare\n1,x,2\n", unknown="discard")
    assert found == ["id", "fare", "|", "id", "-", "fare"]


def test_evolve_carries_unknown_columns_as_text_by_name(tmp_path: Path) -> None:
    """Extras come after the contract's columns, under names that a database takes."""
    found = layout_of(tmp_path, b"id,Zone Name,a-b,fare\n1,x,y,2\n", unknown="evolve")
    assert found == ["id", "fare", "a_b", "zone_name", "|", "id", "zone_name", "a_b", "fare"]


@pytest.mark.parametrize(
    "header", [b"id,fare,month\n", b"id,fare,!!\n", b"id,fare,speed\n", b"id,fare,a b,a-b\n", b"id,fare,\n"]
)
def test_evolve_refuses_names_that_cannot_be_columns(tmp_path: Path, header: bytes) -> None:
    """Reserved names, names without letters, and names that are taken are refused."""
    with pytest.raises(HeaderMismatch):
        layout_of(tmp_path, header + b"1,2,3\n", unknown="evolve")


def test_an_unknown_column_says_where_it_is_and_what_to_do(tmp_path: Path) -> None:
    """The message has place, expectation, what was found and the next step."""
    with pytest.raises(HeaderMismatch) as caught:
        layout_of(tmp_path, b"id,airport_fee\n1,2\n")
    assert caught.value.facts == {
        "file": "f.csv, line 1, column 2",
        "expected": "fare",
        "found": "airport_fee",
    }
    assert caught.value.next_step == "declare the column in bikes.toml, then run\nengine ingest bikes 2020-01"
    assert "bikes 2020-01 does not match its contract" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "month"),
    [
        (b"id\n", JANUARY),
        (b"id,fare,fare\n", JANUARY),
        (b"id,fare\r7,8\n", JANUARY),
        (b"id,fare,number\n", JANUARY),
        (b"id,fare,speed\n", JANUARY),
        (b"id,fare\n", Month(2019, 12)),
    ],
)
def test_freeze_refuses_missing_doubled_and_outdated_columns(tmp_path: Path, header: bytes, month: Month) -> None:
    """A column of another time is unknown, one of this time is needed, each stands once."""
    with pytest.raises(HeaderMismatch):
        layout_of(tmp_path, header + b"1,2,3\n", month=month)


def zipped(tmp_path: Path) -> bytes:
    """Return a zip archive."""
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("f.csv", "id,fare\n1,2\n")
    return (tmp_path / "z").read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"id,fare\n", "no data"),
        (b"id,fare", "no data"),
        (b"id,fare\r\n\r\n\n", "no data"),
        (b"<!DOCTYPE html>\n<html>\n", "web page"),
        (b"\xef\xbb\xbf \n<html>\n", "web page"),
        (b"PAR1abcdPAR1", "damaged"),
        (b"PAR1abcd", "without its footer"),
        ("id,fare\n1,2\n".encode("utf-16"), "UTF-16"),
        ("id,fare\n1,2\n".encode("utf-16-le"), "NUL"),
        (b"BZh91", "bzip2"),
        (b"id,f\xff\n1,2\n", "not UTF-8"),
        (b"\nid,fare\n1,2\n", "blank"),
        (b"x" * 200_000, "no end"),
        (b"\x1f\x8bnonsense", "damaged"),
        (gzip.compress(b"id,fare\n1,2\n", mtime=0)[:15], "ends early"),
        (gzip.compress(b"", mtime=0), "empty"),
        (gzip.compress(b"<html>\n", mtime=0), "web page"),
        (gzip.compress(gzip.compress(b"id,fare\n1,2\n", mtime=0), mtime=0), "twice"),
    ],
)
def test_what_is_no_csv_is_refused_by_name(tmp_path: Path, content: bytes, words: str) -> None:
    """Each kind of wrong file gets its own words, and the file's name."""
    with pytest.raises(BadInput, match=words) as caught:
        layout_of(tmp_path, content)
    assert caught.value.facts["file"].startswith("f.csv")
    assert caught.value.exit_code == 11


def test_a_zip_is_refused(tmp_path: Path) -> None:
    """A zip archive is told what to do with it."""
    with pytest.raises(BadInput, match="zip"):
        layout_of(tmp_path, zipped(tmp_path))


def test_compression_is_told_by_the_bytes(tmp_path: Path) -> None:
    """A gzip file needs no name that says so."""
    assert layout_of(tmp_path, gzip.compress(b"id,fare\n1,2\n"))[:2] == ["id", "fare"]


def test_the_layout_knows_the_first_line(tmp_path: Path) -> None:
    """Text, length with byte order mark, and line end of the header are kept."""
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfid,fare\r\n1,2\n")
    layout = read_layout(path, dataset(), JANUARY, name="f.csv")
    assert isinstance(layout, CsvLayout)
    assert (layout.header, layout.header_bytes, layout.line_end) == ("id,fare", 12, "\r\n")
    assert not layout.compressed


def test_a_parquet_file_without_footer_is_bad_input() -> None:
    """The truncated Parquet month is refused as what it is."""
    path = DATA / "bad/yellow_tripdata_2024-01_TRUNCATED.parquet"
    if not path.exists():
        pytest.skip("the shared data are not here")
    with pytest.raises(BadInput, match="without its footer"):
        read_layout(path, find("yellow"), Month(2024, 1), name=path.name)


def test_a_torn_gzip_header_is_torn_input(tmp_path: Path) -> None:
    """A gzip file cut within its first line counts as torn."""
    with pytest.raises(TornInput):
        layout_of(tmp_path, gzip.compress(b"id,fare\n1,2\n")[:12])


def test_a_contract_without_this_months_columns_matches_nothing(tmp_path: Path) -> None:
    """Aliases of columns of another time do not match either."""
    plain = dataset()
    columns = (*plain.contract.columns[:2], replace(plain.contract.columns[2], aliases=("mph",)))
    path = tmp_path / "f"
    path.write_bytes(b"id,fare,mph\n1,2,3\n")
    changed = replace(plain, contract=replace(plain.contract, columns=columns))
    with pytest.raises(HeaderMismatch):
        read_layout(path, changed, JANUARY, name="f.csv")
