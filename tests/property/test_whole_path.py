"""The whole path against plain Python: rows written by hand, loaded by the engine, read back, ids from the document.

The reference shares no code with the engine: `csv`-like text made here, values as `Decimal` and `datetime`, ids by the
code block of docs/row-identity.md.
"""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import string
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import catalog
from engine.identity import digests
from engine.ingest import Request, ingest
from engine.month import Month
from engine.settings import Settings
from engine.targets import Place, open_target
from engine.watch import Nobody
from tests.identity_document import expected, reference

if TYPE_CHECKING:
    from pathlib import Path

    from engine.contract import Dataset
    from engine.receipt import Receipt

MONTH = Month(2020, 1)
CONTRACT = """
[dataset]
name = "rides"
time = "began"
[identity]
columns = ["ride", "began", "price", "miles", "kind", "note"]
[[columns]]
name = "ride"
type = "int64"
[[columns]]
name = "began"
type = "datetime"
[[columns]]
name = "price"
type = "decimal(10,2)"
[[columns]]
name = "miles"
type = "float64"
[[columns]]
name = "kind"
type = "text"
[[columns]]
name = "note"
type = "text"
[[columns]]
name = "tip"
type = "decimal(6,3)"
"""
NAMES = ("ride", "began", "price", "miles", "kind", "note", "tip")
Row = dict[str, Any]

_texts = st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n",', exclude_categories=["Cs"]), min_size=1)
_rows = st.fixed_dictionaries(
    {
        "ride": st.none() | st.integers(-(2**63), 2**63 - 1),
        "began": st.none()
        | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)).map(lambda t: t.replace(microsecond=0)),  # noqa: DTZ001 - local times
        "price": st.none() | st.integers(-(10**10) + 1, 10**10 - 1).map(lambda n: Decimal(n).scaleb(-2)),
        "miles": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "kind": st.none() | st.sampled_from(["Y", "N"]),
        "note": st.none() | _texts,
        "tip": st.none() | st.integers(-999_999, 999_999).map(lambda n: Decimal(n).scaleb(-3)),
    }
)


def _number(value: Decimal, style: int) -> str:
    """Write a decimal in one of the ways in which real files do: `0.50`, `.50`, `0.5`, `5e-1`."""
    text = f"{value:f}"
    match style % 3:
        case 0:
            return text
        case 1:
            return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
        case _:
            return text.rstrip("0").rstrip(".") if "." in text else text


def _field(row: Row, name: str, style: int) -> str:
    match row[name]:
        case None:
            return ""
        case Decimal() as value:
            return _number(value, style)
        case dt.datetime() as value:
            return value.isoformat(sep=" ")
        case float() as value:
            return repr(value)
        case value:
            return str(value)


def _write(path: Path, rows: list[Row], *, order: tuple[str, ...], style: int, end: str) -> None:
    lines = [",".join(order), *(",".join(_field(row, name, style + i) for name in order) for i, row in enumerate(rows))]
    data = (end.join(lines) + (end if style % 2 else "")).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _ids(rows: list[Row], dataset: Dataset) -> list[bytes]:
    """Return the ids the document gives, occurrences included, sorted."""
    seen: Counter[bytes] = Counter()
    ids = []
    for digest in expected(rows, dataset.contract):
        again = b"dup1" + digest + seen[digest].to_bytes(8, "big")
        ids.append(reference()["md5"](again) if seen[digest] else digest)
        seen[digest] += 1
    return sorted(ids)


def _load(dataset: Dataset, source: Path, to: str, home: Path) -> tuple[Receipt, pl.DataFrame]:
    place = Place(url=to)
    machine = Settings(data=home, cache=home, datasets=(), postgres_named=False)
    request = Request(dataset=dataset, month=MONTH, to=place, location=str(source), force=True, allow_shrink=True)
    result = ingest(request, machine, Nobody())
    assert result.error is None, result.error
    with open_target(place, dataset, machine) as target:
        frames = list(target.sink.read(MONTH))
    return result.receipt, pl.concat(frames)


def _same(frame: pl.DataFrame, rows: list[Row]) -> None:
    """Check that a frame holds exactly these rows, in whatever order."""

    def key(row: Row) -> tuple[Any, ...]:
        return tuple((row[name] is not None, row[name]) for name in NAMES)

    found = sorted((key(row) for row in frame.select(NAMES).iter_rows(named=True)), key=repr)
    assert found == sorted((key(row) for row in rows), key=repr)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset with every kind of column that taxi files have, and one column that was added later."""
    path = tmp_path_factory.mktemp("datasets") / "rides.toml"
    path.write_text(CONTRACT)
    return catalog.load(path)


_forms = st.fixed_dictionaries(
    {
        "order": st.permutations(NAMES),
        "style": st.integers(0, 5),
        "end": st.sampled_from(["\n", "\r\n"]),
        "suffix": st.sampled_from(["csv", "csv.gz"]),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_rows, min_size=1, max_size=12), again=st.integers(0, 3), form=_forms)
def test_what_was_written_is_what_is_read_with_the_documented_ids(
    rows: list[Row],
    again: int,
    form: dict[str, Any],
    dataset: Dataset,
    module_database_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Values and ids do not depend on order of columns, form of numbers, line ends, compression or target."""
    rows = [row for row in rows if any(value is not None for value in row.values())]  # else its line is blank
    rows += [dict.fromkeys(NAMES) | {"ride": 1}, *rows[:again]]
    home = tmp_path_factory.mktemp("load")
    source = home / f"rides_tripdata_{MONTH}.{form['suffix']}"
    _write(source, rows, order=form["order"], style=form["style"], end=form["end"])
    wanted = _ids(rows, dataset)
    checksums = set()
    for to in (str(home / "out"), module_database_url):
        receipt, frame = _load(dataset, source, to, home)
        _same(frame, rows)
        assert sorted(frame["unique_row_id"].to_list()) == wanted
        assert (receipt.rows.lines, receipt.rows.loaded, receipt.rows.quarantined) == (len(rows), len(rows), 0)
        checksums.add(receipt.id_checksum)
    assert len(checksums) == 1


def test_a_parquet_file_of_the_same_values_has_the_same_ids(dataset: Dataset, tmp_path: Path) -> None:
    """What comes back from Parquet hashes to the id that stands beside it."""
    letters = itertools.cycle(string.ascii_letters)
    rows = [
        {
            "ride": n,
            "began": dt.datetime(2020, 1, 1 + n % 28),  # noqa: DTZ001 - local times
            "price": Decimal(n).scaleb(-2),
            "miles": n / 7,
            "kind": None if n % 3 else "Y",
            "note": next(letters) * (n % 130 + 1),
            "tip": None if n % 5 else Decimal(n).scaleb(-3),
        }
        for n in range(500)
    ]
    source = tmp_path / f"rides_tripdata_{MONTH}.csv"
    _write(source, rows, order=NAMES, style=0, end="\n")
    _, frame = _load(dataset, source, str(tmp_path / "out"), tmp_path)
    again = pl.read_parquet(tmp_path / "out" / "rides" / f"month={MONTH}" / "data.parquet", hive_partitioning=False)
    ids = digests(again, dataset.contract, dataset.contract.columns)
    assert [row.tobytes() for row in ids] == again["unique_row_id"].to_list()
    assert sorted(again["unique_row_id"].to_list()) == sorted(frame["unique_row_id"].to_list())
