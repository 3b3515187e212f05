"""Every kind of target, one suite: bad lines are kept with their month, or there are too many of them for it."""

from __future__ import annotations

from engine.errors import TooManyRejects
from engine.receipt import State
from tests.conformance.world import World, lines


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
