"""The PostgreSQL query computes the ids of the engine, on a real server and real rows."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import psycopg
import pytest
from psycopg import sql

from engine import catalog
from engine.identity import digests, repeated, sql_query
from tests.identity_document import Row, block, contract_of, expected, frame_of, published, stored, vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from engine.contract import Column, Contract
    from engine.logical import Logical

MONTH = "2019-01-01"


@pytest.fixture
def connection(module_database_url: str) -> Iterator[psycopg.Connection]:
    """Give a connection whose changes are rolled back."""
    with psycopg.connect(module_database_url) as connection:
        yield connection
        connection.rollback()


def _sql_type(kind: Logical) -> str:
    names = {"float": "double precision", "datetime": "timestamp", "date": "date", "bool": "boolean", "text": "text"}
    integers = {16: "smallint", 32: "integer", 64: "bigint"}
    match kind.kind:
        case "int":
            return integers[kind.bits]
        case "decimal":
            return f"numeric({kind.precision},{kind.scale})"
        case other:
            return names[other]


def _load(connection: psycopg.Connection, table: str, columns: Sequence[Column], frame: pl.DataFrame) -> None:
    """Create a table and copy rows into it."""
    name = sql.Identifier(table)
    fields: list[sql.Composable] = [
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(_sql_type(column.type))) for column in columns
    ]
    fields.append(sql.SQL("source_month date"))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(fields)))
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
        for row in frame.select(column.name for column in columns).iter_rows():
            copy.write_row((*row, MONTH))


def _recomputed(connection: psycopg.Connection, query: str) -> Counter[bytes]:
    return Counter(one.bytes for _, one in connection.execute(query.encode()).fetchall())


def _ids(contract: Contract, columns: Sequence[Column], frame: pl.DataFrame) -> Counter[bytes]:
    """Return the engine's ids with occurrence numbers."""
    first = digests(frame, contract, columns)
    seen: Counter[bytes] = Counter()
    numbers = []
    for one in first:
        numbers.append(seen[one.tobytes()])
        seen[one.tobytes()] += 1
    return Counter(one.tobytes() for one in repeated(first, np.array(numbers, np.int64)))


def _real(path: Path, columns: Sequence[Column]) -> pl.DataFrame:
    """Read a month of the course's CSV mirror."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = pl.read_csv(content, infer_schema=False).rename(lambda name: name.strip().lower())
    there = [column for column in columns if column.name in text.columns]
    return text.select(_typed(column).alias(column.name) for column in there)


def _typed(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    match column.type.kind:
        case "datetime":
            return value.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
        case "decimal":
            return value.cast(pl.Float64).round(2).cast(stored(column.type))
        case "int":
            return value.cast(pl.Float64).cast(stored(column.type))
        case _:
            return value.cast(stored(column.type))


@pytest.mark.parametrize("month", ["2015-01.csv", "2019-01.csv.gz", "2019-06.csv.gz"])
def test_documented_query_on_real_yellow_rows(connection: psycopg.Connection, shared_data: Path, month: str) -> None:
    """The query in docs/row-identity.md recomputes every id of a real month, repeated rows included."""
    contract = catalog.find("yellow").contract
    frame = _real(shared_data / "yellow" / f"yellow_tripdata_{month}", contract.columns)[:4000]
    frame = pl.concat([frame, frame[:50], frame[:9]])
    columns = [column for column in contract.columns if column.name in frame.columns]
    want = _ids(contract, columns, frame)
    _load(connection, "yellow_tripdata", contract.columns, frame_of(frame.to_dicts(), contract.columns))
    assert len(want) == len(frame)
    assert _recomputed(connection, block("sql")) == want


def test_query_on_real_green_rows(connection: psycopg.Connection, shared_data: Path) -> None:
    """The query of another dataset recomputes its ids, from a table without the columns that the file lacks."""
    contract = catalog.find("green").contract
    frame = _real(shared_data / "green" / "green_tripdata_2020-04.csv.gz", contract.columns)[:3000]
    columns = [column for column in contract.columns if column.name in frame.columns]
    _load(connection, "green", columns, frame)
    assert _recomputed(connection, sql_query(contract, "green", columns)) == _ids(contract, columns, frame)


@pytest.mark.parametrize("name", published()["contracts"])
def test_query_on_published_rows(connection: psycopg.Connection, name: str) -> None:
    """The query gives the published rows, extreme values among them, their published ids."""
    chosen = {v.id: v for v in vectors() if v.note.startswith(f"{name}:") and not v.occurrence}
    contract = next(iter(chosen.values())).contract
    frame = frame_of([v.values for v in chosen.values()], contract.columns)
    _load(connection, "published", contract.columns, frame)
    assert _recomputed(connection, sql_query(contract, "published", contract.columns)) == Counter(chosen.keys())


def test_identical_rows_are_counted_within_their_month(connection: psycopg.Connection) -> None:
    """A row that stands in two months has one id twice; twice in one month, it has two."""
    contract = contract_of({"n": "int64"})
    _load(connection, "months", contract.columns, pl.DataFrame({"n": [1, 1]}))
    connection.execute("INSERT INTO months VALUES (1, '2019-02-01')")
    first = digests(pl.DataFrame({"n": [1]}), contract, contract.columns)
    second = repeated(first, np.array([1]))
    want = Counter({first.tobytes(): 2, second.tobytes(): 1})
    assert _recomputed(connection, sql_query(contract, "months", contract.columns)) == want


def test_names_are_quoted(connection: psycopg.Connection) -> None:
    """Names of schemas, tables and columns are taken as they are: quotes, percent signs, braces, and `digest`."""
    contract = contract_of({'a"b; DROP TABLE x; --': "int64", "digest": "text"}, {"{0}%s": "text", "step0": "int32"})
    rows: list[Row] = [{name: 1 if name[0] in "as" else "x" for name in map(str, (c.name for c in contract.columns))}]
    schema, table = 'my "schema"', 'a "table"'
    connection.execute(sql.SQL("CREATE SCHEMA {0}; SET search_path = {0}").format(sql.Identifier(schema)))
    _load(connection, table, contract.columns, frame_of(rows, contract.columns))
    connection.execute("SET search_path = pg_catalog")
    query = sql_query(contract, table, contract.columns, schema=schema)
    assert list(_recomputed(connection, query)) == expected(rows, contract)
