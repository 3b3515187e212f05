"""Every kind of target, one suite: rows, their values, ids and columns, as they stand there after loads."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter

import numpy as np
import polars as pl

from engine.contract import ID
from engine.identity import repeated
from tests.conformance.world import MONTH, TRIPS, World, lines, trips


def test_identical_rows_have_occurrence_ids(world: World) -> None:
    """Identical rows of a file are all there; their ids are the digest and its occurrences, as documented."""
    world.write(lines(*range(500), 7, 7, 8))
    receipt = world.load()
    world.assert_whole([*range(500), 7, 7, 8], receipt)
    stored = world.stored()
    seven = stored.filter(pl.col("id") == 7)[ID].to_list()
    base = next(id_ for id_ in seven if set(_occurrences(id_, 3)) == set(seven))
    assert base in seven


def _occurrences(digest: bytes, count: int) -> list[bytes]:
    ids = np.repeat(np.frombuffer(digest, np.uint8).reshape(1, 16), count, axis=0)
    return [row.tobytes() for row in repeated(ids, np.arange(count))]


def test_a_month_of_one_row_repeated(world: World) -> None:
    """A file with nothing but identical rows has as many rows with as many ids."""
    world.write(lines(*[4] * 300))
    world.assert_whole([4] * 300, world.load())


def test_values_come_back_as_they_were(world: World) -> None:
    """Nulls, empty texts, quotes, wide characters, extremes and negative zero amounts come back as they were."""
    data = [
        '9223372036854775807,1969-12-31 23:59:59,-0.05,"a ""quoted"", text"',
        "-9223372036854775807,2019-01-31 00:00:00,99999999.99,\U0001f695 ünï\\N",
        ',,,""',
        "0,2000-01-01 00:00:00,0.00,'; DROP TABLE x; --",
        "1,1999-12-31 23:59:59,-10000.00,\\x41\\\\",
    ]
    world.write(data)
    receipt = world.load(max_rejects=0.0)
    assert receipt.rows.loaded == 5
    rows = world.visible()
    assert rows is not None
    seen = {row[0]: (str(row[1]), str(row[2]), row[3]) for row in rows}
    assert seen[9223372036854775807] == ("1969-12-31 23:59:59", "-0.05", 'a "quoted", text')
    assert seen[-9223372036854775807] == ("2019-01-31 00:00:00", "99999999.99", "\U0001f695 ünï\\N")
    assert seen[None][:2] == ("None", "None")
    assert seen[0] == ("2000-01-01 00:00:00", "0.00", "'; DROP TABLE x; --")
    assert seen[1] == ("1999-12-31 23:59:59", "-10000.00", "\\x41\\\\")
    world.assert_consistent(receipt)


def test_a_later_column_joins_old_months(world: World) -> None:
    """A column that the contract gains later is null in old rows, whose ids stay, and append works across it."""
    world.write(lines(*range(20)))
    world.load()
    identity = '[identity]\ncolumns = ["id", "at", "fare", "note"]\n'
    world.dataset = trips(world.folder, TRIPS + '[[columns]]\nname = "tip"\ntype = "decimal(10,2)"\n' + identity)
    path = world.write([])
    rows = [f"{line},{'' if n < 20 else '0.50'}" for n, line in enumerate(lines(*range(10, 25)), 10)]
    path.write_text("\n".join(["id,at,fare,note,tip", *rows]) + "\n")
    receipt = world.load(mode="append")
    assert (receipt.rows.loaded, receipt.rows.present) == (5, 10)
    world.assert_whole(list(range(25)), receipt)
    assert Counter(str(row[4]) for row in world.visible() or ()) == {"None": 20, "0.50": 5}


def test_the_month_is_in_the_file_name_and_source_month(world: World) -> None:
    """Every row names its file without `.gz` and the first of its month."""
    world.write(lines(*range(20)))
    world.load()
    assert world.added() == {("trips_tripdata_2019-01.csv", MONTH.first_day)}


def test_a_stored_id_is_the_digest_of_its_values(world: World) -> None:
    """Ids are computed from values, so two targets and two processes agree on them."""
    world.write(lines(1))
    world.load()
    at = int(dt.datetime(2019, 1, 2, 10, tzinfo=dt.UTC).timestamp()) * 1_000_000
    numbers = b"".join(number.to_bytes(8, signed=True) for number in (0, at, 150, 1))
    text = hashlib.md5(b"n1", usedforsecurity=False).digest()
    digest = hashlib.md5(b"row1" + numbers + text, usedforsecurity=False)
    assert world.stored()[ID].to_list() == [digest.digest()]


def _evolving(world: World, header: str, data: list[str]) -> None:
    world.dataset = trips(world.folder, TRIPS.replace("[policy]", '[policy]\nunknown = "evolve"'))
    world.write([]).write_text("\n".join([header, *data]) + "\n")


def test_carried_columns_survive(world: World) -> None:
    """A column that the contract does not know is carried, is part of the ids, and survives an append without it."""
    _evolving(world, "id,at,fare,note,colour", [f"{line},c{n}" for n, line in enumerate(lines(*range(20)))])
    receipt = world.load()
    world.assert_whole(list(range(20)), receipt)
    assert world.verified(against_source=True).agree
    _evolving(world, "id,at,fare,note", lines(*range(30, 40)))
    receipt = world.load(mode="append")
    assert receipt.rows.loaded == 10
    world.assert_whole([*range(20), *range(30, 40)], receipt)
    assert Counter(world.column("colour")) == Counter([*(f"c{n}" for n in range(20)), *[None] * 10])
