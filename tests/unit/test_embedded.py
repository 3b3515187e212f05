"""The embedded PostgreSQL, with the real server: start, share, stop, and every way to be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from engine.embedded import DATABASE, SETTINGS, Server, program
from engine.errors import TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER = """
import sys, time
from pathlib import Path
from engine.embedded import Server
with Server(Path(sys.argv[1])).running() as url:
    print(url, flush=True)
    sys.stdin.read()
"""
_PATIENCE_SECONDS = 20.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Give a server of its own, and make sure that none outlives the test."""
    server = Server(tmp_path / "postgres")
    yield server
    assert _stopped(server)


@contextlib.contextmanager
def _user(server: Server) -> Iterator[subprocess.Popen[str]]:
    """Run another process that uses the server until its standard input ends."""
    with subprocess.Popen(  # noqa: S603 - this Python
        [sys.executable, "-c", _USER, str(server.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        yield process


def _postmaster(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def _stopped(server: Server) -> bool:
    """Wait for the end of the server: PostgreSQL removes its file last of all."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (server.data / "postmaster.pid").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _answer(url: str, query: str = "SELECT current_database()") -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def test_first_use_sets_up_and_second_keeps_the_data(server: Server) -> None:
    """A first use makes an empty UTF-8 database, the end of the use stops the server, the next finds what was left."""
    with server.running() as url:
        assert _answer(url) == DATABASE
        assert _answer(url, "SHOW server_encoding") == "UTF8"
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert not (server.data / "postmaster.pid").exists()
    with server.running() as url:
        assert _answer(url, "SELECT one FROM kept") == 1


def test_settings_are_those_of_the_list(server: Server) -> None:
    """Every setting with a reason is the server's, and what makes a commit durable is as PostgreSQL has it."""
    with server.running() as url:
        for setting in SETTINGS:
            assert str(_answer(url, f"SHOW {setting.name}")).lower() == setting.value.lower()
        for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            assert _answer(url, f"SHOW {name}") == "on"


def test_server_is_never_root_and_parents_keep_their_modes(tmp_path: Path) -> None:
    """The server's processes belong to an account that is not root, though a parent folder is closed to everybody."""
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    before = [(place, place.stat().st_mode, place.stat().st_uid) for place in [closed, *closed.parents]]
    server = Server(closed / "engine" / "postgres")
    with server.running() as url:
        assert _answer(url) == DATABASE
        assert Path(f"/proc/{_postmaster(server)}").stat().st_uid == server.data.stat().st_uid != 0
        assert server.data.stat().st_mode & 0o777 == 0o700
    assert [(place, place.stat().st_mode, place.stat().st_uid) for place in [closed, *closed.parents]] == before


def test_two_processes_share_one_server(server: Server) -> None:
    """Two users get the same server, and it goes on until the second ends."""
    with server.running() as url:
        with _user(server):
            number = _postmaster(server)
        assert _postmaster(server) == number
        assert _answer(url) == DATABASE
    assert not (server.data / "postmaster.pid").exists()


def test_nested_uses_in_one_process_count_each(server: Server) -> None:
    """A use within a use does not stop the server at its end."""
    with server.running() as url:
        with server.running() as same:
            assert same == url
        assert _answer(url) == DATABASE


def test_killed_user_neither_stops_nor_keeps_the_server(server: Server) -> None:
    """Killing one of two users leaves the server to the other; killing the last one stops it."""
    with _user(server) as last:
        with _user(server) as first:
            first.kill()
        number = _postmaster(server)
        with server.running() as url:
            assert _answer(url) == DATABASE
        assert _postmaster(server) == number
        last.kill()
    assert _stopped(server)


def test_interrupt_of_the_user_does_not_reach_the_server(server: Server) -> None:
    """Ctrl-C in a terminal goes to the engine's process group, of which the server is no part."""
    with server.running(), _user(server) as user:
        assert os.getpgid(_postmaster(server)) != os.getpgid(user.pid)
        user.send_signal(signal.SIGINT)
        user.wait(_PATIENCE_SECONDS)
        assert (server.data / "postmaster.pid").exists()


def test_server_starts_again_after_it_was_killed(server: Server) -> None:
    """A server killed under its user comes back at the next use with everything that was committed."""
    with server.running() as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        os.kill(_postmaster(server), signal.SIGKILL)
    with server.running() as url:
        assert _answer(url, "SELECT one FROM kept") == 1


def test_number_in_a_stale_file_may_belong_to_anybody(server: Server) -> None:
    """After a reboot the recorded process number may be that of a living stranger: it is not believed."""
    with server.running():
        stale = (server.data / "postmaster.pid").read_text().splitlines()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getppid()), *stale[1:], ""]))
    with server.running() as url:
        assert _answer(url) == DATABASE


def test_half_made_data_is_made_anew(server: Server) -> None:
    """A set-up that was killed before its end does not stand in the way of the next."""
    half = server.folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with server.running() as url:
        assert _answer(url) == DATABASE
    assert not half.exists()


@pytest.mark.parametrize("name", ["x" * 120, "a,b", "with 'quotes\" and space", "äöü"])
def test_any_folder_works(tmp_path: Path, name: str) -> None:
    """A path that is long, or has a comma or quotes in it, still gives a URL that works and leaves no remains."""
    server = Server(tmp_path / name / "postgres")
    with server.running() as url:
        assert _answer(url) == DATABASE
        place = Path(str(_answer(url, "SHOW unix_socket_directories")).strip('"'))
    assert place == server.data or not place.exists()


def test_data_of_another_version_is_refused_untouched(server: Server) -> None:
    """Data of another major version ends as an error that names both versions."""
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(TargetUnreachable, match="16") as caught, server.running():
        pass
    assert caught.value.facts["expected"] == "PostgreSQL 18"
    assert [path.name for path in server.data.iterdir()] == ["PG_VERSION"]


def test_failed_start_shows_what_the_server_said(server: Server) -> None:
    """A server that does not start ends as an error with the last lines of its log and the next step."""
    with server.running():
        pass
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(TargetUnreachable, match="pg_control") as caught, server.running():
        pass
    assert "ENGINE_HOME" in caught.value.next_step


def test_errors_of_the_user_pass_through(server: Server) -> None:
    """An error inside the use stays the user's own, and the server stops all the same."""
    refused = PermissionError(13, "mine")
    with pytest.raises(PermissionError, match="mine"), server.running():
        raise refused
    assert not (server.data / "postmaster.pid").exists()


def test_program_that_is_not_carried_is_named() -> None:
    """Asking for a program that the wheel does not carry says where it was looked for."""
    assert program("psql").name == "psql"
    with pytest.raises(TargetUnreachable, match="bin/nothing"):
        program("nothing")
