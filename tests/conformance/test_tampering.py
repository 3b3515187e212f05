"""Every kind of target, one suite: months that something else has changed or spoilt are found out."""

from __future__ import annotations

import pytest

from tests.conformance.folder_world import FolderWorld
from tests.conformance.world import World, lines


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
