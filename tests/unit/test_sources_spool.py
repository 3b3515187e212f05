"""The spool: what is kept, who may write it, and what is removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import time
from typing import TYPE_CHECKING

import pytest

from engine.errors import Busy, EngineError, UsageError
from engine.receipt import SourceInfo
from engine.sources import clean
from engine.sources.part import Part
from engine.sources.spool import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.sources import Fetched

SEEN = SourceInfo(url="https://host/a.csv", bytes=5, etag='"one"')


def silent(_done: int, _total: int | None) -> None:
    """Show no progress."""


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """Return an entry of an empty spool."""
    return Entry.of(tmp_path / "spool", SEEN.url, "a.csv")


def spooled(entry: Entry, content: bytes = b"12345", seen: SourceInfo = SEEN) -> Fetched:
    """Put a complete file into the spool."""
    with entry.locked(1), Part(entry) as part:
        part.restart(seen, seen.etag)
        part.append(content)
        return part.finish()


def aged(folder: Path) -> None:
    """Make a folder and everything in it an hour old."""
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (time.time() - 3600,) * 2)


def test_a_part_is_taken_up_with_its_checksum(entry: Entry) -> None:
    """Bytes of an earlier process count, and enter the checksum."""
    with entry.locked(1), Part(entry) as part:
        part.restart(SEEN, SEEN.etag)
        part.append(b"123")
    with entry.locked(1), Part(entry) as part:
        assert (part.size, part.info, part.validator) == (3, SEEN, SEEN.etag)
        part.append(b"45")
        file = part.finish()
    assert file.path.read_bytes() == b"12345"
    assert file.info.sha256 == hashlib.sha256(b"12345").hexdigest()
    assert not list(entry.folder.glob("*.part"))


@pytest.mark.parametrize(
    "record", [None, "", "{", "[]", '{"info": {}}', '{"info": {"nonsense": 1}, "validator": null}']
)
def test_a_part_without_validators_is_worth_nothing(record: str | None, entry: Entry) -> None:
    """Bytes of which nobody knows the version are thrown away."""
    with entry.locked(1):
        (entry.folder / "a.csv.part").write_bytes(b"123")
        if record is not None:
            (entry.folder / "a.csv.json").write_text(record)
        with Part(entry) as part:
            assert (part.size, part.info) == (0, None)
    assert (entry.folder / "a.csv.part").stat().st_size == 0


def test_versions_lie_side_by_side(entry: Entry) -> None:
    """A new version does not touch the one that another engine reads."""
    first = spooled(entry)
    second = spooled(entry, b"54321", SourceInfo(url=SEEN.url, bytes=5, etag='"two"'))
    assert first.path.read_bytes() == b"12345"
    assert second.path.read_bytes() == b"54321"
    first.discard()
    assert not first.path.exists()
    assert second.path.exists()


def test_the_last_reader_removes_the_file(entry: Entry) -> None:
    """Discarding a file that another engine reads leaves it to that one."""
    first = spooled(entry)
    with entry.locked(1):
        second = entry.find(SEEN, silent)
    assert second is not None
    first.discard()
    assert second.path.read_bytes() == b"12345"
    second.discard()
    assert not entry.folder.exists()


def test_a_writer_keeps_its_entry(entry: Entry) -> None:
    """A discard does not remove what another engine writes at that moment; that one or `clean` will."""
    file = spooled(entry)
    with entry.locked(1):
        file.discard()
        assert file.path.exists()


def test_a_download_of_another_engine_is_waited_for_and_then_busy(entry: Entry) -> None:
    """Who waits too long says so instead of writing the same part."""
    with (
        entry.locked(1),
        pytest.raises(Busy, match="downloads the same file"),
        Entry.of(entry.folder.parent, SEEN.url, "a.csv").locked(0.05),
    ):
        pytest.fail("two engines held one entry")


def test_a_spool_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    """A file in place of the folder, or missing rights, lead to ENGINE_HOME."""
    (tmp_path / "spool").write_text("")
    with pytest.raises(UsageError, match="ENGINE_HOME"), Entry.of(tmp_path / "spool", "u", "n").locked(1):
        pytest.fail("a file was taken for a folder")


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """Let files of this process be 1,000 bytes long and no longer: writing fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1_001, 100_000], ids=["at the end", "while it arrives"])
def test_a_disk_that_fills_up_is_named(size: int, entry: Entry) -> None:
    """When the disk fills while a download runs, the error says what to do, and nothing counts as complete."""
    with small_disk(), pytest.raises(EngineError, match="cannot be written") as caught:
        spooled(entry, b"1" * size)
    assert "ENGINE_HOME" in caught.value.next_step
    with entry.locked(1):
        assert entry.find(SEEN, silent) is None


def test_what_nobody_came_back_for_is_removed(entry: Entry) -> None:
    """Old parts and old complete files go, and their size is told."""
    spooled(entry).release()
    with entry.locked(1), Part(entry) as part:
        part.restart(SEEN, None)
        part.append(b"123")
    aged(entry.folder)
    assert clean(entry.folder.parent, 60) >= 8
    assert not entry.folder.exists()


def test_what_is_young_read_or_written_stays(entry: Entry) -> None:
    """Cleaning takes nothing from a run that goes on."""
    file = spooled(entry)
    assert clean(entry.folder.parent, 60) == 0
    aged(entry.folder)
    assert clean(entry.folder.parent, 60) == 0  # read
    file.release()
    with entry.locked(1):
        assert clean(entry.folder.parent, 60) == 0  # written
    assert file.path.exists()
    assert clean(entry.folder.parent, 60) > 0
    assert not file.path.exists()


def test_a_young_folder_stays_though_it_is_empty(tmp_path: Path) -> None:
    """A load's own folder has nothing in it until its first bad line; no other load removes it."""
    (tmp_path / "spool" / "load").mkdir(parents=True)
    assert clean(tmp_path / "spool", 60) == 0
    assert (tmp_path / "spool" / "load").is_dir()
    aged(tmp_path / "spool" / "load")
    clean(tmp_path / "spool", 60)
    assert not (tmp_path / "spool" / "load").exists()


def test_a_spool_that_does_not_exist_is_clean(tmp_path: Path) -> None:
    """Nothing to clean is no error."""
    assert clean(tmp_path / "nowhere", 0) == 0
