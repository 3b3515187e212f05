"""Engines that stop at the worst moments and go on after another one came: rows, ledger and quarantine agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions as api

from engine.errors import Busy
from engine.google.bucket import Bucket
from engine.lease import Lease
from engine.ledger.bigquery import BigQueryLedger
from engine.receipt import Receipt, State
from engine.sinks.bigquery import publication, stream
from engine.sinks.bigquery.work import BigQueryWork
from tests.conformance.world import MONTH, World, lines
from tests.fakes.faults import Answer, Call, Fault, Request, on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.bigquery_world import BigQueryWorld
    from tests.conformance.bucket_world import BucketWorld


BAD = "x,2019-01-01 10:00:00,1.00,n"
TORN = ["torn,2"] * 3
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]
bigquery = pytest.mark.parametrize("world", ["bigquery"], indirect=True)
gcs = pytest.mark.parametrize("world", ["gcs"], indirect=True)


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


@pytest.fixture
def half(world: World) -> World:
    """Give a month of 30 rows, and a file of 40 and one bad line that is to replace it."""
    world.write(lines(*range(30)))
    world.load()
    world.write([*lines(*range(40)), BAD])
    return world


@bigquery
def test_what_fails_after_the_job_takes_nothing_back(half: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal between the job and its record leaves rows and bad lines; the next run records them."""
    check = BigQueryWork._check  # noqa: SLF001 - where it is stopped

    def refused(work: BigQueryWork, *given: Any, **options: Any) -> None:  # noqa: ANN401 - as it is
        half.fake.faults.add(Fault(when=on("GET", "trips_tripdata$201901"), do=Answer(status=403), times=1))
        check(work, *given, **options)

    monkeypatch.setattr(BigQueryWork, "_check", refused)
    assert half.load().state is State.LOADED
    monkeypatch.undo()
    half.load()
    assert_agreed(half, range(40), bad=1)


@bigquery
def test_an_interrupt_after_the_job_takes_nothing_back(half: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between the job and its record leaves rows and bad lines."""
    monkeypatch.setattr(BigQueryWork, "_check", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        half.run()
    monkeypatch.undo()
    assert len(half.rejects()) == 1
    half.load()
    assert_agreed(half, range(40), bad=1)


@pytest.mark.parametrize("world", ["bigquery-staged"], indirect=True)
def test_a_staged_file_that_may_not_be_removed(half: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that may not delete objects loads all the same; the file stays for a lifecycle rule."""
    remove = Bucket.remove

    def kept(bucket: Bucket, name: str, generation: int | None = None) -> None:
        if "staging" in name:
            message = "no storage.objects.delete"
            raise api.Forbidden(message)
        remove(bucket, name, generation)

    monkeypatch.setattr(Bucket, "remove", kept)
    assert half.load().rows.quarantined == 1
    assert_agreed(half, range(40), bad=1)


@bigquery
def test_a_job_that_is_done_is_not_taken_for_burnt(half: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unlucky answer to whoever asks for a dead engine's job changes nothing of what that job did."""
    with monkeypatch.context() as dying:
        put = BigQueryLedger.put
        dying.setattr(BigQueryLedger, "put", lambda ledger, r: _die() if r.state is State.LOADED else put(ledger, r))
        dying.setattr(BigQueryLedger, "fail", lambda *_: None)
        dying.setattr(BigQueryWork, "discard", lambda _: None)
        dying.setattr(BigQueryWork, "_check", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            half.run()
    burn = publication._burn  # noqa: SLF001 - what meets the unlucky answer

    def unlucky(*given: Any) -> Any:  # noqa: ANN401 - as it is
        refusal = Answer(status=503, reason="serviceUnavailable")
        half.fake.faults.add(Fault(when=on("POST", "/jobs"), do=refusal, times=1))
        return burn(*given)

    monkeypatch.setattr(publication, "_burn", unlucky)
    assert elsewhere(half, half.write(TORN, name="torn.csv"), fails=True).state is State.FAILED
    assert_agreed(half, range(40), bad=1)


@bigquery
def test_equal_content_of_two_engines(half: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was stopped before its intent, and finds its job's id taken by another engine's equal load, is busy."""
    done: list[Receipt] = []
    confirm = Lease.confirm

    def stopped(lease: Lease) -> None:
        confirm(lease)
        monkeypatch.undo()
        done.append(elsewhere(half, published(half)))

    monkeypatch.setattr(Lease, "confirm", stopped)
    assert isinstance(half.run().error, Busy)
    assert half.states()[done[0].load_id] == "loaded"
    assert_agreed(half, range(40), bad=1)
    assert half.load().state is State.UNCHANGED


@bigquery
def test_a_record_that_comes_late(half: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was stopped between its job and its record overwrites nothing of the engine that came after."""
    other = half.write([*lines(*range(42), note="b"), BAD, BAD], name="b.csv")
    done: list[Receipt] = []
    check = BigQueryWork._check  # noqa: SLF001 - where it is stopped

    def stopped(work: BigQueryWork, *given: Any, **options: Any) -> None:  # noqa: ANN401 - as it is
        check(work, *given, **options)
        monkeypatch.undo()
        done.append(elsewhere(half, other))

    monkeypatch.setattr(BigQueryWork, "_check", stopped)
    half.run(location=published(half))
    assert half.states()[done[0].load_id] == "loaded"
    assert_agreed(half, range(42), note="b", bad=2)
    half.load(location=published(half))
    assert_agreed(half, range(40), bad=1)


@bigquery
def test_a_new_date_that_is_recorded_late(world: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who compares equal bytes of a new date, and is overtaken meanwhile, leaves the other engine's record."""
    path = world.write(lines(*range(30)))
    world.load()
    path.touch()
    other = world.write(lines(*range(42), note="b"), name="b.csv")
    put = BigQueryLedger.put

    def late(ledger: BigQueryLedger, receipt: Receipt) -> None:
        monkeypatch.undo()
        elsewhere(world, other)
        put(ledger, receipt)

    monkeypatch.setattr(BigQueryLedger, "put", late)
    world.run(location=path)
    assert_agreed(world, range(42), note="b", bad=0)


@gcs
def test_an_upload_that_ends_while_it_is_interrupted(half: BucketWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C that meets the last answer of an upload takes back nothing of what is published by then."""
    upload = Bucket.upload

    def interrupted(bucket: Bucket, path: Path, name: str, **options: Any) -> Any:  # noqa: ANN401 - as it is
        done = upload(bucket, path, name, **options)
        return _interrupt() if name.endswith("data.parquet") else done

    monkeypatch.setattr(Bucket, "upload", interrupted)
    with pytest.raises(KeyboardInterrupt):
        half.run()
    monkeypatch.undo()
    half.load()
    assert_agreed(half, range(40), bad=1)


@gcs
def test_an_upload_that_never_ended_leaves_no_lines(half: BucketWorld) -> None:
    """Bad lines of an upload that broke off are gone after the next run, whatever that one loads."""
    half.fake.faults.add(Fault(when=_uploading(half), do=Answer(status=403), times=None))
    assert half.run().error is not None
    half.fake.faults.clear()
    half.write(lines(*range(31)))
    half.load()
    assert_agreed(half, range(31), bad=0)


@gcs
def test_lines_that_were_cleared_in_vain_come_back(half: BucketWorld) -> None:
    """Who takes a month over clears what it finds; where the upload before it succeeds after all, so do its lines."""
    torn, done = half.write(TORN, name="torn.csv"), list[Receipt]()

    def overtaken(_: Request) -> None:
        half.fake.faults.clear()
        done.append(elsewhere(half, torn, fails=True))

    half.fake.faults.add(Fault(when=_uploading(half), do=Call(before=overtaken), times=1))
    assert half.load(location=published(half)).state is State.LOADED
    assert done[0].state is State.FAILED
    assert_agreed(half, range(40), bad=1)


@gcs
def test_lines_of_the_next_engine_stay(half: BucketWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes on late after its upload removes only the lines of what it replaced itself."""
    other = half.write([*lines(*range(42), note="b"), BAD, BAD], name="b.csv")
    upload = Bucket.upload

    def stopped(bucket: Bucket, path: Path, name: str, **options: Any) -> Any:  # noqa: ANN401 - as it is
        done = upload(bucket, path, name, **options)
        if name.endswith("data.parquet"):
            monkeypatch.undo()
            elsewhere(half, other)
        return done

    monkeypatch.setattr(Bucket, "upload", stopped)
    half.run(location=published(half))
    assert_agreed(half, range(42), note="b", bad=2)


@gcs
def test_an_object_that_is_replaced_while_it_is_read(half: BucketWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks for the footer of a generation that is gone by then reads the next one."""
    opened, late = Bucket.opened, [True]

    def replaced(bucket: Bucket, stored: Any) -> Any:  # noqa: ANN401 - as it is
        if late.pop() if late else False:
            half.put(half.data(), half.get(half.data()))
        return opened(bucket, stored)

    monkeypatch.setattr(Bucket, "opened", replaced)
    with half.opened() as target:
        assert target.sink.stored(MONTH) == 30


@pytest.mark.parametrize("world", ["bigquery-write-api"], indirect=True)
def test_a_stream_goes_on_after_a_broken_connection(world: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks among many requests is opened anew at the first row without an answer."""
    monkeypatch.setattr(stream, "_BATCH_ROWS", 100)
    world.write(lines(*range(3000)))
    world.fake.faults.add(Fault(when=lambda r: r.method == "AppendRows", do=Answer(status=503), times=2))
    world.assert_whole(list(range(3000)), world.load())


@pytest.mark.parametrize("world", ["bigquery-write-api"], indirect=True)
def test_a_commit_is_not_tried_for_ever(half: BigQueryWorld) -> None:
    """A commit that the service never takes ends the load after a while, and the month is as it was."""
    half.settings = replace(half.settings, cloud=replace(half.settings.cloud, retry_seconds=1.0))
    commit = Fault(when=lambda r: r.method == "BatchCommitWriteStreams", do=Answer(status=500), times=None)
    half.fake.faults.add(commit)
    assert half.run().error is not None
    assert commit.fired > 1
    half.fake.faults.clear()
    assert_agreed(half, range(30), bad=0)


def _uploading(world: BucketWorld) -> Callable[[Request], bool]:
    """Return the condition of the request that begins the upload of the month's object."""
    return on("POST", f"ifGenerationMatch={world.prints(MONTH)}")


def _interrupt(*_: Any, **__: Any) -> None:  # noqa: ANN401 - in place of anything
    raise KeyboardInterrupt


def _die() -> None:
    message = "killed"
    raise RuntimeError(message)
