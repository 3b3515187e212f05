"""Months in a bucket: what a look asks, what a fetch brings, and what neither takes for a month."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

import pytest

from engine import catalog
from engine.errors import AccessDenied, BadInput, EngineError, NotPublished, SourceUnreachable, UsageError
from engine.month import Month
from engine.settings import Cloud
from engine.sources import open_source
from engine.sources.objects import ObjectFile, object_names
from engine.sources.web import SPARE_BYTES
from tests.fakes import faults
from tests.fakes.faults import Fault, on
from tests.fakes.gcs import FakeGCS
from tests.fakes.gcs.clients import storage_client
from tests.unit.downloads import ONE, TWO, assert_is, silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.sources import Fetched, Source

NAME = "yellow_tripdata_2019-01.csv.gz"
OBJECT = f"taxi/{NAME}"
MEDIA = on("GET", "alt=media")
MIB = 1 << 20
LARGE = random.Random(3).randbytes(3 * MIB)  # noqa: S311 - test data

# An answer that breaks off leaves its connection to the garbage collector, in Google's client as it is.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeGCS]:
    """Run a Cloud Storage with one month in one bucket; at the end it must have had no defect."""
    with FakeGCS("lake", folder=tmp_path / "gcs") as running:
        running.write("lake", OBJECT, ONE)
        yield running
        assert running.errors == []


def at(location: str, fake: FakeGCS, tmp_path: Path, retry_seconds: float = 2.0) -> Source:
    """Open a location for yellow 2019-01."""
    cloud = Cloud(storage=fake.url, retry_seconds=retry_seconds, wait_seconds=0.02)
    dataset, month = catalog.find("yellow"), Month(2019, 1)
    return open_source(location, dataset, month, spool=tmp_path / "spool", cloud=cloud)


def fetched(source: Source) -> Fetched:
    """Look and fetch."""
    return source.fetch(source.look(), silent)


@pytest.fixture
def source(fake: FakeGCS, tmp_path: Path) -> Source:
    """Return the folder with the month."""
    return at("gs://lake/taxi/", fake, tmp_path)


def downloads(fake: FakeGCS) -> list[str]:
    """Return the requests for content."""
    return [exchange.path for exchange in fake.requests if "alt=media" in exchange.path]


def test_a_look_is_one_request_of_metadata(fake: FakeGCS, source: Source) -> None:
    """Size and generation cost one request; unchanged, the second look says so."""
    seen = source.look()
    assert seen.url == f"gs://lake/{OBJECT}"
    assert (seen.bytes, seen.etag) == (len(ONE), str(fake.objects("lake")[OBJECT].generation))
    assert (seen.sha256, seen.last_modified) == (None, None)
    assert [exchange.method for exchange in fake.requests] == ["GET"]
    assert not downloads(fake)
    assert source.look().unchanged_since(seen)


def test_equal_bytes_of_another_generation_are_seen(fake: FakeGCS, source: Source) -> None:
    """A look compares generations; only reading tells that the bytes are the same."""
    seen = source.look()
    fake.write("lake", OBJECT, ONE)
    assert not source.look().unchanged_since(seen)


@pytest.mark.parametrize(
    "location",
    [
        "gs://lake/taxi",
        "gs://lake/taxi/",
        f"gs://lake/{OBJECT}",
        "gs://lake/taxi/{dataset}_tripdata_{month}.csv.gz",
        "gs://lake/taxi/yellow_tripdata_2019%2D01.csv.gz",
    ],
)
def test_every_way_to_name_it_finds_the_same_object(location: str, fake: FakeGCS, tmp_path: Path) -> None:
    """Prefix, object, template and percent-encoding lead to one object."""
    assert at(location, fake, tmp_path).look().url == f"gs://lake/{OBJECT}"


def test_names_below_a_prefix_are_tried_in_order(fake: FakeGCS, tmp_path: Path) -> None:
    """Compressed CSV goes before plain CSV, and CSV before Parquet; a whole bucket is a prefix too."""
    for name in ("yellow_tripdata_2019-01.parquet", "yellow_tripdata_2019-01.csv"):
        fake.write("lake", name, TWO)
        assert at("gs://lake", fake, tmp_path).look().url == f"gs://lake/{name}"
    fake.write("lake", NAME, ONE)
    assert at("gs://lake/", fake, tmp_path).look().url == f"gs://lake/{NAME}"


def test_a_template_may_name_objects_without_an_ending_and_prefixes(fake: FakeGCS, tmp_path: Path) -> None:
    """What a template names is the object, unless it ends in a slash."""
    fake.write("lake", "of 2019-01/export?1", ONE)
    assert at("gs://lake/of {month}/export?1", fake, tmp_path).look().url == "gs://lake/of%202019-01/export%3F1"
    fake.write("lake", f"yellow/{NAME}", ONE)
    assert at("gs://lake/{dataset}/", fake, tmp_path).look().url == f"gs://lake/yellow/{NAME}"


@pytest.mark.parametrize("location", ["gs://", "gs:///taxi", "gs://UPPER/taxi", "gs://a/taxi"])
def test_what_names_no_bucket_is_a_mistake(location: str, fake: FakeGCS, tmp_path: Path) -> None:
    """A name that no bucket can have is refused before anything is asked."""
    with pytest.raises(UsageError, match="names no bucket"):
        at(location, fake, tmp_path)
    assert not fake.requests


def test_a_fetch_brings_the_bytes_of_one_generation(fake: FakeGCS, source: Source) -> None:
    """One request brings the object under its name, with progress to the end; a second fetch brings nothing."""
    steps: list[tuple[int, int | None]] = []
    file = source.fetch(source.look(), lambda done, total: steps.append((done, total)))
    assert_is(file, ONE)
    assert file.path.name == NAME
    assert file.temporary
    assert steps[-1] == (len(ONE), len(ONE))
    (request,) = downloads(fake)
    assert f"generation={file.info.etag}" in request
    file.release()
    assert_is(fetched(source), ONE)
    assert len(downloads(fake)) == 1


def test_an_empty_object_is_an_empty_file(fake: FakeGCS, source: Source) -> None:
    """No byte is asked for where there is none."""
    fake.write("lake", OBJECT, b"")
    assert_is(fetched(source), b"")
    assert not downloads(fake)


def test_stored_bytes_are_not_decompressed(fake: FakeGCS, source: Source) -> None:
    """An object that is labelled gzip is fetched as it is stored, and its checksum is right."""
    packed = gzip.compress(ONE)
    with storage_client(fake.url) as client:
        blob = client.bucket("lake").blob(OBJECT)
        blob.content_encoding = "gzip"
        blob.upload_from_string(packed)
    assert_is(fetched(source), packed)


def test_a_cut_download_goes_on_where_it_stopped(fake: FakeGCS, source: Source) -> None:
    """A cut within one fetch is asked for again from the byte after the last."""
    fault = fake.faults.add(Fault(do=faults.CutDownload(after_bytes=70_000), when=MEDIA, times=2))
    assert_is(fetched(source), ONE)
    assert fault.fired == 2
    assert len(downloads(fake)) == 3


def test_a_next_run_goes_on_where_the_last_one_failed(fake: FakeGCS, tmp_path: Path) -> None:
    """A part of the same generation is continued by another engine, and its bytes enter both checksums."""
    here = at("gs://lake/taxi/", fake, tmp_path, retry_seconds=0.3)
    fake.faults.add(Fault(do=faults.CutDownload(after_bytes=100_000), when=MEDIA))
    fake.faults.add(Fault(do=faults.Answer(status=503), when=MEDIA, times=None))
    with pytest.raises(SourceUnreachable) as caught:
        fetched(here)
    assert "bytes stay in the spool" in str(caught.value)
    (part,) = (tmp_path / "spool").rglob("*.part")
    assert 0 < part.stat().st_size <= 100_000
    fake.faults.clear()
    fake.forget_requests()
    assert_is(fetched(at("gs://lake/taxi/", fake, tmp_path)), ONE)
    assert sum(exchange.bytes_out for exchange in fake.requests if "alt=media" in exchange.path) < len(ONE)


def test_progress_earns_more_patience(fake: FakeGCS, tmp_path: Path) -> None:
    """A fetch that brings a mebibyte a try goes on, however short one request's patience is."""
    fake.write("lake", OBJECT, LARGE)
    fake.faults.add(Fault(do=faults.CutDownload(after_bytes=MIB + 70_000), when=MEDIA, times=2))
    assert_is(fetched(at("gs://lake/taxi/", fake, tmp_path, retry_seconds=0.01)), LARGE)


def test_a_part_of_an_old_generation_is_thrown_away(fake: FakeGCS, tmp_path: Path) -> None:
    """Bytes of two generations never meet."""
    fake.faults.add(Fault(do=faults.CutDownload(after_bytes=100_000), when=MEDIA, times=1))
    fake.faults.add(Fault(do=faults.Answer(status=503), when=MEDIA, times=None))
    with pytest.raises(SourceUnreachable):
        fetched(at("gs://lake/taxi/", fake, tmp_path, retry_seconds=0.3))
    fake.faults.clear()
    fake.write("lake", OBJECT, TWO)
    assert_is(fetched(at("gs://lake/taxi/", fake, tmp_path)), TWO)


def test_an_object_that_changed_since_the_look_is_taken_as_it_is_now(fake: FakeGCS, source: Source) -> None:
    """The file is what its record says: the generation that was fetched, not the one that was seen."""
    seen = source.look()
    fake.write("lake", OBJECT, TWO)
    file = source.fetch(seen, silent)
    assert_is(file, TWO)
    assert file.info.etag == str(fake.objects("lake")[OBJECT].generation) != seen.etag


def test_an_object_that_is_replaced_while_it_is_fetched(fake: FakeGCS, source: Source) -> None:
    """A generation that is gone in the middle is given up for the one that replaced it."""
    fake.faults.add(Fault(do=faults.CutDownload(after_bytes=70_000), when=MEDIA))
    fake.faults.add(Fault(do=faults.Call(before=lambda _: fake.write("lake", OBJECT, TWO)), when=MEDIA))
    assert_is(fetched(source), TWO)


def test_an_object_that_is_replaced_all_the_time_is_refused(fake: FakeGCS, source: Source) -> None:
    """There is an end to beginning anew."""
    fake.faults.add(Fault(do=faults.Call(before=lambda _: fake.write("lake", OBJECT, TWO)), when=MEDIA, times=None))
    with pytest.raises(BadInput, match="changes all the time"):
        fetched(source)


def test_damaged_bytes_are_refused_and_not_kept(fake: FakeGCS, source: Source, tmp_path: Path) -> None:
    """A byte that changed on its way fails the checksum; the next run begins anew."""
    fake.faults.add(Fault(do=faults.CorruptDownload(at_byte=1_000), when=MEDIA))
    with pytest.raises(BadInput, match="checksum"):
        fetched(source)
    assert not [path for path in (tmp_path / "spool").rglob(NAME) if path.is_file()]
    assert_is(fetched(source), ONE)


def test_an_object_that_is_not_there_is_not_published(fake: FakeGCS, source: Source) -> None:
    """A missing object, at a look as well as at a fetch, is a month that is not there yet."""
    seen = source.look()
    fake.delete("lake", OBJECT)
    with pytest.raises(NotPublished) as caught:
        source.look()
    assert f"gs://lake/{OBJECT}" in str(caught.value)
    with pytest.raises(NotPublished):
        source.fetch(seen, silent)


def test_a_bucket_that_is_not_there_is_a_mistake(fake: FakeGCS, tmp_path: Path) -> None:
    """A mistyped bucket is no month that will be published some day."""
    with pytest.raises(UsageError, match="there is no bucket laek") as caught:
        at("gs://laek/taxi/", fake, tmp_path).look()
    assert caught.value.next_step == "check --from"


def test_who_may_not_read_is_told_what_to_grant(fake: FakeGCS, source: Source) -> None:
    """A denied permission is named with the role that has it, at a look and at a fetch."""
    seen = source.look()
    fake.deny("storage.objects.get")
    for attempt in (source.look, lambda: source.fetch(seen, silent)):
        with pytest.raises(AccessDenied) as caught:
            attempt()
        assert caught.value.facts["permission"] == "storage.objects.get"
        assert "roles/storage.objectViewer" in caught.value.next_step
        assert not caught.value.retriable


def test_who_may_not_list_finds_a_later_name(fake: FakeGCS, tmp_path: Path) -> None:
    """Without the right to list, 403 also means that a name is not there: the next one is asked for."""
    fake.deny("storage.objects.list")
    fake.write("lake", "plain/yellow_tripdata_2019-01.csv", ONE)
    assert at("gs://lake/plain", fake, tmp_path).look().bytes == len(ONE)
    with pytest.raises(AccessDenied):
        at("gs://lake/nothing", fake, tmp_path).look()


def test_a_service_that_is_down_is_unreachable(fake: FakeGCS, tmp_path: Path) -> None:
    """503 is tried again until patience ends, and says so."""
    fault = fake.faults.add(Fault(do=faults.Answer(status=503), times=None))
    with pytest.raises(SourceUnreachable) as caught:
        at("gs://lake/taxi/", fake, tmp_path, retry_seconds=0.3).look()
    assert caught.value.retriable
    assert fault.fired > 1


def test_a_full_disk_is_found_before_the_download(fake: FakeGCS, tmp_path: Path) -> None:
    """Room is looked for before a byte is asked for."""
    objects = object_names("gs://lake/taxi/", [NAME], templated=False)
    room = len(ONE) + SPARE_BYTES - 1
    cloud = Cloud(storage=fake.url)
    source = ObjectFile(objects=objects, spool=tmp_path / "spool", cloud=cloud, free_bytes=lambda _: room)
    with pytest.raises(EngineError, match="no room"):
        fetched(source)
    assert not downloads(fake)
