"""What tests of overtaken engines share: another machine, and a month by rows, ledger and quarantine."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.conformance.world import MONTH, World

if TYPE_CHECKING:
    from pathlib import Path

    from engine.receipt import Receipt
    from tests.conformance.bigquery_world import BigQueryWorld
    from tests.conformance.bucket_world import BucketWorld


BAD = "x,2019-01-01 10:00:00,1.00,n"
TORN = ["torn,2"] * 3


def elsewhere(world: BucketWorld | BigQueryWorld, location: Path, *, fails: bool = False) -> Receipt:
    """Load as an engine on another machine does, which has taken the month over."""
    world.drop_leases()
    here, world.settings = world.settings, replace(world.settings, cache=world.folder / "elsewhere")
    try:
        return world.run(location=location).receipt if fails else world.load(location=location)
    finally:
        world.settings = here


def published(world: World) -> Path:
    """Return the month's file."""
    return world.folder / "in" / "trips_tripdata_2019-01.csv"


def assert_agreed(world: World, numbers: range, note: str = "n", *, bad: int) -> None:
    """Assert that what is visible, what the ledger says is in place, and the quarantined lines belong together."""
    rows = Counter((row[0], row[3]) for row in world.visible() or ())
    assert rows == Counter((n, f"{note}{n}") for n in numbers)
    with world.opened() as target:
        current = target.ledger.current(MONTH)
    assert current is not None
    assert (current.rows.total, current.rows.quarantined) == (len(numbers), bad)
    assert len(world.rejects()) == bad


def interrupt(*_: Any, **__: Any) -> None:  # noqa: ANN401 - in place of anything
    """Be interrupted."""
    raise KeyboardInterrupt
