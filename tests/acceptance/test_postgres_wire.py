"""The bytes that we write for a binary COPY, read back by PostgreSQL itself: every type, every scale, every extreme."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from engine.contract import ID, Column
from engine.logical import Logical
from engine.sinks.postgres import binary
from engine.sinks.postgres.types import sql_type, stored_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DIGITS = 18
POLARS: dict[str, pl.DataType] = {
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "datetime": pl.Datetime("us"),
    "date": pl.Date(),
    "bool": pl.Boolean(),
    "text": pl.String(),
}
# PostgreSQL's own range begins in 4713 BC; Python's in the year 1.
TIMES = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))  # noqa: DTZ001 - wall-clock time without a zone


def _decimals(scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**DIGITS) + 1, 10**DIGITS - 1).map(lambda unscaled: Decimal(unscaled).scaleb(-scale))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int16": st.integers(-(2**15), 2**15 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "datetime": TIMES,
    "date": st.dates(),
    "bool": st.booleans(),
    "text": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    **{f"decimal({DIGITS},{scale})": _decimals(scale) for scale in range(DIGITS + 1)},
}
EXTREMES: dict[str, list[Any]] = {
    "int16": [-(2**15), 2**15 - 1, 0, -1],
    "int32": [-(2**31), 2**31 - 1, 0, -1],
    "int64": [-(2**63), 2**63 - 1, 0, -1],
    "float64": [0.0, -0.0, 5e-324, -5e-324, 1.7976931348623157e308, 0.1, -1e-5, 8.9000000000000004],
    "datetime": [
        dt.datetime.fromisoformat(text)
        for text in (
            "0001-01-01 00:00:00",
            "1969-12-31 23:59:59.999999",
            "1970-01-01 00:00:00",
            "1999-12-31 23:59:59.000001",
            "2000-01-01 00:00:00",
            "9999-12-31 23:59:59.999999",
        )
    ],
    "date": [
        dt.date(1, 1, 1),
        dt.date(1969, 12, 31),
        dt.date(1999, 12, 31),
        dt.date(2000, 1, 1),
        dt.date(9999, 12, 31),
    ],
    "bool": [True, False],
    "text": ["", "'", '"', "\\", "\\N", "\\.", "a\tb\r\nc", "ünï \U0001f695", "N" * 5000, "%s {x}", "\x01\x7f"],
}
AMOUNTS = ["0", "0.05", "-12.5", "10000", "99999999.99", "-0.01", "9999.9999", "1e-18", "100000000", "0.00010000"]


@pytest.fixture(scope="module")
def connection(module_database_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Give a connection to a database of this module's own."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield connection


def _sent(
    connection: psycopg.Connection[tuple[Any, ...]], kinds: Sequence[str], frame: pl.DataFrame
) -> list[tuple[Any, ...]]:
    """Send a frame with columns `c0`, `c1`, ... and return the ids and the texts that the server makes of it."""
    columns = [Column(name=f"c{n}", type=Logical.parse(kind)) for n, kind in enumerate(kinds)]
    frame = frame.with_columns(pl.Series(ID, [n.to_bytes(16) for n in range(len(frame))], pl.Binary()))
    order = stored_order(columns)
    names = [sql.Identifier(ID if column is None else column.name) for column in order]
    types = [sql.SQL("uuid" if column is None else sql_type(column.type)) for column in order]
    definitions = [sql.SQL("{} {}").format(name, kind) for name, kind in zip(names, types, strict=True)]
    connection.execute("DROP TABLE IF EXISTS sent")
    connection.execute(sql.SQL("CREATE TABLE sent ({})").format(sql.SQL(", ").join(definitions)))
    copy_query = sql.SQL("COPY sent ({}) FROM STDIN (FORMAT binary)").format(sql.SQL(", ").join(names))
    with connection.cursor() as cursor, cursor.copy(copy_query) as copy:
        copy.write(binary.HEADER)
        for piece in binary.rows(frame, order):
            copy.write(piece)
        copy.write(binary.TRAILER)
    shown = [
        sql.SQL("float8send({})" if column.type.kind == "float" else "{}::text").format(sql.Identifier(column.name))
        for column in columns
    ]
    query = sql.SQL("SELECT {}, {} FROM sent ORDER BY 1").format(sql.Identifier(ID), sql.SQL(", ").join(shown))
    return connection.execute(query).fetchall()


def _text(kind: str, value: Any) -> Any:  # noqa: ANN401 - a value of any type
    """Return what PostgreSQL should print."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        scale = int(kind.rstrip(")").split(",")[1])
        return f"{value.quantize(Decimal(1).scaleb(-scale)):f}"
    match kind:
        case "float64":
            return struct.pack(">d", value)
        case "bool":
            return "true" if value else "false"
        case "datetime":
            seconds, _, fraction = value.isoformat(" ").partition(".")
            return f"{seconds}.{fraction}".rstrip("0").rstrip(".") if fraction else seconds
    return str(value)


def _series(name: str, kind: str, values: list[Any]) -> pl.Series:
    if kind.startswith("decimal"):
        return pl.Series(name, values, pl.Decimal(DIGITS, int(kind.rstrip(")").split(",")[1])))
    return pl.Series(name, values, POLARS[kind])


def _check(
    connection: psycopg.Connection[tuple[Any, ...]], kinds: Sequence[str], columns: list[list[Any]], skip: int = 0
) -> None:
    frame = pl.DataFrame(
        [_series(f"c{n}", kind, column) for n, (kind, column) in enumerate(zip(kinds, columns, strict=True))]
    )
    expected = [
        (int(number), *(_text(kind, value) for kind, value in zip(kinds, row, strict=True)))
        for number, row in enumerate(list(zip(*columns, strict=True))[skip:])
    ]
    found = [(row[0].int, *row[1:]) for row in _sent(connection, kinds, frame.slice(skip))]
    assert found == expected


@pytest.mark.parametrize("kind", EXTREMES)
def test_extremes(connection: psycopg.Connection[tuple[Any, ...]], kind: str) -> None:
    """The ends of every type's range, and nulls between them, arrive as they are."""
    values = [part for value in EXTREMES[kind] for part in (value, None)]
    _check(connection, [kind], [values])


@pytest.mark.parametrize("scale", range(DIGITS + 1))
def test_decimals_of_every_scale(connection: psycopg.Connection[tuple[Any, ...]], scale: int) -> None:
    """Every power of ten and its neighbours arrive at every scale, as do the amounts that people write."""
    unscaled = {0, *(sign * (10**power + near) for power in range(DIGITS) for near in (-1, 0, 1) for sign in (1, -1))}
    values = {Decimal(number).scaleb(-scale) for number in {*unscaled, 10**DIGITS - 1, 1 - 10**DIGITS}}
    amounts = (Decimal(text) for text in AMOUNTS)
    step = Decimal(1).scaleb(-scale)
    values |= {a for a in amounts if a % step == 0 and abs(a.scaleb(scale)) < 10**DIGITS}
    _check(connection, [f"decimal({DIGITS},{scale})"], [[None, *sorted(values), None]])


@st.composite
def _tables(draw: st.DrawFn) -> tuple[list[str], list[list[Any]], int]:
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=7))
    rows = draw(st.integers(1, 40))
    columns = [draw(st.lists(st.none() | VALUES[kind], min_size=rows, max_size=rows)) for kind in kinds]
    return kinds, columns, draw(st.integers(0, rows - 1))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(table=_tables())
def test_any_table(
    connection: psycopg.Connection[tuple[Any, ...]], table: tuple[list[str], list[list[Any]], int]
) -> None:
    """Any mixture of types, values and nulls arrives as it is, also out of the middle of a frame."""
    kinds, columns, skip = table
    _check(connection, kinds, columns, skip)


def test_more_rows_than_a_piece(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Rows are cut into pieces at any place without loss."""
    numbers = list(range(20_001))
    texts = [("x" * (n % 50)) if n % 7 else None for n in numbers]
    _check(connection, ["int64", "text"], [numbers, texts])
