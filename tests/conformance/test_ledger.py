"""Every kind of target, one suite: what the ledger says, what is refused by it, and what happens when it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import IdentityMismatch, TableMismatch
from engine.receipt import State
from engine.targets import receipts
from tests.conformance.folder_world import FolderWorld
from tests.conformance.world import MONTH, TRIPS, World, lines, trips

if TYPE_CHECKING:
    from engine.receipt import Receipt


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
