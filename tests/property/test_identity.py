"""Properties of ids: what must not change them, and what must."""

from __future__ import annotations

import datetime as dt
import io
import struct
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.contract import ID
from engine.identity import digests, identify
from tests.identity_document import Row, contract_of, expected, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.contract import Contract

BASE = {
    "small": "int16",
    "medium": "int32",
    "big": "int64",
    "money": "decimal(10,2)",
    "widest": "decimal(18,4)",
    "ratio": "float64",
    "at": "datetime",
    "day": "date",
    "flag": "bool",
    "first": "text",
    "second": "text",
}
ADDED = {"later": "int64", "later_ratio": "float64", "later_remark": "text"}
CONTRACT = contract_of(BASE, ADDED)

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=70)
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2, 8.9]),
)
BIG = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, 0, -1, 2**32, 2**31, 2**53 + 1])
)


def _decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(1 - 10**digits, 10**digits - 1).map(lambda number: Decimal(number).scaleb(-scale))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "small": st.integers(-(2**15), 2**15 - 1),
    "medium": st.integers(-(2**31), 2**31 - 1),
    "big": BIG,
    "money": _decimals(10, 2),
    "widest": _decimals(18, 4),
    "ratio": FLOATS,
    "at": st.datetimes(),
    "day": st.dates(),
    "flag": st.booleans(),
    "first": TEXTS,
    "second": TEXTS,
    "later": BIG,
    "later_ratio": FLOATS,
    "later_remark": TEXTS,
}
ROW = st.fixed_dictionaries({name: st.none() | value for name, value in VALUES.items()})
ROWS = st.lists(ROW, min_size=1, max_size=12)
COLUMN = st.sampled_from(sorted(VALUES))


def _ids(rows: list[Row], contract: Contract = CONTRACT) -> list[bytes]:
    return _texts(frame_of(rows, contract.columns), contract)


def _texts(frame: pl.DataFrame, contract: Contract = CONTRACT) -> list[bytes]:
    return [one.tobytes() for one in digests(frame, contract, contract.columns)]


def _same(first: object, second: object) -> bool:
    """Tell whether two values are one to the identity: null is itself only, -0.0 is 0.0."""
    return type(first) is type(second) and first == second


@given(ROWS)
def test_ids_are_what_the_document_says(rows: list[Row]) -> None:
    """Whatever the values, the engine and the document's code agree."""
    assert _ids(rows) == expected(rows, CONTRACT)


@given(ROWS, st.integers(1, 40), st.integers(1, 12), st.data())
def test_batches_do_not_count(rows: list[Row], times: int, cuts: int, data: st.DataObject) -> None:
    """Rows make the same ids in one batch, in many, and sliced out of a larger one."""
    rows = rows * times
    frame = frame_of(rows, CONTRACT.columns)
    places = sorted(data.draw(st.lists(st.integers(0, len(rows)), min_size=cuts, max_size=cuts)))
    pieces = [frame[start:end] for start, end in zip([0, *places], [*places, len(rows)], strict=True)]
    want = _ids(rows)
    assert [one for piece in pieces for one in _texts(piece)] == want
    lazy = identify(pl.concat(pieces, rechunk=False).lazy(), CONTRACT, CONTRACT.columns)
    assert lazy.collect(engine="streaming")[ID].to_list() == want


@given(ROWS, st.randoms(use_true_random=False))
def test_orders_do_not_count(rows: list[Row], random: Any) -> None:  # noqa: ANN401 - hypothesis's own Random
    """Rows in another order make the same ids, each its own; so do columns in another order."""
    want = dict(enumerate(_ids(rows)))
    order = random.sample(range(len(rows)), len(rows))
    assert _ids([rows[at] for at in order]) == [want[at] for at in order]
    columns = random.sample(CONTRACT.columns, len(CONTRACT.columns))
    again = digests(frame_of(rows, columns), CONTRACT, columns)
    assert Counter(one.tobytes() for one in again) == Counter(want.values())


@given(ROW, COLUMN, st.data())
def test_every_cell_counts(row: Row, name: str, data: st.DataObject) -> None:
    """Another value in any one cell makes another id."""
    value = data.draw(st.none() | VALUES[name])
    assume(not _same(row[name], value))
    first, second = _ids([row, row | {name: value}])
    assert first != second


@given(ROW, st.sampled_from([*BASE, *ADDED]))
def test_null_is_not_zero_and_not_empty(row: Row, name: str) -> None:
    """Null, zero (the empty text, the first of January 1970, false) and one are three values."""
    zeros: dict[str, list[object]] = {
        "money": [Decimal("0.00"), Decimal("0.01")],
        "widest": [Decimal("0.0000"), Decimal("0.0001")],
        "at": [dt.datetime(1970, 1, 1), dt.datetime(1970, 1, 1, 0, 0, 0, 1)],  # noqa: DTZ001 - wall clock
        "day": [dt.date(1970, 1, 1), dt.date(1970, 1, 2)],
        "flag": [False, True],
        "ratio": [0.0, 5e-324],
        "later_ratio": [0.0, 5e-324],
        "first": ["", " "],
        "second": ["", " "],
        "later_remark": ["", " "],
    }
    values = [None, *zeros.get(name, [0, 1])]
    assert len(set(_ids([row | {name: value} for value in values]))) == 3


@given(ROW, st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1), st.data())
def test_text_cannot_shift_into_its_neighbour(row: Row, text: str, data: st.DataObject) -> None:
    """However a text is cut in two between neighbouring columns, each cut has its own id."""
    cuts = range(len(text) + 1)
    rows = [row | {"first": text[:cut], "second": text[cut:]} for cut in cuts]
    rows += [row | {"first": text, "second": None}, row | {"first": None, "second": text}]
    assert len(set(_ids(rows))) == len(rows)
    values = data.draw(st.permutations([1, 2, None]))
    assume(values != [1, 2, None])
    swapped = dict(zip(("small", "medium", "big"), values, strict=True))
    assert len(set(_ids([row | {"small": 1, "medium": 2, "big": None}, row | swapped]))) == 2


@given(ROW, st.sampled_from(["ratio", "later_ratio"]), FLOATS)
def test_floats_count_by_their_bits(row: Row, name: str, value: float) -> None:
    """Neighbouring doubles are two values; -0.0 and 0.0 are one."""
    bits = struct.unpack("<q", struct.pack("<d", value))[0]
    assume(abs(bits) & (2**63 - 1) < 0x7FEFFFFFFFFFFFFF)
    (other,) = struct.unpack("<d", struct.pack("<q", bits + 1))
    assume(other != value)
    assert len(set(_ids([row | {name: value}, row | {name: other}]))) == 2
    assert len(set(_ids([row | {name: 0.0}, row | {name: -0.0}]))) == 1


@given(ROWS)
def test_a_later_column_leaves_old_ids(rows: list[Row]) -> None:
    """A column that a contract adds changes ids only where it has a value."""
    before = contract_of(BASE)
    old, new = _ids(rows, before), _ids(rows)
    for row, first, second in zip(rows, old, new, strict=True):
        assert (first == second) == all(row[name] is None for name in ADDED)


@settings(max_examples=30)
@given(ROWS)
def test_storage_does_not_count(rows: list[Row]) -> None:
    """Rows that went through a Parquet file or an Arrow file make the same ids."""
    frame, want = frame_of(rows, CONTRACT.columns), _ids(rows)
    parquet, arrow = io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet, row_group_size=5)
    frame.write_ipc(arrow)
    for stored in (parquet, arrow):
        stored.seek(0)
    for back in (pl.read_parquet(parquet), pl.read_ipc(arrow)):
        assert _texts(back) == want


@settings(max_examples=30)
@given(st.integers(1, 200), st.data())
def test_any_number_of_columns(count: int, data: st.DataObject) -> None:
    """Contracts of few and of many columns, with one or several words of null bits and any padding, agree."""
    kinds = data.draw(st.lists(st.sampled_from(["int16", "text", "bool", "date"]), min_size=count, max_size=count))
    contract = contract_of({f"c{at}": kind for at, kind in enumerate(kinds)})
    makers: dict[str, Callable[[int], object]] = {
        "int16": lambda at: at,
        "text": str,
        "bool": lambda at: at % 2 == 0,
        "date": dt.date.fromordinal,
    }
    missing = data.draw(st.sets(st.integers(0, count - 1)))
    row = {f"c{at}": makers[kind](at + 1) for at, kind in enumerate(kinds) if at not in missing}
    assert _ids([row, {}], contract) == expected([row, {}], contract)
