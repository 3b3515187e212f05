"""One ingest in a process of its own, which can be told to die at any step that leaves a trace.

Arguments: FOLDER URL SCHEMA MONTH [--mode MODE] [--die N]. A step is a statement of the publishing connection, the
start or the end of a COPY, or a file that is created, flushed, renamed or removed under the target's folder. The
process prints `steps N` at its end, or kills itself with SIGKILL before step N.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg

from engine import catalog
from engine.ingest import Request, ingest
from engine.month import Month
from engine.settings import Settings
from engine.targets import Place
from engine.watch import Nobody


class Steps:
    """Counts the steps, and dies before one of them."""

    def __init__(self, die_at: int) -> None:
        self.count = 0
        self._die_at = die_at

    def here(self) -> None:
        """Take one step."""
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def _wrap(owner: Any, name: str, steps: Steps, root: str = "") -> None:  # noqa: ANN401 - a class or a module
    """Take a step before each call; for functions of paths only under `root`."""
    original = getattr(owner, name)

    def stepping(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the original takes
        if not root or any(str(a).startswith(root) for a in arguments if isinstance(a, (str, os.PathLike))):
            steps.here()
        return original(*arguments, **options)

    setattr(owner, name, stepping)


def _instrument(steps: Steps, url: str) -> None:
    if url.startswith("postgresql:"):
        for owner, name in ((psycopg.Connection, "execute"), (psycopg.Copy, "__enter__"), (psycopg.Copy, "__exit__")):
            _wrap(owner, name, steps)
        return
    for name in ("rename", "replace", "unlink", "mkdir", "open"):
        _wrap(os, name, steps, url)

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        # pathlib opens files by `io.open`, which is not the module's attribute; auditing sees it.
        if event == "open" and str(arguments[0]).startswith(url) and arguments[1] and "w" in str(arguments[1]):
            steps.here()

    sys.addaudithook(audited)
    _wrap(os, "fsync", steps)


def main() -> int:
    """Run it and return the exit code of the command line."""
    parser = argparse.ArgumentParser()
    for name in ("folder", "url", "schema", "month"):
        parser.add_argument(name)
    parser.add_argument("--mode", default="replace")
    parser.add_argument("--die", type=int, default=0)
    given = parser.parse_args()
    steps = Steps(given.die)
    _instrument(steps, given.url)
    folder = Path(given.folder)
    result = ingest(
        Request(
            dataset=catalog.load(folder / "trips.toml"),
            month=Month.parse(given.month),
            to=Place(url=given.url, schema=given.schema, lock_wait_seconds=5.0),
            location=str(folder / "in"),
            mode=given.mode,
        ),
        Settings(data=folder / "home", cache=folder / "home" / "cache", datasets=(), postgres_named=False),
        Nobody(),
    )
    sys.stdout.write(f"{result.receipt.state.value} steps {steps.count}\n")
    sys.stderr.write(str(result.error or ""))
    return result.error.exit_code if result.error else 0


if __name__ == "__main__":
    sys.exit(main())
