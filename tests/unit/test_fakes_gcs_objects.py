"""What the fake GCS and an independent emulator both do with objects: listings, copies, compositions, metadata."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import NotFound, PreconditionFailed

from tests.fakes.gcs.places import empty_bucket, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.gcs.places import Place, Server


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


def test_listing(place: Place) -> None:
    """Listings know prefixes, delimiters, offsets and pages."""
    for name in ("a/1", "a/2", "b/x/1", "b/y", "c"):
        place.bucket.blob(name).upload_from_string(name)
    assert [blob.name for blob in place.bucket.list_blobs(prefix="a/")] == ["a/1", "a/2"]
    folded = place.bucket.list_blobs(delimiter="/")
    assert [blob.name for blob in folded] == ["c"]
    assert sorted(folded.prefixes) == ["a/", "b/"]
    between = place.bucket.list_blobs(start_offset="a/2", end_offset="b/y")
    assert [blob.name for blob in between] == ["a/2", "b/x/1"]


def test_listing_in_pages(place: Place) -> None:
    """Pages come one after another until all was listed, each prefix once."""
    place.only_ours("return pages in this way")
    for name in ("a/1", "a/2", "b", "c/1", "c/2", "d"):
        place.bucket.blob(name).upload_from_string(name)
    pages = list(place.bucket.list_blobs(delimiter="/", page_size=1).pages)
    assert [blob.name for page in pages for blob in page] == ["b", "d"]
    assert [prefix for page in pages for prefix in page.prefixes] == ["a/", "c/"]
    assert [page.num_items for page in place.bucket.list_blobs(page_size=4).pages] == [4, 2]


@pytest.mark.parametrize(
    ("glob", "names"),
    [("**.csv", ["a.csv", "d/b.csv"]), ("*.csv", ["a.csv"]), ("d/{b,c}.?s*", ["d/b.csv"]), ("[!a]*", ["x"])],
)
def test_listing_by_glob(place: Place, glob: str, names: list[str]) -> None:
    """A matchGlob selects names; only "**" crosses a slash."""
    place.only_ours("look at matchGlob")
    for name in ("a.csv", "d/b.csv", "d/c.txt", "x"):
        place.bucket.blob(name).upload_from_string(name)
    assert [blob.name for blob in place.bucket.list_blobs(match_glob=glob)] == names


def test_copies(place: Place) -> None:
    """Copies by rewrite and copyTo have the content and the metadata."""
    blob = place.bucket.blob("a")
    blob.metadata = {"load": "1"}
    blob.upload_from_string(b"1", content_type="text/x-own")
    place.bucket.copy_blob(blob, place.bucket, "b/copied")
    place.bucket.blob("c").rewrite(blob)
    for name in ("b/copied", "c"):
        found = place.bucket.get_blob(name)
        assert found.download_as_bytes() == b"1"
        assert (found.content_type, found.metadata) == ("text/x-own", {"load": "1"})


def test_conditions_of_copies(place: Place) -> None:
    """Preconditions guard a copy's destination, and those of its source the source."""
    place.only_ours("check preconditions on the destination of a copy")
    blob, other = place.bucket.blob("a"), place.bucket.blob("b")
    blob.upload_from_string(b"1")
    other.upload_from_string(b"2")
    for held in ({"if_generation_match": 0}, {"if_source_generation_match": 1}, {"if_metageneration_not_match": 1}):
        with pytest.raises(PreconditionFailed):
            place.bucket.copy_blob(blob, place.bucket, "b", **held)
        with pytest.raises(PreconditionFailed):
            place.bucket.blob("b").rewrite(blob, **held)
        with pytest.raises(PreconditionFailed):
            place.bucket.move_blob(blob, "b", **held)
    assert other.download_as_bytes() == b"2"
    place.bucket.move_blob(blob, "b", if_generation_match=other.generation)
    assert [(found.name, found.download_as_bytes()) for found in place.bucket.list_blobs()] == [("b", b"1")]


def test_compose(place: Place) -> None:
    """A composed object is its parts in order, and its precondition holds."""
    parts = [place.bucket.blob(name) for name in "ab"]
    for part in parts:
        part.upload_from_string(part.name * 3)
    whole = place.bucket.blob("whole")
    whole.compose(parts, if_generation_match=0)
    assert whole.download_as_bytes() == b"aaabbb"
    place.only_ours("check preconditions on compose")
    with pytest.raises(PreconditionFailed):
        place.bucket.blob("whole").compose(parts, if_generation_match=0)
    with pytest.raises(NotFound):
        place.bucket.blob("whole").compose([parts[0], place.bucket.blob("missing")])
    assert whole.download_as_bytes() == b"aaabbb"


def test_patch(place: Place) -> None:
    """A patch merges metadata, counts the metageneration, and holds to its preconditions."""
    blob = place.bucket.blob("a")
    blob.metadata = {"kept": "1", "changed": "1"}
    blob.upload_from_string(b"1")
    blob.metadata = {"kept": "1", "changed": "2", "new": "3"}
    blob.patch(if_metageneration_match=1)
    found = place.bucket.get_blob("a")
    assert (found.metadata, found.generation) == ({"kept": "1", "changed": "2", "new": "3"}, blob.generation)
    if place.is_ours:  # the emulator does not count metagenerations
        assert found.metageneration == 2
        with pytest.raises(PreconditionFailed):
            found.patch(if_metageneration_match=1)
        found.metadata = {"new": None}
        found.patch(if_generation_match=found.generation)
        assert place.bucket.get_blob("a").metadata == {"kept": "1", "changed": "2"}


def test_batch_of_deletes(place: Place) -> None:
    """A batch deletes what is there; what is not there does not stop it."""
    place.only_ours("answer the batches of google-cloud-storage")
    for name in "abc":
        place.bucket.blob(name).upload_from_string(name)
    with suppress(NotFound), place.bucket.client.batch():
        for name in ("a", "missing", "b"):
            place.bucket.blob(name).delete()
    assert [blob.name for blob in place.bucket.list_blobs()] == ["c"]
