"""Every kind of target, one suite: what a load promises (docs/guarantees.md), seen from outside."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from engine.contract import ID
from engine.errors import BadInput, IdentityMismatch, ShrinkRefused, TableMismatch, TooManyRejects
from engine.identity import repeated
from engine.month import Month
from engine.receipt import State
from engine.targets import receipts
from tests.conformance.world import MONTH, TRIPS, FolderWorld, PostgresWorld, World, lines, trips

if TYPE_CHECKING:
    from pathlib import Path

    from engine.receipt import Receipt


def test_a_first_load_has_every_row_once(world: World) -> None:
    """A first load makes every line of the file one visible row."""
    world.write(lines(*range(3000)))
    receipt = world.load()
    assert (receipt.state, receipt.rows.loaded, receipt.rows.lines) == (State.LOADED, 3000, 3000)
    world.assert_whole(list(range(3000)), receipt)


def test_the_same_bytes_again_change_nothing(world: World) -> None:
    """Loading the same bytes again writes nothing at all, not even a record."""
    world.write(lines(*range(100)))
    first = world.load()
    before = world.fingerprint()
    second = world.load()
    assert (second.state, second.load_id, second.rows) == (State.UNCHANGED, first.load_id, first.rows)
    assert world.fingerprint() == before


def test_a_new_date_on_the_same_bytes_changes_no_row(world: World) -> None:
    """A file that was only touched is read once more, recorded, and left alone; after that it is not read."""
    path = world.write(lines(*range(100)))
    first = world.load()
    os.utime(path, (1, 1))
    second = world.load()
    assert (second.state, second.load_id) == (State.UNCHANGED, first.load_id)
    before = world.fingerprint()
    assert world.load().state is State.UNCHANGED
    assert world.fingerprint() == before
    world.assert_whole(list(range(100)), first)


def test_corrected_bytes_replace_the_month(world: World) -> None:
    """After a correction the month is exactly the new file, and the ledger calls the old load superseded."""
    world.write(lines(*range(100)))
    old = world.load()
    world.write(lines(*range(5, 110), note="new"))
    receipt = world.load()
    assert (receipt.state, receipt.rows.loaded, receipt.rows.present) == (State.LOADED, 105, 0)
    world.assert_whole(list(range(5, 110)), receipt, note="new")
    assert world.states() == {old.load_id: "superseded", receipt.load_id: "loaded"}


def test_forced_bytes_are_loaded_again(world: World) -> None:
    """A forced load of unchanged bytes is a load of its own with the same rows and the same checksum."""
    world.write(lines(*range(50)))
    first, second = world.load(), world.load(force=True)
    assert second.state is State.LOADED
    assert second.id_checksum == first.id_checksum
    world.assert_whole(list(range(50)), second)


def test_append_adds_only_what_is_missing(world: World) -> None:
    """Append adds the rows that the month lacks and counts those that it has."""
    world.write(lines(*range(100)))
    world.load()
    world.write(lines(*range(60, 150)))
    receipt = world.load(mode="append")
    assert (receipt.rows.loaded, receipt.rows.present, receipt.rows.total) == (50, 40, 150)
    world.assert_whole(list(range(150)), receipt)
    world.write(lines(*range(10)))
    again = world.load(mode="append")
    assert (again.rows.loaded, again.rows.present, again.rows.total) == (0, 10, 150)
    world.assert_whole(list(range(150)), again)


def test_append_to_nothing_is_a_first_load(world: World) -> None:
    """Append without a month is a first load."""
    world.write(lines(*range(30)))
    receipt = world.load(mode="append")
    assert (receipt.rows.loaded, receipt.rows.present, receipt.rows.total) == (30, 0, 30)
    world.assert_whole(list(range(30)), receipt)


def test_append_counts_identical_rows(world: World) -> None:
    """A row that stood twice and stands three times in the next file is added once."""
    world.write(lines(1, 1, 2))
    world.load()
    world.write(lines(1, 3, 1, 1))
    receipt = world.load(mode="append")
    assert (receipt.rows.loaded, receipt.rows.present, receipt.rows.total) == (2, 2, 5)
    world.assert_whole([1, 1, 1, 2, 3], receipt)


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


def test_a_shrunken_month_must_be_asked_for(world: World) -> None:
    """A file with less than 90 % of the rows leaves the month alone, unless shrinking is allowed."""
    world.write(lines(*range(100)))
    first = world.load()
    world.write(lines(*range(89)))
    result = world.run()
    assert isinstance(result.error, ShrinkRefused)
    world.assert_whole(list(range(100)), first)
    assert world.load(allow_shrink=True).rows.total == 89
    world.write(lines(*range(81)))
    assert world.load().rows.total == 81


def test_too_many_rejects_leave_the_month_alone(world: World) -> None:
    """More bad lines than allowed: nothing becomes visible, no reject is kept, and an old month stays."""
    world.write(lines(*range(10)) + ["x,2019-01-01 10:00:00,1.00,n"] * 3)
    assert isinstance(world.run().error, TooManyRejects)
    assert world.visible() is None
    assert world.rejects() == []
    world.write(lines(*range(10)))
    first = world.load()
    world.write(lines(*range(12)) + ["x,2019-01-01 10:00:00,1.00,n"] * 4)
    assert isinstance(world.run().error, TooManyRejects)
    world.assert_whole(list(range(10)), first)
    assert world.rejects() == []
    assert world.states().popitem()[1] == "failed"


def test_rejects_are_kept_with_the_month(world: World) -> None:
    """A bad line is kept with its number, column, reason and text, and goes when its month is replaced."""
    world.write([*lines(*range(8)), "nine,2019-01-01 10:00:00,1.00,n9", *lines(10), "11,too,few"])
    receipt = world.load()
    assert (receipt.rows.lines, receipt.rows.loaded, receipt.rows.quarantined) == (11, 9, 2)
    first, second = world.rejects()
    assert (first[0], first[1], first[3]) == (10, "id", "nine,2019-01-01 10:00:00,1.00,n9")
    assert first[2]
    assert (second[0], second[3]) == (12, "11,too,few")
    world.write([*lines(*range(9)), "none,2019-01-01 10:00:00,1.00,n9"])
    world.load()
    assert [row[3] for row in world.rejects()] == ["none,2019-01-01 10:00:00,1.00,n9"]
    world.write(lines(*range(9)))
    world.load(mode="append")
    assert len(world.rejects()) == 1
    world.write(lines(*range(10)))
    world.load()
    assert world.rejects() == []


def test_a_month_of_rejects_only(world: World) -> None:
    """Where everything may be bad, a month without a good line is a loaded month without rows."""
    world.write(["x,2019-01-01 10:00:00,1.00,n"] * 5)
    receipt = world.load(max_rejects=1.0)
    assert (receipt.state, receipt.rows.quarantined, receipt.rows.total) == (State.LOADED, 5, 0)
    assert world.visible() == []
    assert len(world.rejects()) == 5
    assert world.load(max_rejects=1.0).state is State.UNCHANGED
    assert world.verified().agree


def test_a_torn_file_leaves_the_month_alone(world: World) -> None:
    """A file that ends inside a line fails whole, however many rejects are allowed."""
    path = world.write(lines(*range(20)))
    first = world.load()
    path.write_text(path.read_text() + "20,2019-01")
    result = world.run(max_rejects=1.0)
    assert isinstance(result.error, BadInput)
    world.assert_whole(list(range(20)), first)


def test_a_lost_ledger_adopts_what_is_there(world: World) -> None:
    """Without its ledger, a month that is the file's is taken as it is: no row is written again."""
    world.write(lines(*range(100), 5))
    world.load()
    before = world.stored()
    world.lose_ledger()
    receipt = world.load()
    assert receipt.rows.total == 101
    assert receipt.rows.loaded == 0 or receipt.state is State.UNCHANGED
    assert world.stored().equals(before)
    assert world.load().state is State.UNCHANGED
    assert world.verified().agree


def test_a_lost_ledger_does_not_hide_a_correction(world: World) -> None:
    """Without its ledger, a month that is not the file's is replaced by it."""
    world.write(lines(*range(100)))
    world.load()
    world.lose_ledger()
    world.write(lines(*range(100), note="new"))
    receipt = world.load()
    assert (receipt.state, receipt.rows.loaded) == (State.LOADED, 100)
    world.assert_whole(list(range(100)), receipt, note="new")


def test_months_are_apart(world: World) -> None:
    """The same rows in two months stand in both, and replacing one leaves the other."""
    february = Month(2019, 2)
    world.write(lines(*range(40)))
    world.write(lines(*range(40)), february)
    assert world.load().rows.loaded == world.load(february).rows.loaded == 40
    world.write(lines(*range(39), note="new"))
    world.load()
    assert Counter(row[3] for row in world.visible(february) or ()) == Counter(f"n{n}" for n in range(40))
    assert len(world.visible() or ()) == 39


def test_another_identity_is_refused(world: World) -> None:
    """A dataset whose ids are computed in another way does not touch the month."""
    world.write(lines(*range(20)))
    first = world.load()
    other = trips(world.folder, TRIPS + '[identity]\ncolumns = ["id", "at"]\n')
    world.write(lines(*range(30)))
    result = world.run(dataset=other)
    assert isinstance(result.error, IdentityMismatch)
    assert result.error.exit_code == 13
    world.assert_whole(list(range(20)), first)


def test_a_newer_ledger_is_refused(world: World) -> None:
    """A ledger that a newer engine wrote is left alone, and so is the data."""
    world.write(lines(*range(20)))
    world.load()
    world.age_ledger()
    before = world.fingerprint()
    world.write(lines(*range(30)))
    result = world.run()
    assert isinstance(result.error, TableMismatch)
    assert world.fingerprint() == before


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


def test_a_dry_run_writes_nothing(world: World) -> None:
    """A dry run leaves no trace in the target."""
    world.write(lines(*range(20)))
    world.load(dry_run=True)
    assert world.visible() is None
    assert world.states() == {}


def test_the_month_is_in_the_file_name_and_source_month(world: World) -> None:
    """Every row names its file without `.gz` and the first of its month."""
    world.write(lines(*range(20)))
    world.load()
    assert _added(world) == {("trips_tripdata_2019-01.csv", MONTH.first_day)}


def _added(world: World) -> set[tuple[object, ...]]:

    if isinstance(world, PostgresWorld):
        return set(world.query("SELECT DISTINCT filename, source_month FROM trips_tripdata"))
    assert isinstance(world, FolderWorld)
    return set(pl.read_parquet(world.data(), columns=["filename", "source_month"]).unique().rows())


@pytest.mark.parametrize("what", ["changed", "missing", "extra", "repeated"])
def test_verify_finds_tampering(world: World, what: str) -> None:
    """A changed, missing, extra or doubled row is found, and with the source at hand it is named."""
    world.write(lines(*range(200), 9))
    world.load()
    assert world.verified(against_source=True).agree
    world.tamper(what)
    assert not world.verified().agree
    found = world.verified(against_source=True)
    assert not found.agree
    expected = {
        "changed": {"changed": 1, "extra": 1, "missing": 1},
        "missing": {"missing": 1},
        "extra": {"changed": 1, "extra": 1},
        "repeated": {"repeated": 1},
    }[what]
    assert {kind: n for kind, n in found.counts.items() if kind in expected} == expected
    assert any(d.row.get("id") == 3 or d.kind == "repeated" for d in found.first)


def test_a_stored_id_is_the_digest_of_its_values(world: World) -> None:
    """Ids are computed from values, so two targets and two processes agree on them."""
    world.write(lines(1))
    world.load()
    at = int(dt.datetime(2019, 1, 2, 10, tzinfo=dt.UTC).timestamp()) * 1_000_000
    numbers = b"".join(number.to_bytes(8, signed=True) for number in (0, at, 150, 1))
    text = hashlib.md5(b"n1", usedforsecurity=False).digest()
    digest = hashlib.md5(b"row1" + numbers + text, usedforsecurity=False)
    assert world.stored()[ID].to_list() == [digest.digest()]


def test_a_broken_request_says_so(world: World, tmp_path: Path) -> None:
    """A folder without the month ends as `not published`, and nothing is made in the target."""
    (tmp_path / "in").mkdir()
    result = world.run()
    assert result.receipt.state is State.NOT_PUBLISHED
    assert result.error is not None
    assert result.error.exit_code == 10
    assert world.visible() is None
    assert replace(result.receipt, seconds={}).rows.lines == 0


def test_replacing_after_appending_is_no_repetition(world: World) -> None:
    """A file that was appended to a month replaces it when asked to, although its bytes are known."""
    world.write(lines(*range(100)))
    world.load()
    world.write(lines(*range(5, 105)))
    assert world.load(mode="append").rows.total == 105
    assert world.load(mode="append").state is State.UNCHANGED
    receipt = world.load()
    assert (receipt.state, receipt.rows.total) == (State.LOADED, 100)
    world.assert_whole(list(range(5, 105)), receipt)


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
    assert _colours(world) == Counter([*(f"c{n}" for n in range(20)), *[None] * 10])


def _colours(world: World) -> Counter[str | None]:
    if isinstance(world, PostgresWorld):
        rows = world.query("SELECT colour FROM trips_tripdata")
    else:
        assert isinstance(world, FolderWorld)
        rows = pl.read_parquet(world.data(), columns=["colour"]).rows()
    return Counter(row[0] for row in rows)


def test_what_is_published_is_never_recorded_as_failed(world: World) -> None:
    """A load that was stopped after its publication, and then says that it failed, stays what readers see: loaded."""
    world.write(lines(*range(20)))
    receipt = world.load()
    with world.opened() as target:
        target.ledger.put(receipt.with_(state=State.FAILED, error="stopped"))
        current = target.ledger.current(MONTH)
    assert current is not None
    assert (current.load_id, current.state) == (receipt.load_id, State.LOADED)
    assert world.states() == {receipt.load_id: "loaded"}
    assert world.load().state is State.UNCHANGED


def test_status_says_what_is_there(world: World) -> None:
    """The list of months shows the loaded one, also after a failure; in a folder also without a ledger."""
    world.write(lines(*range(20)))
    first = world.load()
    world.write(lines(*range(3)))
    assert world.run().error is not None
    _assert_listed(world, first)
    if isinstance(world, FolderWorld):
        world.lose_ledger()
        _assert_listed(world, first)


def _assert_listed(world: World, loaded: Receipt) -> None:
    (listed,) = receipts(world.place, world.settings, None)
    assert (listed.load_id, listed.state, listed.rows) == (loaded.load_id, State.LOADED, loaded.rows)


@pytest.mark.parametrize("world", ["folder"], indirect=True)
def test_a_data_file_that_cannot_be_read(world: World) -> None:
    """A month's file that something else has spoilt is reported with its path and left alone."""
    assert isinstance(world, FolderWorld)
    world.write(lines(*range(20)))
    world.load()
    world.data().write_bytes(world.data().read_bytes()[:-9])
    world.write(lines(*range(21)))
    error = world.run().error
    assert error is not None
    assert error.exit_code == 13
    assert str(world.data()) in str(error)
