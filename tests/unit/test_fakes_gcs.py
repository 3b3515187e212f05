"""What the fake GCS and an independent emulator both do with content, asked by the clients that people use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import polars as pl
import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound, NotModified, PreconditionFailed

from tests.fakes.gcs.clients import filesystem, polars_options
from tests.fakes.gcs.places import empty_bucket, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.gcs.places import Place, Server

QUANTUM = 256 * 1024


@pytest.fixture(params=["ours", "fake-gcs-server"], scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server of each kind."""
    with running(request.param, tmp_path_factory.mktemp("objects")) as started:
        yield started


@pytest.fixture
def place(server: Server) -> Iterator[Place]:
    """Give an empty bucket."""
    with empty_bucket(server) as found:
        yield found


def pattern(size: int) -> bytes:
    """Return bytes in which every place looks different."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def test_upload_and_download(place: Place) -> None:
    """A string that was uploaded comes back with its size, checksums, type and metadata."""
    blob = place.bucket.blob("a folder/ä+b.txt")
    blob.metadata = {"load": "1"}
    blob.upload_from_string(b"hello", content_type="text/x-own")
    found = place.bucket.get_blob("a folder/ä+b.txt")
    assert found.download_as_bytes() == b"hello"
    assert (found.size, found.crc32c, found.md5_hash) == (5, "mnG7TA==", "XUFAKrxLKna5cZ2REBfFkg==")
    assert (found.content_type, found.metadata) == ("text/x-own", {"load": "1"})


def test_empty_object(place: Place) -> None:
    """An object without a byte is an object."""
    place.bucket.blob("empty").upload_from_string(b"")
    assert place.bucket.get_blob("empty").size == 0
    assert place.bucket.blob("empty").download_as_bytes() == b""


def test_resumable_upload(place: Place) -> None:
    """An upload in chunks arrives whole, also where the last is short."""
    content = pattern(3 * QUANTUM + 5)
    with place.bucket.blob("big", chunk_size=QUANTUM).open("wb", ignore_flush=True) as file:
        file.write(content)
    assert place.bucket.blob("big").download_as_bytes() == content


def test_gcsfs_writes_and_reads(place: Place) -> None:
    """What gcsfs writes, at once and in blocks, it lists and reads."""
    content = pattern(5 * QUANTUM + 1)
    with filesystem(place.url, consistency="md5") as files:
        files.pipe_file(f"{place.name}/d/small", b"small")
        with files.open(f"{place.name}/d/blocks", "wb", block_size=2 * QUANTUM) as file:
            for start in range(0, len(content), QUANTUM):  # aiohttp warns of more than 1 MiB at once
                file.write(content[start:][:QUANTUM])
        assert files.cat_file(f"{place.name}/d/small") == b"small"
        assert files.cat_file(f"{place.name}/d/blocks", start=QUANTUM, end=QUANTUM + 8) == content[QUANTUM:][:8]
        assert sorted(files.ls(f"{place.name}/d")) == [f"{place.name}/d/blocks", f"{place.name}/d/small"]
        files.cp_file(f"{place.name}/d/small", f"{place.name}/copy")
        files.rm(f"{place.name}/d", recursive=True)
        assert files.find(place.name) == [f"{place.name}/copy"]


def test_gcsfs_creates_only(place: Place) -> None:
    """The mode "xb" of gcsfs creates an object, and never replaces one."""
    with filesystem(place.url) as files:
        with files.open(f"{place.name}/once", "xb") as file:
            file.write(b"first")
        with pytest.raises(FileExistsError), files.open(f"{place.name}/once", "xb") as file:
            file.write(b"second")
        assert files.cat_file(f"{place.name}/once") == b"first"


def test_polars_scans(place: Place) -> None:
    """Polars scans Parquet files through a glob."""
    frame = pl.select(row=pl.int_range(1000, dtype=pl.Int64))
    for name in ("p/a.parquet", "p/b.parquet", "other.parquet"):
        with place.bucket.blob(name).open("wb", ignore_flush=True) as file:
            frame.write_parquet(file)
    scanned = pl.scan_parquet(f"gs://{place.name}/p/*.parquet", **polars_options(place.url))
    assert scanned.select(pl.len(), pl.col("row").sum()).collect().row(0) == (2000, 2 * frame["row"].sum())


def test_create_only(place: Place) -> None:
    """With ifGenerationMatch=0, one of twenty uploads at the same time wins."""
    start, won = threading.Barrier(20), []

    def create(number: int) -> None:
        start.wait()
        with suppress(PreconditionFailed):
            place.bucket.blob("one").upload_from_string(str(number), if_generation_match=0)
            won.append(number)

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(create, range(20)))
    assert [str(number).encode() for number in won] == [place.bucket.blob("one").download_as_bytes()]


def test_conditions_of_uploads(place: Place) -> None:
    """Preconditions guard an upload."""
    blob = place.bucket.blob("a")
    blob.upload_from_string(b"1")
    generation = blob.generation
    for held in ({"if_generation_match": generation + 1}, {"if_generation_match": 0}):
        with pytest.raises(PreconditionFailed):
            place.bucket.blob("a").upload_from_string(b"2", **held)
    if place.is_ours:  # the emulator looks at generations only
        for held in ({"if_generation_not_match": generation}, {"if_metageneration_match": 2}):
            with pytest.raises(PreconditionFailed):
                place.bucket.blob("a").upload_from_string(b"2", **held)
    place.bucket.blob("a").upload_from_string(b"3", if_generation_match=generation)
    assert place.bucket.blob("a").download_as_bytes() == b"3"


def test_conditions_of_reads(place: Place) -> None:
    """A read is refused with 412 where a match fails, with 304 where a "not match" does."""
    place.only_ours("check the preconditions of reads")
    blob = place.bucket.blob("a")
    blob.upload_from_string(b"1")
    for held in ({"if_generation_match": 1}, {"if_metageneration_match": 2}):
        with pytest.raises(PreconditionFailed):
            place.bucket.blob("a").download_as_bytes(**held)
        with pytest.raises(PreconditionFailed):
            place.bucket.blob("a").reload(**held)
    for held in ({"if_generation_not_match": blob.generation}, {"if_metageneration_not_match": 1}):
        with pytest.raises(NotModified):
            place.bucket.blob("a").reload(**held)


@pytest.mark.parametrize("condition", ["generation_match", "metageneration_match"])
def test_conditions_of_deletes(place: Place, condition: str) -> None:
    """A delete whose precondition fails deletes nothing."""
    place.only_ours("check preconditions on delete")
    blob = place.bucket.blob("a")
    blob.upload_from_string(b"1")
    with pytest.raises(PreconditionFailed):
        blob.delete(**{f"if_{condition}": 7})
    assert blob.exists()
    blob.delete(if_generation_match=blob.generation, if_metageneration_match=1)
    assert not blob.exists()


def test_ranges_and_generations(place: Place) -> None:
    """A download is cut to its range, and is refused when its generation is gone."""
    blob = place.bucket.blob("a")
    blob.upload_from_string(b"0123456789")
    old = blob.generation
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert place.bucket.blob("a").download_as_bytes(start=7) == b"789"
    assert place.bucket.blob("a").download_as_bytes(start=-2) == b"89"
    place.bucket.blob("a").upload_from_string(b"new")
    with pytest.raises(NotFound):
        place.bucket.blob("a", generation=old).download_as_bytes()


def test_wrong_checksums(place: Place) -> None:
    """Content that differs from its announced checksum makes no object."""
    for name, value in (("crc32c", "AAAAAA=="), ("md5_hash", "AAAAAAAAAAAAAAAAAAAAAA==")):
        blob = place.bucket.blob(name)
        setattr(blob, name, value)
        with pytest.raises(BadRequest):
            blob.upload_from_string(b"hello", checksum=None)
        assert not place.bucket.blob(name).exists()


def test_what_is_missing_or_taken(place: Place) -> None:
    """Missing objects and buckets are not found, and a bucket's name is taken once."""
    with pytest.raises(NotFound):
        place.bucket.blob("missing").download_as_bytes()
    with pytest.raises(NotFound):
        place.bucket.blob("missing").delete()
    with pytest.raises(NotFound):
        place.bucket.client.get_bucket("no-such-bucket")
    with pytest.raises(NotFound):
        list(place.bucket.client.list_blobs("no-such-bucket"))
    with pytest.raises(Conflict):
        place.bucket.client.create_bucket(place.name)
