"""Engines that stop at the worst moments and go on after another one came to a bucket: object and quarantine agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.google.bucket import Bucket
from engine.receipt import Receipt, State
from tests.conformance.world import MONTH, lines
from tests.fakes.faults import Answer, Call, Fault, Request, on

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.bucket_world import BucketWorld


from tests.conformance.overtaking import BAD, TORN, assert_agreed, elsewhere, interrupt, published

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
    pytest.mark.parametrize("world", ["gcs"], indirect=True),
]


def test_an_upload_that_ends_while_it_isinterrupted(half: BucketWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C that meets the last answer of an upload takes back nothing of what is published by then."""
    upload = Bucket.upload

    def interrupted(bucket: Bucket, path: Path, name: str, **options: Any) -> Any:  # noqa: ANN401 - as it is
        done = upload(bucket, path, name, **options)
        return interrupt() if name.endswith("data.parquet") else done

    monkeypatch.setattr(Bucket, "upload", interrupted)
    with pytest.raises(KeyboardInterrupt):
        half.run()
    monkeypatch.undo()
    half.load()
    assert_agreed(half, range(40), bad=1)


def test_an_upload_that_never_ended_leaves_no_lines(half: BucketWorld) -> None:
    """Bad lines of an upload that broke off are gone after the next run, whatever that one loads."""
    half.fake.faults.add(Fault(when=_uploading(half), do=Answer(status=403), times=None))
    assert half.run().error is not None
    half.fake.faults.clear()
    half.write(lines(*range(31)))
    half.load()
    assert_agreed(half, range(31), bad=0)


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


def _uploading(world: BucketWorld) -> Callable[[Request], bool]:
    """Return the condition of the request that begins the upload of the month's object."""
    return on("POST", f"ifGenerationMatch={world.prints(MONTH)}")
