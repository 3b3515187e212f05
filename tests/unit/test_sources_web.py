"""Downloads from a real server: what is asked, with which credentials, and what its answers and redirects mean."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import pytest

from engine import catalog
from engine.errors import BadInput, NotPublished, SourceUnreachable
from engine.sources.address import Address
from engine.sources.web import WebFile
from tests.faulty_http import Fault, FaultyServer, Published, faulty_server
from tests.unit.downloads import HASTE, ONE, PATH, assert_is, fetched, ranges, silent, web

if TYPE_CHECKING:
    from pathlib import Path


def test_a_look_is_one_head_request(server: FaultyServer, tmp_path: Path) -> None:
    """Size and validators cost one HEAD request, so an unchanged month costs no more."""
    source = web(server, tmp_path)
    first = source.look()
    assert server.methods() == ["HEAD"]
    assert (first.bytes, first.etag, first.sha256) == (len(ONE), '"one"', None)
    assert source.look().unchanged_since(first)
    assert server.methods() == ["HEAD", "HEAD"]


def test_a_good_server_delivers_at_once(server: FaultyServer, tmp_path: Path) -> None:
    """One HEAD and one GET bring the published bytes, under their name, with progress to the end."""
    steps: list[tuple[int, int | None]] = []
    source = web(server, tmp_path)
    file = source.fetch(source.look(), lambda done, total: steps.append((done, total)))
    assert_is(file, ONE)
    assert file.temporary
    assert file.path.name == "yellow_tripdata_2019-01.csv.gz"
    assert steps[-1] == (len(ONE), len(ONE))
    assert server.methods() == ["HEAD", "GET"]


def test_no_content_coding_is_asked_for(server: FaultyServer, tmp_path: Path) -> None:
    """Requests say `identity`, so that servers send the bytes as published."""
    fetched(web(server, tmp_path))
    assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}


def test_a_stored_gz_that_is_labelled_gzip_keeps_its_bytes(server: FaultyServer, tmp_path: Path) -> None:
    """A `.gz` file with `Content-Encoding: gzip` is stored as it came, not decompressed."""
    server.publish(PATH, Published(content=ONE, headers={"Content-Encoding": "gzip"}))
    assert_is(fetched(web(server, tmp_path)), ONE)


def test_another_content_coding_is_refused(server: FaultyServer, tmp_path: Path) -> None:
    """Bytes that the server made up on its way are not the published ones."""
    server.publish("/a.csv", Published(content=ONE, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(BadInput, match="Content-Encoding gzip"):
        fetched(web(server, tmp_path, "/a.csv"))


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_is_not_published(status: int, server: FaultyServer, tmp_path: Path) -> None:
    """404 and 410 are final, at a look as well as at a download."""
    source = web(server, tmp_path)
    seen = source.look()
    server.always = {"HEAD": Fault(status=status), "GET": Fault(status=status)}
    with pytest.raises(NotPublished, match="2019-01"):
        source.look()
    with pytest.raises(NotPublished, match="2019-01"):
        source.fetch(seen, silent)
    assert server.methods() == ["HEAD", "HEAD", "GET"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_final_and_says_what_to_check(status: int, server: FaultyServer, tmp_path: Path) -> None:
    """No retry helps against a missing permission."""
    server.always = {"HEAD": Fault(status=status), "GET": Fault(status=status)}
    with pytest.raises(SourceUnreachable, match=str(status)) as caught:
        web(server, tmp_path).look()
    assert not caught.value.retriable
    assert "credentials" in caught.value.next_step
    assert len(server.requests) <= 2


def test_a_place_that_forbids_what_it_has_not(server: FaultyServer, tmp_path: Path) -> None:
    """Where the dataset says so of a place, 403 means that the month is not published; any other refusal stays one."""
    server.always = {"HEAD": Fault(status=403), "GET": Fault(status=403)}
    source = web(server, tmp_path)
    there = [dataclasses.replace(address, missing=frozenset({403})) for address in source.addresses]
    with pytest.raises(NotPublished, match="2019-01"):
        dataclasses.replace(source, addresses=there).look()
    server.always = {"HEAD": Fault(status=401), "GET": Fault(status=401)}
    with pytest.raises(SourceUnreachable, match="401"):
        dataclasses.replace(source, addresses=there).look()


@pytest.mark.parametrize("path", list(catalog.paths()), ids=lambda path: path.stem)
def test_the_official_place_forbids_what_it_has_not(path: Path) -> None:
    """The TLC's bucket cannot be listed, so a month that is late is answered with 403; every dataset knows that."""
    official = [origin for origin in catalog.load(path).origins if "cloudfront" in origin.url]
    assert [origin.missing for origin in official] == [(403,)]


@pytest.mark.parametrize("status", [403, 405, 501])
@pytest.mark.parametrize("answer", [Fault(ignore_range=True), Fault()])
def test_a_server_without_head_is_asked_for_one_byte(
    status: int,
    answer: Fault,
    server: FaultyServer,
    tmp_path: Path,
) -> None:
    """Where HEAD is refused, a GET of one byte tells the same; the body of a whole answer is not read."""
    usual = web(server, tmp_path).look()
    server.always["HEAD"] = Fault(status=status)
    server.script["GET"] = [answer]
    assert web(server, tmp_path).look() == usual
    assert ranges(server) == [("bytes=0-0", None)]


def test_an_empty_file_can_be_looked_at_without_head(server: FaultyServer, tmp_path: Path) -> None:
    """416 to the first byte means that there is none."""
    server.publish(PATH, Published(content=b""))
    server.always["HEAD"] = Fault(status=405)
    assert web(server, tmp_path).look().bytes == 0


def test_a_redirect_is_followed_and_not_recorded(server: FaultyServer, tmp_path: Path) -> None:
    """Validators come from the final answer; the URL that was asked for is the one that stays."""
    with faulty_server() as front:
        front.publish(PATH, Published(content=b"", etag='"front"'))
        moved = Fault(status=302, headers={"Location": f"{server.url}{PATH}?X-Amz-Signature=s3cret"})
        front.always = {"HEAD": moved, "GET": moved}
        file = fetched(web(front, tmp_path))
        assert_is(file, ONE)
        assert (file.info.url, file.info.etag) == (front.url + PATH, '"one"')


@pytest.mark.parametrize("target", ["ftp://host/file", PATH])
def test_a_redirect_that_leads_nowhere_is_unreachable(target: str, server: FaultyServer, tmp_path: Path) -> None:
    """Other schemes and circles are named, not followed."""
    server.always["HEAD"] = Fault(status=302, headers={"Location": target})
    with pytest.raises(SourceUnreachable, match="redirect"):
        web(server, tmp_path).look()


def test_credentials_are_sent_and_never_shown(
    server: FaultyServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """User, password and signatures reach the server they are for, and no receipt, error, log or folder name."""
    place = server.url.replace("http://", "http://user:pa%40ss@") + PATH + "?part=1&sig=s3cret"
    source = WebFile(addresses=(Address.parse(place),), spool=tmp_path / "spool", patience=HASTE)
    with caplog.at_level(logging.DEBUG):
        seen = source.look()
        source.fetch(seen, silent)
        server.always = {"HEAD": Fault(status=503), "GET": Fault(status=403)}
        with pytest.raises(SourceUnreachable) as unreachable:
            source.look()
        server.always["HEAD"] = Fault(status=404)
        with pytest.raises(NotPublished) as missing:
            source.look()
    assert server.requests[0].headers["authorization"] == "Basic dXNlcjpwYUBzcw=="
    assert server.requests[0].path.endswith("?part=1&sig=s3cret")
    shown = [str(seen), str(source), str(unreachable.value), str(missing.value), caplog.text]
    shown += [str(path) for path in (tmp_path / "spool").rglob("*")]
    shown += [path.read_text() for path in (tmp_path / "spool").rglob("*.json")]
    for text in shown:
        assert not any(secret in text for secret in ("pa@ss", "pa%40ss", "s3cret", "user:"))
    assert "part=1&sig=***" in seen.url


def test_a_redirect_to_another_host_gets_no_credentials(server: FaultyServer, tmp_path: Path) -> None:
    """A password is for the host of its URL alone."""
    with faulty_server() as front:
        front.always["HEAD"] = Fault(status=307, headers={"Location": server.url + PATH})
        place = front.url.replace("http://", "http://user:pass@") + PATH
        WebFile(addresses=(Address.parse(place),), spool=tmp_path, patience=HASTE).look()
        assert "authorization" in front.requests[0].headers
    assert "authorization" not in server.requests[0].headers
