"""Downloads and the disk: room for them, files that are there already, and two engines that want one file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from engine.errors import EngineError
from engine.sources.address import Address
from engine.sources.web import SPARE_BYTES, WebFile
from tests.faulty_http import Fault, FaultyServer, Published
from tests.unit.downloads import HASTE, ONE, PATH, TWO, assert_is, fetched, silent, web

if TYPE_CHECKING:
    from pathlib import Path

    from engine.sources import Fetched


def test_without_room_on_the_disk_nothing_is_read(server: FaultyServer, tmp_path: Path) -> None:
    """Room for the file and a margin is checked before a byte is stored."""
    room = len(ONE) + SPARE_BYTES - 1
    source = WebFile(
        addresses=(Address.parse(server.url + PATH),), spool=tmp_path, patience=HASTE, free_bytes=lambda _: room
    )
    with pytest.raises(EngineError, match="no room") as caught:
        fetched(source)
    assert caught.value.facts["needed"] == f"{room + 1:,} bytes"
    assert not list(tmp_path.rglob("*.csv.gz"))


def test_what_is_in_the_spool_already_is_not_downloaded(server: FaultyServer, tmp_path: Path) -> None:
    """After a load that failed, the complete file serves the next one for a single HEAD request."""
    fetched(web(server, tmp_path)).release()
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert server.methods() == ["HEAD", "GET", "HEAD"]


def test_a_spooled_file_of_another_version_is_not_used(server: FaultyServer, tmp_path: Path) -> None:
    """Other validators mean other bytes."""
    fetched(web(server, tmp_path)).release()
    server.publish(PATH, Published(content=TWO, etag='"two"'))
    assert_is(fetched(web(server, tmp_path)), TWO)


def test_a_damaged_spooled_file_is_downloaded_again(server: FaultyServer, tmp_path: Path) -> None:
    """A spooled file must have its checksum still."""
    first = fetched(web(server, tmp_path))
    first.path.write_bytes(TWO)
    first.release()
    assert_is(fetched(web(server, tmp_path)), ONE)


def test_two_engines_download_a_file_once(server: FaultyServer, tmp_path: Path) -> None:
    """The second engine waits for the first and takes the file from the spool; discarding it twice is safe."""
    seen = web(server, tmp_path).look()
    server.always["GET"] = Fault(wait_seconds=0.1)
    files: list[Fetched] = []
    engines = [
        threading.Thread(target=lambda: files.append(web(server, tmp_path).fetch(seen, silent))) for _ in range(2)
    ]
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.join()
    first, second = files
    assert server.methods() == ["HEAD", "GET"]
    first.discard()
    assert_is(second, ONE)  # still being read
    second.discard()
    second.discard()
    assert not second.path.exists()
