"""`engine setup` of buckets and folders: what lacks is made once, what is there stays, a dry run changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.setups import details, run, states, writes
from tests.fakes import faults
from tests.fakes.faults import Fault, on
from tests.fakes.gcs import FakeGCS
from tests.fakes.gcs.clients import storage_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Engine

pytestmark = pytest.mark.usefixtures("collected")
LAKE = "gs://lake/nyc"
WASTE = ["nyc/_engine/staging/", "nyc/_engine/locks/"]
RULE = {"action": {"type": "Delete"}, "condition": {"age": 7, "matchesPrefix": WASTE}}
OTHERS_RULE = {"action": {"type": "Delete"}, "condition": {"age": 3, "matchesPrefix": ["theirs/"]}}
PRIVATE = {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}}


@pytest.fixture
def gcs() -> Iterator[FakeGCS]:
    """Run a Cloud Storage without a bucket; at the end it must have had no defect."""
    with FakeGCS() as running:
        yield running
        assert running.errors == []


def make(gcs: FakeGCS, location: str = "US", **resource: Any) -> None:  # noqa: ANN401 - a bucket's own fields
    """Make the bucket as somebody else would."""
    with storage_client(gcs.url) as client:
        bucket = client.bucket("lake")
        for key, value in resource.items():
            bucket._patch_property(key, value)  # noqa: SLF001 - any field by its own name
        client.create_bucket(bucket, location=location)
    gcs.forget_requests()


def test_a_bucket_is_made_with_all_it_needs(engine: Engine, gcs: FakeGCS) -> None:
    """A new bucket is private and clears what dead engines leave; a second time nothing is done."""
    made = run(engine, gcs, LAKE, "--output", "json", "--location", "EU")
    assert set(states(made).values()) == {"made"}
    assert details(made)["bucket gs://lake"] == "location EU"
    found = gcs.bucket("lake")
    assert found["iamConfiguration"] == PRIVATE
    assert (found["location"], found["lifecycle"]) == ("EU", {"rule": [RULE]})
    gcs.forget_requests()
    assert set(states(run(engine, gcs, LAKE, "--output", "json"))) == set(states(made))
    assert set(states(run(engine, gcs, LAKE, "--output", "json")).values()) == {"there"}
    assert writes(gcs) == []


def test_a_bucket_that_was_set_up_can_be_loaded_into(engine: Engine, gcs: FakeGCS, months: Path) -> None:
    """What a setup makes is what a load needs; without a location it lies in the US."""
    assert run(engine, gcs, LAKE).out.splitlines() == [
        "made          bucket gs://lake: location US",
        "made          uniform bucket-level access",
        "made          public access prevention: enforced",
        "made          lifecycle rule: deletes after 7 days below nyc/_engine/staging/, nyc/_engine/locks/",
    ]
    load = ("ingest", "yellow", "2019-01", "--from", months, "--to", LAKE)
    assert engine.run(*load, STORAGE_EMULATOR_HOST=gcs.url).code == 0


def test_a_dry_run_makes_no_bucket(engine: Engine, gcs: FakeGCS) -> None:
    """It says what would be made, for one look."""
    found = run(engine, gcs, LAKE, "--dry-run", "--output", "json")
    assert set(states(found).values()) == {"would make"}
    assert details(found)["bucket gs://lake"] == "location US"
    assert [exchange.method for exchange in gcs.requests] == ["GET"]


def test_others_rules_stay(engine: Engine, gcs: FakeGCS) -> None:
    """The rule is added to those that are there, and no other setting is touched; another prefix gets its own."""
    make(gcs, iamConfiguration=PRIVATE, lifecycle={"rule": [OTHERS_RULE]}, labels={"team": "theirs"})
    assert states(run(engine, gcs, LAKE, "--dry-run", "--output", "json"))["lifecycle rule"] == "would change"
    assert writes(gcs) == []
    found = states(run(engine, gcs, LAKE, "--output", "json"))
    assert (found.pop("lifecycle rule"), set(found.values())) == ("changed", {"there"})
    assert gcs.bucket("lake")["lifecycle"] == {"rule": [OTHERS_RULE, RULE]}
    assert gcs.bucket("lake")["labels"] == {"team": "theirs"}
    assert states(run(engine, gcs, "gs://lake", "--output", "json"))["lifecycle rule"] == "changed"
    assert len(gcs.bucket("lake")["lifecycle"]["rule"]) == 3


@pytest.mark.parametrize(
    "condition",
    [
        {"age": 30, "matchesPrefix": WASTE},
        {"age": 7, "matchesPrefix": WASTE, "isLive": False},
        {"age": 7, "matchesSuffix": ["x"]},
    ],
    ids=["too late", "old versions only", "some objects only"],
)
def test_a_rule_that_does_less_does_not_count(engine: Engine, gcs: FakeGCS, condition: dict[str, object]) -> None:
    """Only a rule that deletes by age alone, and in time, is the one that is needed."""
    rule = {"action": {"type": "Delete"}, "condition": condition}
    make(gcs, iamConfiguration=PRIVATE, lifecycle={"rule": [rule]})
    assert states(run(engine, gcs, LAKE, "--output", "json"))["lifecycle rule"] == "changed"
    assert gcs.bucket("lake")["lifecycle"] == {"rule": [rule, RULE]}


def test_a_rule_that_somebody_adds_at_the_same_time_stays(engine: Engine, gcs: FakeGCS) -> None:
    """Rules are written over only as they were read."""
    make(gcs, iamConfiguration=PRIVATE)

    def others(_: object) -> None:
        with storage_client(gcs.url) as client:
            bucket = client.get_bucket("lake")
            bucket.lifecycle_rules = [OTHERS_RULE]
            bucket.update()

    gcs.faults.add(Fault(do=faults.Call(before=others), when=on("PATCH")))
    assert states(run(engine, gcs, LAKE, "--output", "json"))["lifecycle rule"] == "changed"
    assert gcs.bucket("lake")["lifecycle"] == {"rule": [OTHERS_RULE, RULE]}


def test_access_to_an_existing_bucket_is_not_changed_silently(engine: Engine, gcs: FakeGCS) -> None:
    """Whoever owns it is told what differs and which command changes it."""
    make(gcs)
    found = run(engine, gcs, LAKE).out.splitlines()
    start = "gcloud storage buckets update gs://lake"
    assert found[1] == f"differs       uniform bucket-level access: it is off; {start} --uniform-bucket-level-access"
    assert found[2] == f"differs       public access prevention: it is inherited; {start} --public-access-prevention"
    assert gcs.bucket("lake")["iamConfiguration"] != PRIVATE
    assert "iamConfiguration" not in "".join(writes(gcs))


def test_a_bucket_elsewhere_is_an_error(engine: Engine, gcs: FakeGCS) -> None:
    """A bucket cannot move; without --location it is right where it is."""
    make(gcs, location="EU", iamConfiguration=PRIVATE)
    found = run(engine, gcs, LAKE, "--location", "us", "--output", "json")
    assert (found.code, found.object["things"]) == (2, [])
    assert "bucket gs://lake is in another location" in found.object["error"]
    assert "found     EU" in found.err
    assert states(run(engine, gcs, LAKE, "--output", "json", "--location", "eu"))["bucket gs://lake"] == "there"
    assert details(run(engine, gcs, LAKE, "--output", "json"))["bucket gs://lake"] == "location EU"


@pytest.mark.parametrize("permission", ["storage.buckets.get", "storage.buckets.create", "storage.buckets.update"])
def test_who_may_not_make_a_bucket_is_told_what_to_grant(engine: Engine, gcs: FakeGCS, permission: str) -> None:
    """The permission that is missing is named with the role that has it, and what was seen before it is shown."""
    if permission == "storage.buckets.update":
        make(gcs, iamConfiguration=PRIVATE)
    gcs.deny(permission)
    found = run(engine, gcs, LAKE, "--output", "json")
    assert found.code == 20
    assert f"permission {permission}" in " ".join(found.err.split())
    assert "grant roles/storage.admin on the project" in found.err
    assert "of this load" not in found.err
    assert len(found.object["things"]) == (3 if permission == "storage.buckets.update" else 0)


def test_a_bucket_that_somebody_makes_at_the_same_time(engine: Engine, gcs: FakeGCS) -> None:
    """Whoever was first made it; it is looked at as any that was there."""
    gcs.faults.add(Fault(do=faults.Call(before=lambda _: make(gcs, "EU")), when=on("POST", "project")))
    found = states(run(engine, gcs, LAKE, "--output", "json"))
    assert found["bucket gs://lake"] == "there"
    assert found["public access prevention"] == "differs"


def test_folders_are_made(engine: Engine, months: Path) -> None:
    """Folders for the datasets and the engine are made once; a load and a status are fine with them."""
    words = ("setup", "out", "yellow", "--output", "json")
    planned = engine.call(*words, "--dry-run")
    assert not (engine.folder / "out").exists()
    made, again = engine.call(*words), engine.call(*words)
    names = [f"folder {engine.folder / name}" for name in ("out", "out/_engine", "out/yellow")]
    for found, state in ((planned, "would make"), (made, "made"), (again, "there")):
        assert states(found) == dict.fromkeys(names, state)
    assert "nothing is loaded here yet" in engine.call("status", "--to", "out").out
    assert engine.call("ingest", "yellow", "2019-01", "--from", months, "--to", "out").code == 0


def test_a_folder_that_cannot_be_made(engine: Engine) -> None:
    """A file in its place ends with 20 and what the operating system says."""
    (engine.folder / "out").touch()
    found = engine.call("setup", "out", "yellow")
    assert (found.code, "the target folder cannot be made" in found.err) == (20, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("s3://bucket",), "there is no kind of target s3://"),
        (("gs://UPPER",), "names no bucket"),
        (("bigquery://project",), "names no dataset"),
        (("out", "reds"), "there is no dataset 'reds'"),
        (("out", "--location", "EU"), "a folder target has no location"),
    ],
)
def test_what_makes_no_sense_is_refused(engine: Engine, words: tuple[str, ...], said: str) -> None:
    """A usage error changes nothing, and is one JSON object where that is asked for."""
    found = engine.call("setup", *words, "--output", "json")
    assert (found.code, said in found.object["error"]) == (2, True)
    assert not list(engine.folder.iterdir())
