"""Downloads from a real server that misbehaves: whatever it does, the bytes are right or there are none."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
from typing import TYPE_CHECKING

import pytest

from engine.errors import BadInput, EngineError, NotPublished, SourceUnreachable
from engine.sources.address import Address
from engine.sources.patience import Patience
from engine.sources.web import SPARE_BYTES, WebFile
from tests.faulty_http import Fault, FaultyServer, Published, faulty_server, http_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.sources import Fetched

PATH = "/data/yellow_tripdata_2019-01.csv.gz"
HASTE = Patience(
    attempts=4,
    wait_seconds=0.01,
    wait_limit_seconds=0.02,
    jitter_seconds=0.01,
    retry_after_limit_seconds=0.05,
    silence_seconds=0.3,
    progress_bytes=50_000,
)
ONE = random.Random(1).randbytes(200_000)  # noqa: S311 - test data
TWO = random.Random(2).randbytes(200_000)  # noqa: S311 - test data


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """Run a server that publishes one file."""
    with faulty_server() as running:
        running.publish(PATH, Published(content=ONE))
        yield running


def web(server: FaultyServer, tmp_path: Path, path: str = PATH) -> WebFile:
    """Return the source of one file of the server."""
    return WebFile(addresses=(Address.parse(server.url + path),), spool=tmp_path / "spool", patience=HASTE)


def silent(_done: int, _total: int | None) -> None:
    """Show no progress."""


def fetched(source: WebFile) -> Fetched:
    """Look and fetch."""
    return source.fetch(source.look(), silent)


def assert_is(file: Fetched, content: bytes) -> None:
    """Check bytes, size and checksum."""
    assert file.path.read_bytes() == content
    assert file.info.bytes == len(content)
    assert file.info.sha256 == hashlib.sha256(content).hexdigest()


def ranges(server: FaultyServer) -> list[tuple[str | None, str | None]]:
    """Return Range and If-Range of every GET."""
    gets = [request.headers for request in server.requests if request.method == "GET"]
    return [(headers.get("range"), headers.get("if-range")) for headers in gets]


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


def test_a_cut_download_goes_on_where_it_stopped(server: FaultyServer, tmp_path: Path) -> None:
    """After a cut the rest is asked for by Range, on condition of the same ETag."""
    server.script["GET"] = [Fault(cut_after=70_000), Fault(cut_after=50_000)]
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert ranges(server) == [(None, None), ("bytes=70000-", '"one"'), ("bytes=120000-", '"one"')]


def test_a_connection_that_is_cut_again_and_again_gets_there(server: FaultyServer, tmp_path: Path) -> None:
    """Attempts are counted anew after progress: 10 cuts are fine where 4 attempts are allowed."""
    server.always["GET"] = Fault(cut_after=20_000)
    server.script["GET"] = [Fault(cut_after=20_000)] * 9
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert len(ranges(server)) == 10


def test_a_next_run_goes_on_where_the_last_one_failed(server: FaultyServer, tmp_path: Path) -> None:
    """A part survives its process; its bytes enter the checksum."""
    server.script["GET"] = [Fault(cut_after=100_000)] + [Fault(status=503)] * 7
    with pytest.raises(SourceUnreachable, match="503") as caught:
        fetched(web(server, tmp_path))
    assert "100,000 bytes stay in the spool" in str(caught.value)
    server.script["GET"] = []
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert ranges(server)[-1] == ("bytes=100000-", '"one"')


def test_ctrl_c_leaves_the_part(server: FaultyServer, tmp_path: Path) -> None:
    """An interrupted download raises at once, and the next one goes on."""

    def interrupt(done: int, _total: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    source = web(server, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        source.fetch(source.look(), interrupt)
    assert_is(fetched(source), ONE)
    first, second = ranges(server)
    assert first == (None, None)
    assert int(str(second[0]).removeprefix("bytes=").removesuffix("-")) > 100_000


def test_a_file_that_changes_between_two_attempts_is_not_mixed(server: FaultyServer, tmp_path: Path) -> None:
    """If-Range makes a good server send the new version whole; its validators are recorded."""
    server.script["GET"] = [
        Fault(cut_after=70_000),
        Fault(before=lambda: server.publish(PATH, Published(content=TWO, etag='"two"'))),
    ]
    file = fetched(web(server, tmp_path))
    assert_is(file, TWO)
    assert file.info.etag == '"two"'


@pytest.mark.parametrize(
    "changed",
    [
        Published(content=TWO, etag='"two"'),
        Published(content=TWO, etag=None),
        Published(content=TWO, last_modified="Wed, 06 Feb 2019 10:00:00 GMT"),
    ],
)
def test_a_server_that_ignores_if_range_does_not_mix_versions(
    changed: Published, server: FaultyServer, tmp_path: Path
) -> None:
    """A 206 with another ETag or date, or without the ETag, is thrown away and the file asked for whole."""
    server.script["GET"] = [
        Fault(cut_after=70_000),
        Fault(before=lambda: server.publish(PATH, changed), ignore_condition=True),
    ]
    assert_is(fetched(web(server, tmp_path)), changed.content)
    assert [asked for asked, _ in ranges(server)] == [None, "bytes=70000-", None]


def test_a_range_that_begins_elsewhere_is_not_appended(server: FaultyServer, tmp_path: Path) -> None:
    """A 206 must begin where the part ends."""
    server.script["GET"] = [Fault(cut_after=70_000), Fault(shift_range=-7)]
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert ranges(server)[-1] == (None, None)


def test_a_file_that_became_shorter_starts_again(server: FaultyServer, tmp_path: Path) -> None:
    """416 says that there is nothing after the part: its bytes are not those of the file now."""
    server.script["GET"] = [
        Fault(cut_after=70_000),
        Fault(before=lambda: server.publish(PATH, Published(content=TWO[:500], etag='"two"')), ignore_condition=True),
    ]
    assert_is(fetched(web(server, tmp_path)), TWO[:500])


def test_a_server_that_ignores_range_starts_again(server: FaultyServer, tmp_path: Path) -> None:
    """A 200 to a range request is the whole file."""
    server.script["GET"] = [Fault(cut_after=70_000), Fault(ignore_range=True)]
    assert_is(fetched(web(server, tmp_path)), ONE)


@pytest.mark.parametrize(
    ("file", "condition"),
    [
        (Published(content=ONE, etag='W/"one"', last_modified=None), None),
        (Published(content=ONE, etag=None, last_modified=None), None),
        # A day ahead: these dates are made when tests are collected, minutes before they run.
        (Published(content=ONE, etag=None, last_modified=http_date(86_400)), None),
        (Published(content=ONE, etag='W/"one"'), "Tue, 05 Feb 2019 10:00:00 GMT"),
        (Published(content=ONE, etag=None), "Tue, 05 Feb 2019 10:00:00 GMT"),
    ],
    ids=["weak", "none", "too young a date", "weak and date", "date"],
)
def test_only_a_strong_validator_lets_a_download_go_on(
    file: Published, condition: str | None, server: FaultyServer, tmp_path: Path
) -> None:
    """A weak ETag, or a date that is not clearly past, proves nothing about bytes: the download starts again."""
    server.publish(PATH, file)
    server.script["GET"] = [Fault(cut_after=70_000)]
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert ranges(server)[1] == (("bytes=70000-", condition) if condition else (None, None))


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


def test_a_complete_part_is_finished_without_a_download(server: FaultyServer, tmp_path: Path) -> None:
    """An engine that died between the last byte and the move left everything; an unchanged file needs no more."""
    server.script["GET"] = [Fault(cut_after=199_999), Fault(status=403)]
    with pytest.raises(SourceUnreachable):
        fetched(web(server, tmp_path))
    (part,) = (tmp_path / "spool").rglob("*.part")
    part.write_bytes(ONE)
    assert_is(fetched(web(server, tmp_path)), ONE)
    assert server.methods().count("GET") == 2


def test_a_complete_part_of_an_old_version_is_thrown_away(server: FaultyServer, tmp_path: Path) -> None:
    """A part that cannot be continued and is not the file of now is dropped before anything is asked."""
    server.script["GET"] = [Fault(cut_after=199_999), Fault(status=403)]
    with pytest.raises(SourceUnreachable):
        fetched(web(server, tmp_path))
    (part,) = (tmp_path / "spool").rglob("*.part")
    part.write_bytes(ONE)
    server.publish(PATH, Published(content=TWO, etag='"two"'))
    assert_is(fetched(web(server, tmp_path)), TWO)
    assert ranges(server)[-1] == (None, None)


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
