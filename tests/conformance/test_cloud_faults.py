"""A cloud that fails at any request: what is lost, cut, slow or refused leaves the month whole, once, or as it was."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from engine.errors import AccessDenied, Busy, TargetUnreachable, UsageError
from engine.receipt import State
from engine.targets import Place
from tests.conformance.bigquery_world import BigQueryWorld
from tests.conformance.bucket_world import BucketWorld
from tests.conformance.world import MONTH, World, lines
from tests.fakes.faults import Answer, Call, CutBefore, Delay, Fault, LoseAnswer, Request, any_request, on

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.receipt import Receipt
    from tests.fakes.faults import Action, Faults

BAD = "x,2019-01-01 10:00:00,1.00,n"
KINDS = ["gcs", "bigquery", "bigquery-write-api"]
MOST_REQUESTS = 120
# Where an answer is refused, Google's clients leave a socket to the garbage collector now and then.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]
everywhere = pytest.mark.parametrize("world", KINDS, indirect=True)


def faults(world: World) -> Faults:
    """Return the faults of the world's server."""
    assert isinstance(world, BucketWorld | BigQueryWorld)
    return world.fake.faults


def at(number: int) -> Callable[[Request], bool]:
    """Return a condition: the so-manieth request from now on."""
    count = itertools.count(1)
    return lambda _: next(count) == number


def assert_there(world: World, numbers: range) -> None:
    """Assert that the month has these rows, each once, that one load of it is recorded, and that nothing is left."""
    assert sorted(row[0] for row in world.visible() or ()) == list(numbers)
    states = list(world.states().values())
    assert (states.count("loaded"), states.count("loading")) == (1, 0)
    assert world.remains() == []


# What can go wrong with one request. Whole loads are run once for each of their requests, so not every pair is tried.
ONCE: dict[str, Action] = {
    "lost": LoseAnswer(),
    "cut": CutBefore(),
    "503": Answer(status=503),
    "429": Answer(status=429),
}
TRIED = [
    *(("gcs", name) for name in ONCE),
    *(("bigquery", name) for name in ("lost", "503")),
    ("bigquery-write-api", "lost"),
]


@pytest.mark.parametrize(("world", "fault"), TRIED, indirect=["world"])
def test_one_request_fails(world: World, fault: str) -> None:
    """Whichever request of a load is lost, cut or refused once, the load goes on and every row is there once."""
    for number in range(1, MOST_REQUESTS):
        world.reset()
        faults(world).clear()
        world.write([*lines(*range(40)), BAD])
        added = faults(world).add(Fault(when=at(number), do=ONCE[fault]))
        receipt = world.load()
        faults(world).clear()
        assert receipt.state is State.LOADED, number
        assert_there(world, range(40))
        assert len(world.rejects()) == 1, number
        if not added.fired:
            break
    else:
        pytest.fail("a load sends more requests than this suite knows")
    assert number > 10


@pytest.mark.parametrize("world", ["gcs", "bigquery"], indirect=True)
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_an_answer_is_lost_over_an_old_month(world: World, mode: str) -> None:
    """A replacement and an append whose answers are lost, each in turn, neither lose nor repeat a row."""
    for number in range(1, MOST_REQUESTS):
        world.reset()
        world.write(lines(*range(40)))
        world.load()
        world.write(lines(*range(2, 60)))
        fault = faults(world).add(Fault(when=at(number), do=LoseAnswer()))
        receipt = world.load(mode=mode)
        faults(world).clear()
        assert receipt.state is State.LOADED, number
        assert_there(world, range(0 if mode == "append" else 2, 60))
        if not fault.fired:
            break
    assert number > 10


@everywhere
def test_a_service_that_stays_away(world: World) -> None:
    """A service that answers nothing any more ends the load as unreachable; later the same command loads the month."""
    world.write(lines(*range(40)))
    first = world.load()
    world.write(lines(*range(50)))
    begun = itertools.count()
    faults(world).add(Fault(when=lambda _: next(begun) > 5, do=Answer(status=503), times=None))
    result = world.run()
    faults(world).clear()
    assert isinstance(result.error, TargetUnreachable)
    assert result.error.exit_code == 20
    visible = world.visible()
    assert visible is not None
    assert len(visible) == 40
    assert world.load().rows.total == 50
    assert first.load_id in world.states()
    world.assert_whole(list(range(50)), world.load(force=True))


@everywhere
def test_a_slow_service(world: World) -> None:
    """A service that takes its time with everything is waited for."""
    world.write(lines(*range(40)))
    faults(world).add(Fault(when=any_request, do=Delay(seconds=0.05), times=None))
    receipt = world.load()
    faults(world).clear()
    world.assert_whole(list(range(40)), receipt)


@everywhere
def test_a_quota_is_named(world: World) -> None:
    """A quota that is used up ends with words that say so."""
    world.write(lines(*range(10)))
    faults(world).add(Fault(when=any_request, do=Answer(status=403, reason="quotaExceeded"), times=None))
    error = world.run().error
    faults(world).clear()
    assert isinstance(error, TargetUnreachable)
    assert "quota" in str(error)


@everywhere
def test_what_is_denied_is_named_with_its_role(world: World) -> None:
    """A permission that is missing ends with its name and the role that has it."""
    world.write(lines(*range(10)))
    if isinstance(world, BucketWorld):
        world.fake.deny("storage.objects.create")
        expected = ("storage.objects.create", "roles/storage.objectUser")
    else:
        assert isinstance(world, BigQueryWorld)
        world.fake.deny("bigquery.jobs.create")
        expected = ("bigquery.jobs.create", "roles/bigquery.jobUser")
    error = world.run().error
    assert isinstance(error, AccessDenied)
    assert error.exit_code == 20
    assert not error.retriable
    assert all(word in str(error) for word in expected), str(error)


@everywhere
def test_a_place_that_is_not_there(world: World) -> None:
    """A bucket or dataset that does not exist ends with the command that makes it."""
    world.write(lines(*range(10)))
    url = "gs://nowhere/x" if isinstance(world, BucketWorld) else "bigquery://p/nowhere"
    error = world.run(to=Place(url=url, lease_seconds=0.6)).error
    assert isinstance(error, UsageError)
    assert f"engine setup {url}" in str(error)


@everywhere
def test_another_engine_is_faster(world: BucketWorld | BigQueryWorld) -> None:
    """Who was stopped for longer than a lease, and finds the month published by another engine, changes nothing."""
    world.write(lines(*range(40)))
    world.load()
    world.write(lines(*range(41), note="late"))
    other = world.write(lines(*range(42), note="fast"), name="fast.csv")
    done: list[Receipt] = []
    begun = itertools.count()

    def overtaken(_: Request) -> None:
        if next(begun):
            return
        faults(world).clear()
        world.drop_leases()
        done.append(world.load(location=other))

    faults(world).add(Fault(when=_publishing(world), do=Call(before=overtaken)))
    result = world.run(location=world.folder / "in" / "trips_tripdata_2019-01.csv")
    assert isinstance(result.error, Busy), result.error
    world.assert_whole(list(range(42)), done[0], note="fast")


def _publishing(world: World) -> Callable[[Request], bool]:
    """Return the condition of the request that makes a load visible."""
    if isinstance(world, BucketWorld):
        return on("POST", f"ifGenerationMatch={world.prints(MONTH)}")
    assert isinstance(world, BigQueryWorld)
    if world.method == "write_api":
        return lambda request: request.method == "BatchCommitWriteStreams"
    return on("POST", "/upload/bigquery")
