"""One ingest in a process of its own, which can be told to die at any step that leaves a trace.

Arguments: FOLDER URL SCHEMA MONTH [--mode MODE | --serve]. A step is a statement of the publishing connection, the
start or the end of a COPY, or a file that is created, flushed, renamed or removed under the target's folder. An ingest
prints its state and its number of steps, or kills itself with SIGKILL before a step.

Serving, the process reads lines `MODE STEP` and runs each in a fork of itself, which saves the imports; it has not used
any thread of Polars or Arrow by then, so forking is safe. A step of 0 kills nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import requests.adapters
from psycopg import sql

from engine import catalog
from engine.ingest import Request, ingest
from engine.month import Month
from engine.settings import Settings, from_environment
from engine.targets import Place
from engine.watch import Nobody

if TYPE_CHECKING:
    from collections.abc import Callable

for module in (
    "engine.sinks.postgres.sink",
    "engine.sinks.parquet.sink",
    "engine.ledger",
    "adbc_driver_postgresql.dbapi",
):
    import_module(module)


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


def _wrap(owner: Any, name: str, steps: Steps, counts: Callable[..., bool] = lambda *_: True) -> None:  # noqa: ANN401 - a class or a module
    """Take a step before each call that counts."""
    original = getattr(owner, name)

    def stepping(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the original takes
        if counts(*arguments):
            steps.here()
        return original(*arguments, **options)

    setattr(owner, name, stepping)


def _writes(connection: psycopg.Connection[Any], query: Any, *_: object) -> bool:  # noqa: ANN401 - all that psycopg takes
    """Tell whether a statement may leave a trace; to die before one that only reads is to die after the last write."""
    text = query if isinstance(query, str) else sql.as_string(query, connection)
    return "pg_try_advisory_lock" in text or not text.lstrip().startswith(("SELECT", "SET", "--"))


def _instrument(steps: Steps, url: str) -> None:
    if "://" in url and not url.startswith("postgresql:"):
        # What the engine sends by itself while it waits is no step of the load.
        main = threading.main_thread()
        _wrap(
            requests.adapters.HTTPAdapter,
            "send",
            steps,
            # To die before a request that only reads is to die after the last one that writes.
            lambda _, request, *__: request.method != "GET" and threading.current_thread() is main,
        )
        return
    if url.startswith("postgresql:"):
        _wrap(psycopg.Connection, "execute", steps, _writes)
        # A transaction's end is no statement for psycopg, but it is the step that matters most.
        for owner in (psycopg.Copy, psycopg.Transaction):
            _wrap(owner, "__exit__", steps)
        _wrap(psycopg.Copy, "__enter__", steps)
        return
    for name in ("rename", "replace", "unlink", "mkdir"):
        _wrap(os, name, steps, lambda *paths: any(str(path).startswith(url) for path in paths))
    _wrap(os, "fsync", steps)

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        # pathlib opens files by `io.open`, which is no attribute of `os`; auditing sees it.
        if event == "open" and str(arguments[0]).startswith(url) and "w" in str(arguments[1]):
            steps.here()

    sys.addaudithook(audited)


def _once(given: argparse.Namespace, mode: str, die_at: int) -> int:
    """Run one ingest, say how it went, and return the exit code of the command line."""
    steps = Steps(die_at)
    _instrument(steps, given.url)
    folder = Path(given.folder)
    result = ingest(
        Request(
            dataset=catalog.load(folder / "trips.toml"),
            month=Month.parse(given.month),
            to=Place(
                url=given.url,
                schema=given.schema,
                lock_wait_seconds=5.0,
                lease_seconds=float(os.environ["ENGINE_TEST_LEASE_SECONDS"]),
            ),
            location=str(folder / "in"),
            mode="append" if mode == "append" else "replace",
        ),
        Settings(
            data=folder / "home",
            cache=folder / "home" / "cache",
            datasets=(),
            postgres_named=False,
            cloud=from_environment().cloud,
        ),
        Nobody(),
    )
    sys.stdout.write(f"{result.receipt.state.value} {steps.count}\n")
    sys.stdout.flush()
    sys.stderr.write(str(result.error or ""))
    return result.error.exit_code if result.error else 0


def _serve(given: argparse.Namespace) -> None:
    """Run an ingest in a fork of this process for each line `MODE DIE`, and say how it ended."""
    for line in sys.stdin:
        mode, die_at = line.split()
        if (pid := os.fork()) == 0:
            code = 1
            try:
                code = _once(given, mode, int(die_at))
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def main() -> int:
    """Run one ingest, or serve."""
    parser = argparse.ArgumentParser()
    for name in ("folder", "url", "schema", "month"):
        parser.add_argument(name)
    parser.add_argument("--mode", default="replace")
    parser.add_argument("--serve", action="store_true")
    given = parser.parse_args()
    if not given.serve:
        return _once(given, given.mode, 0)
    _serve(given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
