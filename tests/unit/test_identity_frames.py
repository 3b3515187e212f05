"""Ids of frames: every way in which Polars can hold the same rows."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.contract import ID, Column, Contract
from engine.errors import ContractMismatch
from engine.identity import digests, identify, repeated
from engine.logical import Logical
from tests.identity_document import Row, contract_of, expected, frame_of, reference

CONTRACT = contract_of(
    {
        "small": "int16",
        "medium": "int32",
        "big": "int64",
        "money": "decimal(10,2)",
        "ratio": "float64",
        "at": "datetime",
        "day": "date",
        "flag": "bool",
        "note": "text",
    },
    {"later": "int32", "remark": "text"},
)
ROWS = 2500  # more than two chunks of lanes


def _row(number: int) -> Row:
    """Return a row in which each column is null now and then, and texts are of every length up to 200."""
    row: Row = {
        "small": number % 300,
        "medium": -number,
        "big": number * 10**12,
        "money": Decimal(number - 50).scaleb(-2),
        "ratio": number / 7,
        "at": dt.datetime(1969, 12, 31) + dt.timedelta(minutes=number, microseconds=number),  # noqa: DTZ001 - wall clock
        "day": dt.date(1969, 12, 31) + dt.timedelta(days=number % 9),
        "flag": number % 3 == 0,
        "note": "ab\N{TAXI}"[: number % 4] * (number % 67),
        "later": number if number % 5 == 0 else None,
        "remark": "r" * (number % 70) if number % 11 == 0 else None,
    }
    return {name: value for at, (name, value) in enumerate(row.items()) if number % (at + 5)}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Give rows of every type, with nulls."""
    return [_row(number) for number in range(ROWS)]


@pytest.fixture(scope="module")
def frame(rows: list[Row]) -> pl.DataFrame:
    """Give these rows as a frame."""
    return frame_of(rows, CONTRACT.columns)


@pytest.fixture(scope="module")
def ids(rows: list[Row]) -> list[bytes]:
    """Give the ids that the document's code computes for them."""
    return expected(rows, CONTRACT)


def _digests(frame: pl.DataFrame, contract: Contract = CONTRACT) -> list[bytes]:
    present = [column for column in contract.columns if column.name in frame.columns]
    return [one.tobytes() for one in digests(frame, contract, present)]


def test_ids_are_sixteen_bytes_and_never_null(frame: pl.DataFrame, ids: list[bytes]) -> None:
    """`identify` appends one Binary column of 16 bytes a row, and leaves all others as they are."""
    result = identify(frame.lazy(), CONTRACT, CONTRACT.columns).collect()
    assert result.drop(ID).equals(frame)
    assert result.schema[ID] == pl.Binary
    assert result[ID].null_count() == 0
    assert result[ID].to_list() == ids


@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
def test_engines_agree(frame: pl.DataFrame, ids: list[bytes], engine: pl._typing.EngineType) -> None:
    """The streaming engine and the in-memory engine compute the same ids."""
    lazy = identify(frame.lazy(), CONTRACT, CONTRACT.columns).select(ID)
    assert lazy.collect(engine=engine)[ID].to_list() == ids


def test_digests_are_contiguous(frame: pl.DataFrame, ids: list[bytes]) -> None:
    """`digests` returns (rows, 16) uint8 in one piece."""
    result = digests(frame, CONTRACT, CONTRACT.columns)
    assert result.shape == (ROWS, 16)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert result.tobytes() == b"".join(ids)


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 9), (7, 1024), (3, 1028), (1023, 2049), (2499, 2500)])
def test_slices(frame: pl.DataFrame, ids: list[bytes], first: int, last: int) -> None:
    """A slice, whose buffers start somewhere inside a byte of validity bits, has the ids of its rows."""
    assert _digests(frame[first:last]) == ids[first:last]


def test_chunks(frame: pl.DataFrame, ids: list[bytes]) -> None:
    """A frame of several chunks, also empty ones, has the ids of its rows in their order."""
    pieces = [frame[5:700], frame[:0], frame[1:2], frame[1300:]]
    assert _digests(pl.concat(pieces, rechunk=False)) == ids[5:700] + ids[1:2] + ids[1300:]


def test_chunks_that_do_not_lie_alike(frame: pl.DataFrame, ids: list[bytes]) -> None:
    """Columns with chunks of different lengths make the same ids."""
    chunked = pl.concat([frame[:9].get_column("note"), frame[9:].get_column("note")], rechunk=False)
    assert _digests(frame.with_columns(chunked)) == ids


def test_an_empty_frame_has_no_ids(frame: pl.DataFrame) -> None:
    """No rows, no ids, no error."""
    assert digests(frame[:0], CONTRACT, CONTRACT.columns).shape == (0, 16)
    assert identify(frame[:0].lazy(), CONTRACT, CONTRACT.columns).collect().schema[ID] == pl.Binary


@pytest.mark.parametrize("name", [column.name for column in CONTRACT.columns])
def test_an_absent_column_is_null(frame: pl.DataFrame, rows: list[Row], name: str) -> None:
    """A column that is absent, all null, or of Polars' type Null makes the same ids."""
    want = expected([row | {name: None} for row in rows], CONTRACT)
    assert _digests(frame.drop(name)) == want
    assert _digests(frame.with_columns(pl.lit(None, frame.schema[name]).alias(name))) == want
    assert _digests(frame.with_columns(pl.lit(None).alias(name))) == want


@pytest.mark.parametrize("kind", [pl.Int8, pl.Int16, pl.Int32, pl.Int64])
def test_the_width_of_an_integer_does_not_count(kind: type[pl.DataType]) -> None:
    """An integer makes the same id at whatever width it is stored."""
    contract = contract_of({"n": "int64"})
    values = [0, 1, -1, 127, -128, None]
    assert _digests(pl.DataFrame({"n": pl.Series(values, dtype=kind)}), contract) == expected(
        [{"n": value} for value in values], contract
    )


def test_the_order_of_columns_does_not_count(frame: pl.DataFrame, ids: list[bytes]) -> None:
    """Neither the order in the frame nor the order of `columns` changes an id."""
    columns = CONTRACT.columns[::-1]
    assert digests(frame.select(frame.columns[::-1]), CONTRACT, columns).tobytes() == b"".join(ids)


def test_columns_that_the_policy_carries() -> None:
    """A column that the contract does not name counts like one that was added later."""
    extra = Column(name="größe", type=Logical.parse("text"))
    contract = contract_of({"n": "int64"})
    columns = (*contract.columns, extra)
    rows: list[Row] = [{"n": 1, "größe": "x"}, {"n": 1}]
    got = digests(frame_of(rows, columns), contract, columns)
    assert [one.tobytes() for one in got] == expected(rows, contract, columns)
    assert got[1].tobytes() == _digests(pl.DataFrame({"n": [1]}), contract)[0]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("decimal(10,2)", pl.Series([1.5])),
        ("decimal(10,2)", pl.Series([Decimal("1.500")], dtype=pl.Decimal(10, 3))),
        ("datetime", pl.Series([dt.datetime(2019, 1, 1)], dtype=pl.Datetime("ms"))),  # noqa: DTZ001 - wall clock
        ("datetime", pl.Series([dt.datetime(2019, 1, 1)], dtype=pl.Datetime("us", "UTC"))),  # noqa: DTZ001 - wall clock
        ("text", pl.Series([1])),
        ("int16", pl.Series(["1"])),
    ],
)
def test_another_type_is_refused(kind: str, values: pl.Series) -> None:
    """A column that is stored as another type than its contract says is refused, with both types named."""
    contract = contract_of({"x": kind})
    with pytest.raises(ContractMismatch) as caught:
        digests(values.to_frame("x") if values.name else values.alias("x").to_frame(), contract, contract.columns)
    assert caught.value.facts["expected"] == kind


def test_threads_may_share_everything(frame: pl.DataFrame, ids: list[bytes]) -> None:
    """Several threads that compute ids at once do not disturb each other."""
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(_digests, [frame] * 12):
            assert result == ids


@pytest.mark.parametrize("count", [0, 1, 3, 1023, 1024, 1025, 2047, 2048, 2049])
def test_texts_of_mixed_lengths(count: int) -> None:
    """Texts of very different lengths in one batch, the memo's own among them, have their own digests."""
    contract = contract_of({"note": "text"})
    texts = [("Y", "N", "", None, "x" * (i % 300), "é" * (i % 7), "y" * 12, "y" * 13)[i % 8] for i in range(count)]
    if count:
        texts[count // 2] = "long" * 5000
    rows = [{"note": text} for text in texts]
    assert _digests(frame_of(rows, contract.columns), contract) == expected(rows, contract)


def test_more_short_texts_than_the_memo_holds() -> None:
    """Short texts that drive each other out of the memo keep their digests."""
    contract = contract_of({"note": "text"})
    rows = [{"note": f"B{i % 3000:05d}"} for i in range(9000)]
    assert _digests(frame_of(rows, contract.columns), contract) == expected(rows, contract)


def test_texts_in_several_buffers() -> None:
    """Long texts that lie in several buffers of one column are found."""
    contract = contract_of({"note": "text"})
    parts = [pl.DataFrame({"note": [f"{part} {i} " + "x" * 50 for i in range(100)]}) for part in range(5)]
    frame = pl.concat(parts).sort("note", descending=True)
    assert _digests(frame, contract) == expected(frame.to_dicts(), contract)


def test_occurrence_zero_keeps_the_digest() -> None:
    """`repeated` changes the ids of repeated rows only, and not the array that it is given."""
    rng = np.random.default_rng(1)
    first = rng.integers(0, 256, (3000, 16), np.uint8)
    before, occurrences = first.copy(), rng.integers(0, 3, 3000) * rng.integers(0, 2**40, 3000)
    result = repeated(first, occurrences)
    md5 = reference()["md5"]
    want = [
        md5(b"dup1" + one.tobytes() + int(k).to_bytes(8, "big")) if k else one.tobytes()
        for one, k in zip(first, occurrences, strict=True)
    ]
    assert [one.tobytes() for one in result] == want
    assert (first == before).all()


def test_another_process_computes_the_same_ids(frame: pl.DataFrame, ids: list[bytes], tmp_path: Path) -> None:
    """A process of its own, with other threads and other batches, computes the same ids."""
    frame.write_ipc(tmp_path / "rows.arrow")
    program = (
        "import sys, polars as pl\n"
        "from engine.identity import identify\n"
        "from tests.unit.test_identity_frames import CONTRACT\n"
        "lazy = identify(pl.scan_ipc(sys.argv[1]), CONTRACT, CONTRACT.columns)\n"
        "print(b''.join(lazy.collect(engine='streaming')['unique_row_id'].to_list()).hex())\n"
    )
    run = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program, str(tmp_path / "rows.arrow")],
        cwd=Path(__file__).parents[2],
        env={"POLARS_MAX_THREADS": "3", "POLARS_STREAMING_CHUNK_SIZE": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == b"".join(ids).hex()
