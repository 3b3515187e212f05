"""PostgreSQL and pgbouncer as distributions ship them, started for one test or one session, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_START_SECONDS = 30.0
_SETTINGS = ("fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1", "max_connections=40")


def installed() -> Path | None:
    """Return the folder of the newest locally installed server's programs; None where there is none."""
    found = [path for place in _PLACES for path in sorted(Path("/").glob(place[1:])) if (path / "initdb").exists()]
    return max(found, key=lambda path: int("".join(c for c in path.parts[-2] if c.isdigit()) or 0), default=None)


def account() -> str | None:
    """Return the user to run servers as; None: this one, which is not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("servers do not run as root, and there is no account to run them")


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a folder that the account which runs servers can enter.

    It does not lie below pytest's: whoever starts another pytest on this machine closes that to all other accounts.
    """
    with tempfile.TemporaryDirectory(prefix="engine-tests-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        yield Path(place)


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LocalServer:
    """A server of its own; `start`, `stop` and again.

    Args:
        programs: Folder with `initdb` and `postgres`.
        folder: Its place; the account can enter it.

    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._user = account()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        if self._user:
            shutil.chown(folder, self._user)
        options = ("-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync")
        subprocess.run(  # noqa: S603 - the server of this machine
            [programs / "initdb", "-D", self._data, *options],
            check=True,
            capture_output=True,
            user=self._user,
            cwd="/",
        )

    def encrypt(self, certificate: Path, key: Path) -> None:
        """From the next start on, answer with this certificate and take encrypted connections over TCP only."""
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            place = self._data / name
            shutil.copyfile(source, place)
            place.chmod(0o600)
            if self._user:
                shutil.chown(place, self._user)
        (self._data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write("ssl = on\n")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        self._process = subprocess.Popen(  # noqa: S603 - the server of this machine
            [self._programs / "postgres", "-D", self._data, "-p", str(self.port), "-k", self._data, *settings],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            cwd="/",
        )
        _wait_for(self.url)

    def stop(self, signal_number: int) -> None:
        """Send a signal to its first process and wait for the end: 2 is a fast shutdown, 3 an immediate one."""
        if self._process is not None:
            self._process.send_signal(signal_number)
            self._process.wait(_START_SECONDS)
            self._process = None


@contextmanager
def pooler(server_url: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a pgbouncer in transaction mode before a server."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    user, port = account(), free_port()
    address = psycopg.conninfo.conninfo_to_dict(server_url)
    target = " ".join(f"{key}={address[key]}" for key in ("host", "port", "dbname", "user") if address.get(key))
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\npooled = {target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"auth_type = any\npool_mode = transaction\nunix_socket_dir =\nauth_file = {folder}/users.txt\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    process = subprocess.Popen(  # noqa: S603 - the server of this machine
        [program, folder / "pgbouncer.ini"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        cwd="/",
    )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/pooled"
        _wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
