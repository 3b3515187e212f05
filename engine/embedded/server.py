"""Starting, sharing and stopping the embedded PostgreSQL.

Three files beside the data carry locks (flock), which the kernel takes back from whoever ends, however they end:

    users.lock    held shared by every process that uses the server
    start.lock    held by the one that makes or starts it
    server.lock   held by the server's own processes; free means that none of them lives

So no process number has to be believed: after a crash or a reboot the number in `postmaster.pid` may belong to anybody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from engine.embedded import cluster
from engine.embedded.programs import ENVIRONMENT, owner, program, runner
from engine.errors import TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.embedded.programs import Runner

DATABASE = "engine"

_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"
_KEEPER = Path(__file__).with_name("keeper.py")
# A socket's whole path fits into 104 bytes with its final zero on macOS, 108 on Linux (unix(7)).
_SOCKET_PATH_BYTES = 100
_TEMPORARY = "engine-postgres-"
_POLL_SECONDS = 0.01
_START_SECONDS = 600.0  # replaying the log of a killed load may take minutes
_STOP_SECONDS = 120.0
_LOG_BYTES = 1_000_000
_LOG_LINES = 8


@dataclass(frozen=True, slots=True)
class Server:
    """The embedded PostgreSQL of one folder.

    Args:
        folder: Where data, log and locks live; made at the first start. Its parents keep owner and mode.

    """

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Keep the server running, yield its URL, and stop it at the end where nobody else uses it.

        Yields:
            A libpq URL with a superuser, over a Unix socket. Never compute it: where the folder's path is long, the
            socket lies elsewhere.

        Raises:
            TargetUnreachable: It cannot be set up or does not start.

        """
        with contextlib.ExitStack() as use:
            try:
                self._make_folder()
                users = self._file("users.lock")
                use.callback(self._stop_unless_used)
                use.enter_context(_locked(users, fcntl.LOCK_SH))
                url = self._started()
            except OSError as error:
                message = f"the embedded PostgreSQL's folder cannot be used: {error.strerror}"
                raise TargetUnreachable(
                    message,
                    facts={"path": str(error.filename or self.folder)},
                    next_step="set ENGINE_HOME to a folder of yours, or name a server with --to postgresql://...",
                ) from error
            yield url

    def _make_folder(self) -> None:
        """Make the folder where it is missing; what is inside is closed to others, so entering it may be allowed."""
        if not self.folder.is_dir():
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)

    def _file(self, name: str) -> IO[bytes]:
        """Open a file of ours, as the server's account would have made it."""
        path = self.folder / name
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "ab+")
        owner(self.data).own(path)
        return file

    def _started(self) -> str:
        """Return the URL of the running server, after starting it where it is not."""
        deadline = time.monotonic() + _START_SECONDS
        launched_at: int | None = None
        with _locked(self._file("start.lock"), fcntl.LOCK_EX):
            while time.monotonic() < deadline:
                with _locked(self._file("server.lock"), fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
                    if free and launched_at is not None:
                        raise self._not_started(launched_at)
                    if free:
                        launched_at = self._launch(free)
                if place := _socket_folder(self.data):
                    return f"postgresql://postgres@/{DATABASE}?host={quote(str(place), safe='')}&port={_PORT}"
                time.sleep(_POLL_SECONDS)
        raise self._not_started(launched_at or 0)

    def _launch(self, lock: IO[bytes]) -> int:
        """Start keeper and server, to whom the lock is handed on; return where in the log they begin to write."""
        who = owner(self.data)
        if not self.data.exists():
            new = cluster.prepare(self.data, who)
            cluster.create(self.data, runner(who, self.folder, new), DATABASE)
        cluster.check_version(self.data)
        cluster.configure(self.data, who)
        _clear_remains(self.data)
        place = _place_for_socket(self.data, who)
        way = runner(who, self.data, place)
        account = f"{way.uid}:{way.gid}" if way.switches else ""
        keeper = [sys.executable, "-I", "-S", str(_KEEPER), str(self.folder / "users.lock")]
        command = [str(program("postgres")), "-D", str(self.data), "-k", _listed(place), "-p", str(_PORT)]
        with self._file("server.log") as log:
            if (written := os.fstat(log.fileno()).st_size) > _LOG_BYTES:
                log.truncate(written := 0)
            subprocess.run(  # noqa: S603 - our own programs
                [*keeper, "" if place == self.data else str(place), account, *way.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],
                cwd="/",
                env=ENVIRONMENT,
                check=True,
            )
        return written

    def _not_started(self, log_from: int) -> TargetUnreachable:
        said = self.log.read_bytes()[log_from:].decode(errors="replace").splitlines()[-_LOG_LINES:]
        return TargetUnreachable(
            "the embedded PostgreSQL did not start",
            facts={"folder": str(self.folder), "log": "\n".join([str(self.log), *said])},
            state="its data is as it was",
            next_step="mend what the log says, or set ENGINE_HOME to another folder, then run this again",
        )

    def _stop_unless_used(self) -> None:
        """Stop the server and wait for its end, unless somebody else uses it.

        The keeper would stop it as well; waiting here means that no server outlives a container's first process, and
        the signal that the killing of a keeper changes nothing.
        """
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            with _locked(self._file("users.lock"), fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
                if alone and not self._alive():
                    return
                if alone and (pid := _postmaster(self.data)):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGINT)  # fast shutdown; said twice, it is the same
            if not alone:
                with _locked(self._file("users.lock"), fcntl.LOCK_SH | fcntl.LOCK_NB) as used:
                    if used:
                        return
                with _locked(self._file("users.lock"), fcntl.LOCK_SH):  # the keeper is stopping it
                    return
            time.sleep(_POLL_SECONDS)

    def _alive(self) -> bool:
        with _locked(self._file("server.lock"), fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
            return free is None


@contextlib.contextmanager
def _locked(file: IO[bytes], kind: int) -> Iterator[IO[bytes] | None]:
    """Hold a lock on an open file until it is closed here and in every process that inherited it; None: not got."""
    with file:
        try:
            fcntl.flock(file, kind)
        except BlockingIOError:
            got = None
        else:
            got = file
        yield got


def _pid_file(data: Path) -> list[str]:
    """Return the lines of `postmaster.pid`: number, data, start, port, socket folder, address, memory, status."""
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _postmaster(data: Path) -> int | None:
    """Return the server's process number; only to be trusted while `server.lock` is held."""
    lines = _pid_file(data)
    return int(lines[0]) if lines and lines[0].isdigit() and int(lines[0]) > 1 else None


def _socket_folder(data: Path) -> Path | None:
    """Return where the server listens; None while it does not."""
    match _pid_file(data):
        case [_, _, _, _, place, _, _, status, *_] if status.strip() == "ready":
            with socket.socket(socket.AF_UNIX) as client:
                try:
                    client.connect(f"{place}/{_SOCKET}")
                except OSError:
                    return None
            return Path(place)
    return None


def _place_for_socket(data: Path, who: Runner) -> Path:
    """Return the data folder, or a private one with a short path where libpq could not use that.

    libpq reads a comma in `host` as the end of one host.
    """
    path = os.fsencode(data / _SOCKET)
    if len(path) <= _SOCKET_PATH_BYTES and b"," not in path:
        return data
    place = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
    who.own(place)
    return place


def _listed(place: Path) -> str:
    """Quote a folder as an element of PostgreSQL's lists."""
    return '"' + str(place).replace('"', '""') + '"'


def _clear_remains(data: Path) -> None:
    """Remove what a killed server left; only to be called while `server.lock` is held, so none of ours lives."""
    match _pid_file(data):
        case [pid, _, _, _, place, *_]:
            if _is_postgres(pid, data):
                return  # started by hand: PostgreSQL itself will say so
            if Path(place).name.startswith(_TEMPORARY):
                shutil.rmtree(place, ignore_errors=True)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _is_postgres(pid: str, data: Path) -> bool:
    """Tell whether a living process works in the data folder, as every postmaster does."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False
