"""Files and folders of this machine as sources."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from engine import catalog
from engine.errors import BadInput, NotPublished, UsageError
from engine.month import Month
from engine.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from engine.sources import Source

YELLOW = catalog.find("yellow")
JANUARY = Month(2019, 1)
NAME = "yellow_tripdata_2019-01.csv"
LINES = b"VendorID\n1\n2\n"


def silent(_done: int, _total: int | None) -> None:
    """Show no progress."""


def source(location: str | Path, tmp_path: Path) -> Source:
    """Open a location for yellow 2019-01."""
    return open_source(str(location), YELLOW, JANUARY, spool=tmp_path / "spool")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one plain month."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / NAME).write_bytes(LINES)
    return tmp_path / "data"


def test_a_folder_has_the_month_under_the_datasets_name(folder: Path, tmp_path: Path) -> None:
    """A folder is searched for the name that the dataset gives its files."""
    seen = source(folder, tmp_path).look()
    assert (seen.url, seen.bytes, seen.sha256) == (str(folder.resolve() / NAME), len(LINES), None)


def test_the_compressed_file_is_preferred(folder: Path, tmp_path: Path) -> None:
    """Where a month is there compressed and plain, the one with a checksum of its own is taken."""
    (folder / f"{NAME}.gz").write_bytes(b"compressed")
    assert source(folder, tmp_path).look().url.endswith(".csv.gz")


@pytest.mark.parametrize(
    "form", ["{folder}", "{folder}/", "file://{folder}", "{folder}/{name}", "file://{folder}/{name}"]
)
def test_every_way_to_name_it_finds_the_same_file(form: str, folder: Path, tmp_path: Path) -> None:
    """Folder, file and file URL lead to one file."""
    location = form.format(folder=folder, name=NAME)
    assert source(location, tmp_path).look() == source(folder / NAME, tmp_path).look()


def test_a_template_is_filled(folder: Path, tmp_path: Path) -> None:
    """`{dataset}` and `{month}` work in paths, other braces belong to the name."""
    (folder / "{x} yellow of 2019-01").write_bytes(LINES)
    assert source(folder / "{x} {dataset} of {month}", tmp_path).look().bytes == len(LINES)


def test_a_percent_sign_is_decoded_in_urls_only(folder: Path, tmp_path: Path) -> None:
    """A file URL is percent-encoded (RFC 8089), a path is not."""
    (folder / "a b%20c.csv").write_bytes(LINES)
    assert (
        source(f"file://{folder}/a%20b%2520c.csv", tmp_path).look() == source(folder / "a b%20c.csv", tmp_path).look()
    )


def test_a_month_that_the_folder_lacks_is_not_published(folder: Path, tmp_path: Path) -> None:
    """An existing folder without the month says under which names it was sought."""
    (folder / NAME).unlink()
    with pytest.raises(NotPublished) as caught:
        source(folder, tmp_path).look()
    assert NAME in str(caught.value)
    assert f"{NAME}.gz" in str(caught.value)


def test_a_missing_template_month_is_not_published(folder: Path, tmp_path: Path) -> None:
    """A template that leads to no file in an existing folder is a month that is not there yet."""
    with pytest.raises(NotPublished):
        source(folder / "{month}.csv", tmp_path).look()


@pytest.mark.parametrize("place", ["nowhere", "nowhere.csv", "nowhere/{month}.csv", "a\0b"])
def test_a_place_that_does_not_exist_is_a_mistake(place: str, tmp_path: Path) -> None:
    """A mistyped path is no month that will be published some day."""
    with pytest.raises(UsageError):
        source(tmp_path / place, tmp_path).look()


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """What cannot be read twice cannot be checked."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        source(tmp_path / "pipe", tmp_path).look()


@pytest.mark.parametrize("location", ["s3://bucket/data", "ftp://host/data", "abfs://bucket"])
def test_an_unknown_scheme_names_the_known_ones(location: str, tmp_path: Path) -> None:
    """A scheme that the engine cannot read is refused before anything is asked."""
    with pytest.raises(UsageError, match="https://"):
        source(location, tmp_path)


def test_a_file_url_of_another_machine_is_refused(tmp_path: Path) -> None:
    """A host in a file URL is a mistake, not a path."""
    with pytest.raises(UsageError, match="absolute path"):
        source("file://server/data", tmp_path)


def test_a_month_that_no_source_covers_says_what_is_covered(tmp_path: Path) -> None:
    """Without a location, a month outside the dataset's sources is not published there."""
    with pytest.raises(NotPublished, match="2021-07") as caught:
        open_source(None, YELLOW, Month(2023, 1), spool=tmp_path, form="csv")
    assert "--from" in caught.value.next_step


def test_it_is_read_in_place_with_its_checksum(folder: Path, tmp_path: Path) -> None:
    """A local file is not copied; size and checksum are those of its bytes."""
    seen = source(folder, tmp_path).look()
    steps: list[tuple[int, int | None]] = []
    fetched = source(folder, tmp_path).fetch(seen, lambda done, total: steps.append((done, total)))
    fetched.verify_unchanged()
    assert fetched.path == folder.resolve() / NAME
    assert fetched.info.sha256 == hashlib.sha256(LINES).hexdigest()
    assert fetched.info.unchanged_since(seen)
    assert steps == [(len(LINES), len(LINES))]


def test_a_users_file_is_never_removed(folder: Path, tmp_path: Path) -> None:
    """Discarding a local file leaves it where it is."""
    fetched = source(folder, tmp_path).fetch(source(folder, tmp_path).look(), silent)
    fetched.discard()
    assert not fetched.temporary
    assert (folder / NAME).read_bytes() == LINES


def test_a_rewritten_file_is_new(folder: Path, tmp_path: Path) -> None:
    """Other bytes of the same length are told apart by the time of change."""
    seen = source(folder, tmp_path).look()
    (folder / NAME).write_bytes(LINES[::-1])
    os.utime(folder / NAME, ns=(1, 1))
    assert not source(folder, tmp_path).look().unchanged_since(seen)


def test_a_file_that_grows_while_its_checksum_is_taken_fails(folder: Path, tmp_path: Path) -> None:
    """The file's version before and after reading must be the same."""

    def grow(_done: int, _total: int | None) -> None:
        if (folder / NAME).stat().st_size == len(LINES):
            (folder / NAME).write_bytes(LINES * 2)

    here = source(folder, tmp_path)
    with pytest.raises(BadInput, match="changed while it was read"):
        here.fetch(here.look(), grow)


@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_changes_before_it_is_decoded_fails(gone: bool, folder: Path, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """A later look at the file finds that it was changed or removed after its checksum was taken."""
    here = source(folder, tmp_path)
    fetched = here.fetch(here.look(), silent)
    if gone:
        (folder / NAME).unlink()
    else:
        (folder / NAME).write_bytes(LINES * 2)
    with pytest.raises(BadInput, match="changed while it was read"):
        fetched.verify_unchanged()
