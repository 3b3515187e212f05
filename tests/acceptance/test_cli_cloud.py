"""Months from a bucket, and published files that are kept in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fakes import faults
from tests.fakes.faults import Fault, on
from tests.fakes.gcs import FakeGCS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Ended, Engine

pytestmark = pytest.mark.usefixtures("collected")
YELLOW = ("ingest", "yellow", "2019-01")
NAME = "yellow_tripdata_2019-01.csv.gz"
KEPT = f"raw/files/{NAME}"
KEEP = ("--keep-source", "gs://lake/raw/files")


@pytest.fixture
def fake() -> Iterator[FakeGCS]:
    """Run a Cloud Storage with one empty bucket; at the end it must have had no defect."""
    with FakeGCS("lake") as running:
        yield running
        assert running.errors == []


@pytest.fixture
def published(fake: FakeGCS, months: Path) -> FakeGCS:
    """Return a Cloud Storage that has yellow 2019-01 under `taxi/`."""
    fake.write("lake", f"taxi/{NAME}", (months / NAME).read_bytes())
    return fake


def run(engine: Engine, fake: FakeGCS, *words: object, **more: str) -> Ended:
    """Run a command that finds the fake where it seeks Google."""
    return engine.run(*words, STORAGE_EMULATOR_HOST=fake.url, ENGINE_RETRY_SECONDS="3", **more)


def kept(fake: FakeGCS) -> list[str]:
    """Return the requests that wrote into the bucket."""
    return [exchange.path for exchange in fake.requests if exchange.method in ("POST", "PUT")]


def test_a_month_from_a_bucket_into_a_folder(engine: Engine, published: FakeGCS) -> None:
    """A month in a bucket is loaded, found unchanged for one request, verified and inspected."""
    place = ("--from", "gs://lake/taxi/", "--to", "out")
    first = run(engine, published, *YELLOW, *place, "--output", "json")
    assert (first.code, first.object["state"], first.object["rows"]["total"]) == (0, "loaded", 2_000)
    assert first.object["source"]["url"] == f"gs://lake/taxi/{NAME}"
    assert first.object["source"]["kept"] == ""
    published.forget_requests()
    again = run(engine, published, *YELLOW, *place, "--output", "json")
    assert (again.code, again.object["state"]) == (0, "unchanged")
    assert len(published.requests) == 1
    assert run(engine, published, "verify", "yellow", "2019-01", "--to", "out", "--against-source").code == 0
    assert run(engine, published, "inspect", "yellow", "2019-01", "--from", "gs://lake/taxi").code == 0


def test_a_dry_run_looks_into_the_bucket(engine: Engine, published: FakeGCS) -> None:
    """Also where the embedded server would have to be made, a dry run says what is there."""
    found = run(engine, published, *YELLOW, "--from", "gs://lake/taxi", "--dry-run")
    assert (found.code, "would be loaded" in found.out) == (0, True)
    assert not engine.home.exists()


def test_exit_codes_of_a_bucket(engine: Engine, published: FakeGCS) -> None:
    """What is not there yet, what never was, and what may not be read are told apart."""
    to = ("--to", "out")
    assert run(engine, published, "ingest", "yellow", "2019-02", "--from", "gs://lake/taxi", *to).code == 10
    missing = run(engine, published, *YELLOW, "--from", "gs://laek/taxi", *to)
    assert (missing.code, "there is no bucket laek" in missing.err) == (2, True)
    published.deny("storage.objects.get")
    denied = run(engine, published, *YELLOW, "--from", "gs://lake/taxi", *to)
    assert (denied.code, "roles/storage.objectViewer" in denied.err) == (20, True)


def test_the_published_file_is_kept(engine: Engine, fake: FakeGCS, months: Path) -> None:
    """The bucket gets the file as it was published, and the receipt, also in the ledger, says where."""
    found = run(engine, fake, *YELLOW, "--from", months, "--to", "out", *KEEP, "--output", "json")
    assert found.code == 0, found.err
    assert found.object["source"]["kept"] == f"gs://lake/{KEPT}"
    assert "keep" in found.object["seconds"]
    assert fake.read("lake", KEPT) == (months / NAME).read_bytes()
    assert list(fake.objects("lake")) == [KEPT]
    listed = run(engine, fake, "status", "--to", "out", "--output", "json").object["receipts"][0]
    assert listed["source"]["kept"] == f"gs://lake/{KEPT}"
    from_there = ("verify", "yellow", "2019-01", "--to", "out", "--against-source", "--from", "gs://lake/raw/files")
    assert run(engine, fake, *from_there).code == 0


def test_a_file_that_is_kept_is_not_sent_again(engine: Engine, fake: FakeGCS, months: Path) -> None:
    """Equal bytes stay as they are, in one generation; other bytes are written over."""
    fake.write("lake", KEPT, (months / NAME).read_bytes())
    fake.forget_requests()
    assert run(engine, fake, *YELLOW, "--from", months, "--to", "out", *KEEP).code == 0
    assert not kept(fake)
    fake.write("lake", KEPT, b"other")
    assert run(engine, fake, *YELLOW, "--from", months, "--to", "out", *KEEP, "--force").code == 0
    assert fake.read("lake", KEPT) == (months / NAME).read_bytes()


def test_equal_bytes_of_a_new_date_keep_their_copy(engine: Engine, published: FakeGCS, months: Path) -> None:
    """A month whose file has a new generation and the same bytes remembers its copy, asked for or not."""
    place = ("--from", "gs://lake/taxi/", "--to", "out", "--output", "json")
    assert run(engine, published, *YELLOW, *place, *KEEP).code == 0
    for more in ((), KEEP):
        published.write("lake", f"taxi/{NAME}", (months / NAME).read_bytes())
        found = run(engine, published, *YELLOW, *place, *more)
        assert (found.object["state"], found.object["source"]["kept"]) == ("unchanged", f"gs://lake/{KEPT}")


def test_a_backfill_keeps_every_month(engine: Engine, fake: FakeGCS, months: Path) -> None:
    """The flag has a variable and counts for each month."""
    months_from = ("backfill", "yellow", "2019-01", "2019-03", "--from", months, "--to", "out")
    run(engine, fake, *months_from, ENGINE_KEEP_SOURCE="gs://lake")
    assert list(fake.objects("lake")) == [NAME, NAME.replace("01", "03").replace("2039", "2019")]


@pytest.mark.parametrize("what", ["denied", "no bucket", "down"])
def test_what_cannot_be_kept_is_not_loaded(engine: Engine, fake: FakeGCS, months: Path, what: str) -> None:
    """The load fails with what is the matter, and the next one needs no download."""
    where = "gs://nowhere/raw" if what == "no bucket" else "gs://lake/raw"
    if what == "denied":
        fake.deny("storage.objects.create")
    if what == "down":
        fake.faults.add(Fault(do=faults.Answer(status=503), when=on("POST"), times=None))
    found = run(engine, fake, *YELLOW, "--from", months, "--to", "out", "--keep-source", where, "--output", "json")
    assert found.code == {"denied": 20, "no bucket": 2, "down": 20}[what]
    assert found.object["state"] == "failed"
    assert "the published file could not be kept: " in found.err
    assert not (engine.folder / "out" / "yellow").exists()
    fake.allow("storage.objects.create")
    fake.faults.clear()
    assert run(engine, fake, *YELLOW, "--from", months, "--to", "out", *KEEP).code == 0


def test_a_file_that_somebody_else_keeps_at_the_same_time(engine: Engine, fake: FakeGCS, months: Path) -> None:
    """Whoever wrote the same bytes first did the work; other bytes are not written over."""
    content = (months / NAME).read_bytes()
    for others, code in ((content, 0), (b"other", 21)):
        fake.faults.clear()
        fake.faults.add(Fault(do=faults.Call(before=lambda _: fake.write("lake", KEPT, others)), when=on("POST")))  # noqa: B023 - called within this round
        found = run(engine, fake, *YELLOW, "--from", months, "--to", "out", *KEEP, "--force")
        assert found.code == code, found.err
        assert fake.read("lake", KEPT) == others
        fake.delete("lake", KEPT)
    listed = json.loads(run(engine, fake, "status", "--to", "out", "--output", "json").out)["receipts"]
    assert [receipt["state"] for receipt in listed] == ["loaded"]


def test_a_place_to_keep_that_is_no_bucket(engine: Engine, months: Path) -> None:
    """It is refused before anything is read."""
    found = engine.call(*YELLOW, "--from", months, "--to", "out", "--keep-source", "folder")
    assert (found.code, "is not gs://BUCKET/PREFIX" in found.err) == (2, True)
    assert not list(engine.folder.iterdir())
