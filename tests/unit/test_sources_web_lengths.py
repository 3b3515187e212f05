"""Downloads whose announced length is not what arrives: never a short file, never a long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.errors import SourceUnreachable
from tests.faulty_http import Fault, FaultyServer, Published
from tests.unit.downloads import ONE, PATH, TWO, assert_is, fetched, ranges, web

if TYPE_CHECKING:
    from pathlib import Path


def test_an_announced_length_that_never_arrives_is_an_error(server: FaultyServer, tmp_path: Path) -> None:
    """A server that announces more than it has is found out, and says so with both numbers."""
    server.publish(PATH, Published(content=ONE[:1000]))
    lie = Fault(announce=1500)
    server.always = {"HEAD": lie, "GET": Fault(announce=1500, ignore_range=True)}
    with pytest.raises(SourceUnreachable, match="announced 1500 bytes and sent 1000"):
        fetched(web(server, tmp_path))
    assert len(ranges(server)) == 4


def test_an_announced_length_that_is_too_short_is_an_error(server: FaultyServer, tmp_path: Path) -> None:
    """HEAD and GET must announce one length for one version, or bytes would be missing without a word."""
    server.always["GET"] = Fault(announce=1500)
    with pytest.raises(SourceUnreachable, match="announced 200000 bytes, and then 1500"):
        fetched(web(server, tmp_path))


def test_one_version_with_two_lengths_is_an_error(server: FaultyServer, tmp_path: Path) -> None:
    """A part is thrown away where the total changes under the same validators, and nothing is believed."""
    longer = Published(content=TWO + b"more")
    server.script["GET"] = [
        Fault(cut_after=70_000),
        Fault(before=lambda: server.publish(PATH, longer), ignore_condition=True),
    ]
    with pytest.raises(SourceUnreachable, match="announced 200000 bytes, and then 200004"):
        fetched(web(server, tmp_path))
    assert_is(fetched(web(server, tmp_path)), longer.content)


def test_more_bytes_than_announced_are_an_error(server: FaultyServer, tmp_path: Path) -> None:
    """Chunks have no length of their own: that of HEAD counts."""
    server.always = {"HEAD": Fault(announce=1500), "GET": Fault(chunked=True)}
    with pytest.raises(SourceUnreachable, match="announced 1500 bytes and sent"):
        fetched(web(server, tmp_path))


def test_chunks_without_a_length_are_fine(server: FaultyServer, tmp_path: Path) -> None:
    """Without any announcement the last chunk is the end; a cut before it is seen."""
    server.always = {"HEAD": Fault(chunked=True)}
    server.script["GET"] = [Fault(chunked=True, cut_after=70_000), Fault(chunked=True, ignore_range=True)]
    assert_is(fetched(web(server, tmp_path)), ONE)
