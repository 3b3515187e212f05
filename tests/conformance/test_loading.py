"""Every kind of target, one suite: what a load does to a month (docs/guarantees.md), seen from outside."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import BadInput, ShrinkRefused
from engine.month import Month
from engine.receipt import State
from tests.conformance.world import World, lines

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_torn_file_leaves_the_month_alone(world: World) -> None:
    """A file that ends inside a line fails whole, however many rejects are allowed."""
    path = world.write(lines(*range(20)))
    first = world.load()
    path.write_text(path.read_text() + "20,2019-01")
    result = world.run(max_rejects=1.0)
    assert isinstance(result.error, BadInput)
    world.assert_whole(list(range(20)), first)


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


def test_a_dry_run_writes_nothing(world: World) -> None:
    """A dry run leaves no trace in the target."""
    world.write(lines(*range(20)))
    world.load(dry_run=True)
    assert world.visible() is None
    assert world.states() == {}


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
