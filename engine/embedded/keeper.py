"""A small process that is PostgreSQL's parent and stops it when nobody uses it any more.

Each user of the server holds a shared lock (flock) on one file; the kernel takes it back from whoever ends, however
they end. The keeper waits for the exclusive lock: it gets it when the last user is gone, and holds it while the server
stops, so that a user who comes meanwhile waits. It is run by path with nothing but the standard library, from a
session of its own, so that no Ctrl-C and no closed terminal reaches the server.

Arguments: the file of the users' lock, a folder to remove at the end (or nothing), user and group number of the server
such as `65534:65534` (or nothing), and the server's command.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

_EXEC_FAILED = 127


def main(users: str, socket_folder: str, account: str, command: list[str]) -> None:
    """Run the server until it ends by itself or its last user is gone."""
    if os.fork() != 0:  # the starter need not wait for us, and never sees us end
        os._exit(0)
    os.setsid()
    users_lock = Path(users).open("rb")  # noqa: SIM115 - held until this process ends
    server = os.fork()
    if server == 0:
        _become(account, command)

    def ended(*_: object) -> NoReturn:
        os.waitpid(server, 0)
        if socket_folder:
            with contextlib.suppress(OSError):
                Path(socket_folder).rmdir()
        os._exit(0)

    def stop(*_: object) -> None:
        os.kill(server, signal.SIGINT)  # PostgreSQL's fast shutdown

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGCHLD, ended)
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(server, os.WNOHANG)[0]:  # it was faster than the handler
            os._exit(0)
    fcntl.flock(users_lock, fcntl.LOCK_EX)
    stop()
    while True:
        time.sleep(60)


def _become(account: str, command: list[str]) -> NoReturn:
    try:
        if account:
            uid, gid = map(int, account.split(":"))
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        os.execv(command[0], command)  # noqa: S606 - the command is the engine's own
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
    os._exit(_EXEC_FAILED)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
