"""Engines that stop at the worst moments and go on after another one came to BigQuery: all records agree."""

from __future__ import annotations

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
from tests.conformance.world import lines
from tests.fakes.faults import Answer, Fault, on

if TYPE_CHECKING:
    from tests.conformance.bigquery_world import BigQueryWorld


from tests.conformance.overtaking import BAD, TORN, assert_agreed, elsewhere, interrupt, published

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]
bigquery = pytest.mark.parametrize("world", ["bigquery"], indirect=True)


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
def test_aninterrupt_after_the_job_takes_nothing_back(half: BigQueryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between the job and its record leaves rows and bad lines."""
    monkeypatch.setattr(BigQueryWork, "_check", interrupt)
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
        dying.setattr(BigQueryWork, "_check", interrupt)
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


def _die() -> None:
    message = "killed"
    raise RuntimeError(message)
