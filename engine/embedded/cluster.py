"""The data of the embedded PostgreSQL: how it is made, and how the server is set.

Guarantees: the folder `data` appears whole or not at all; data of another major version is refused, not touched.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.embedded.programs import MAJOR, program
from engine.errors import TargetUnreachable

if TYPE_CHECKING:
    from pathlib import Path

    from engine.embedded.programs import Runner

_MB = 1024 * 1024
_SHARED_BUFFERS_MB = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of the server, and why it is not PostgreSQL's default."""

    name: str
    value: str
    reason: str


def _shared_buffers() -> str:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MB
    return f"{max(128, min(_SHARED_BUFFERS_MB, memory_mb // 8))}MB"


# fsync, synchronous_commit, full_page_writes and autovacuum stay as PostgreSQL has them: a receipt is a promise.
SETTINGS = (
    Setting(name="listen_addresses", value="", reason="no TCP: only who may enter the socket's folder gets in"),
    Setting(name="unix_socket_permissions", value="0700", reason="the same, should the folder ever be opened"),
    Setting(name="wal_level", value="minimal", reason="no replicas: a COPY into a table of its transaction skips WAL"),
    Setting(name="max_wal_senders", value="0", reason="wal_level minimal demands it"),
    Setting(name="max_wal_size", value="8GB", reason="with 1 GB, checkpoints fall into the middle of every month"),
    Setting(name="checkpoint_timeout", value="30min", reason="the same; the last user's end makes one anyway"),
    Setting(name="shared_buffers", value=_shared_buffers(), reason="1/8 of memory, at most 512 MB: laptops"),
    Setting(name="maintenance_work_mem", value="512MB", reason="a month's unique index sorts in memory"),
    Setting(name="max_parallel_maintenance_workers", value="2", reason="more take cores from decoding"),
    Setting(name="work_mem", value="64MB", reason="hash anti-joins over a month's ids; few connections"),
    Setting(name="max_logical_replication_workers", value="0", reason="one process less"),
    Setting(name="jit", value="off", reason="compiling costs more than it gives to queries over one month"),
    Setting(name="timezone", value="UTC", reason="the same answers on every machine"),
    Setting(name="log_timezone", value="UTC", reason="the same"),
    Setting(name="log_checkpoints", value="off", reason="the log holds what went wrong and little else"),
)


def create(data: Path, runner: Runner, database: str) -> None:
    """Make a cluster with one empty database; nothing is left where that fails or dies, but a `.new` folder.

    Args:
        data: Where it will be; its parent exists.
        runner: Runs initdb; the account behind it becomes the owner.
        database: Name of the database.

    Raises:
        TargetUnreachable: initdb did not succeed; its words are in the error.

    """
    new = unfinished(data)
    options = ("-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-instructions")
    provider = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    steps: tuple[tuple[tuple[str | Path, ...], str], ...] = (
        ((program("initdb"), "-D", new, *options, *provider), ""),
        ((program("postgres"), "--single", "-D", new, "postgres"), f'CREATE DATABASE "{database}"\n'),
    )
    for command, text in steps:
        done = runner.run(*command, text=text)
        if done.returncode != 0 or "ERROR:" in done.stdout:
            message = "the embedded PostgreSQL could not be set up"
            raise TargetUnreachable(
                message,
                facts={"folder": str(data), "said": "\n".join(done.stdout.splitlines()[-5:])},
                next_step="mend what it says, or set ENGINE_HOME to another folder, then run this again",
            )
    new.rename(data)


def prepare(data: Path, who: Runner) -> Path:
    """Return the empty folder that `create` works in, of mode 700 and the server's own."""
    new = unfinished(data)
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    who.own(new)
    return new


def unfinished(data: Path) -> Path:
    """Return where a cluster is made before it becomes `data`."""
    return data.with_name(data.name + ".new")


def check_version(data: Path) -> None:
    """Refuse data that another major version of PostgreSQL wrote.

    Raises:
        TargetUnreachable: It is such data, or not PostgreSQL's at all.

    """
    try:
        found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        found = f"no version ({error.strerror})"
    if found != MAJOR:
        message = "the embedded PostgreSQL cannot read its data"
        raise TargetUnreachable(
            message,
            facts={"folder": str(data), "expected": f"PostgreSQL {MAJOR}", "found": found},
            state="the data was not touched",
            next_step="dump it with the engine that wrote it, or move the folder away and load the months again",
        )


def configure(data: Path, who: Runner) -> None:
    """Write the server's settings; `ALTER SYSTEM` goes before them."""
    lines = [f"# {setting.reason}\n{setting.name} = '{setting.value}'\n" for setting in SETTINGS]
    new = data / "postgresql.conf.new"
    new.write_text("# Written at every start; use ALTER SYSTEM for settings of your own.\n\n" + "\n".join(lines))
    new.chmod(0o600)
    who.own(new)
    new.rename(data / "postgresql.conf")
