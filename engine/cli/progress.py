"""Progress on stderr: a bar on a terminal, plain lines anywhere else, nothing with `--quiet`; Kestra reads stdout."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from engine.cli.run import say, to_kestra
from engine.watch import Nobody

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from engine.watch import Watch

_LINE_EVERY_SECONDS = 10.0
_MB = 1_000_000


def watching(*, quiet: bool) -> Watch:
    """Return whoever fits stderr."""
    if quiet:
        return Nobody()
    return Bar() if sys.stderr.isatty() and not to_kestra() else Lines()


class Bar:
    """A bar with megabytes, MB/s, rows and time left; a bar that swings where a step's length is not known."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._total: int | None = None
        self._begun = 0.0

    def step(self, name: str, total_bytes: int | None = None) -> None:
        """Show a new step."""
        if self._progress is None:
            self._progress = _bar()
            self._progress.start()
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._total, self._begun = total_bytes, time.monotonic()
        self._task = self._progress.add_task(name, total=total_bytes, done="")

    def progress(self, bytes_done: int, rows: int = 0) -> None:
        """Move the bar."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=bytes_done, done=self._done(bytes_done, rows))

    def end(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None

    def _done(self, bytes_done: int, rows: int) -> str:
        rate = bytes_done / _MB / max(time.monotonic() - self._begun, 0.001)
        of = f" of {self._total / _MB:,.1f}" if self._total else ""
        parts = [f"{rows:,} rows"] if rows else []
        parts += [f"{bytes_done / _MB:,.1f}{of} MB", f"{rate:,.1f} MB/s"] if bytes_done else []
        return "  ".join(parts)


def _bar() -> Progress:
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)


class Lines:
    """A line when a step begins, and one every ten seconds."""

    def __init__(self) -> None:
        self._name = ""
        self._total: int | None = None
        self._begun = self._said = time.monotonic()

    def step(self, name: str, total_bytes: int | None = None) -> None:
        """Say that a step begins."""
        self._name, self._total = name, total_bytes
        self._begun = self._said = time.monotonic()
        size = f" {total_bytes / _MB:,.1f} MB" if total_bytes else ""
        say(f"engine: {name}{size}")

    def progress(self, bytes_done: int, rows: int = 0) -> None:
        """Say how far it is, from time to time."""
        here = time.monotonic()
        if here - self._said < _LINE_EVERY_SECONDS:
            return
        self._said = here
        rate = bytes_done / _MB / (here - self._begun)
        parts = [f"{rows:,} rows"] if rows else []
        parts += [f"{rate:,.1f} MB/s"] if bytes_done else []
        parts += [f"{(self._total - bytes_done) / _MB / rate:,.0f} s left"] if self._total and rate else []
        say(f"engine: {self._name} {', '.join(parts)}")

    def end(self) -> None:
        """Do nothing: the result follows."""
