"""Downloads that are cut: they go on where they stopped, and never mix two versions of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.errors import SourceUnreachable
from tests.faulty_http import Fault, FaultyServer, Published, http_date
from tests.unit.downloads import ONE, PATH, TWO, assert_is, fetched, ranges, web

if TYPE_CHECKING:
    from pathlib import Path


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
