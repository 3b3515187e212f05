"""Downloads from a server that is busy, silent or away: asked again, with patience that ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from engine.errors import SourceUnreachable
from tests.faulty_http import Fault, FaultyServer, faulty_server, http_date
from tests.unit.downloads import ONE, assert_is, fetched, web

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_not_now_is_asked_again(status: int, method: str, server: FaultyServer, tmp_path: Path) -> None:
    """Answers that may be others a moment later are tried again."""
    server.script[method] = [Fault(status=status)] * 2
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert server.methods().count(method) == 3


def test_attempts_are_bounded(server: FaultyServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that stays away ends in an error that says how often it was asked, and each try is logged."""
    server.always["HEAD"] = Fault(status=503)
    with caplog.at_level(logging.WARNING), pytest.raises(SourceUnreachable, match="503 Service Unavailable") as caught:
        web(server, tmp_path).look()
    assert server.methods() == ["HEAD"] * 4
    assert caught.value.facts["attempts"] == "4"
    assert caplog.messages[0] == "attempt 1 of 4: the server answered 503 Service Unavailable"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_rate_limit_is_obeyed(method: str, server: FaultyServer, tmp_path: Path) -> None:
    """429 with Retry-After, as seconds or as a date, is waited for up to a limit."""
    server.script[method] = [
        Fault(status=429, headers={"Retry-After": "3600"}),
        Fault(status=429, headers={"Retry-After": http_date(3600)}),
        Fault(status=429, headers={"Retry-After": "soon"}),
    ]
    assert_is(fetched(web(server, tmp_path)), ONE)


def test_a_server_that_falls_silent_is_asked_again(server: FaultyServer, tmp_path: Path) -> None:
    """No answer within the limit is a connection that broke."""
    server.script["GET"] = [Fault(wait_seconds=0.5)]
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert server.methods().count("GET") == 2


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    """A refused connection is tried again, then named."""
    with faulty_server() as gone:
        pass
    with pytest.raises(SourceUnreachable, match="no connection"):
        web(gone, tmp_path).look()
