"""What is measured, and how one process is: wall clock, CPU, peak memory, and what the process says of itself.

Guarantee: a run that fails ends the benchmark with the program's own words; no failed run becomes a number.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.place import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_KIB = 1024
_MB = 1_000_000
# Starts the program and measures it. A process's peak memory begins with that of the one which it was forked from
# (Linux counts it when the program is replaced), and a benchmark that holds servers is large: this one is small.
_LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
child = os.fork()
if child == 0:
    os.execvpe(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
seen = {"wall": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime, "peak_kib": usage.ru_maxrss}
os.write(int(sys.argv[1]), json.dumps(seen).encode())
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one contestant.

    Attributes:
        wall_seconds: From the start of the process to its end.
        inside_seconds: The work alone, after imports, by the program's own clock.
        cpu_seconds: User and system time of the process, its children included, servers not.
        peak_mb: Peak resident memory of the process, in millions of bytes.
        rows: Rows that were in the target afterwards, counted there.
        said: What the program printed.

    """

    wall_seconds: float
    inside_seconds: float
    cpu_seconds: float
    peak_mb: float
    rows: int = 0
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that the issue asks for.

    Attributes:
        name: What it says.
        value: The number; None where a contestant could not be had.
        unit: Of the number; empty for a ratio.
        low: Least value that meets the target.
        high: Greatest value that meets the target.
        note: What a reader must know about it.

    """

    name: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is no value or no target."""
        if self.value is None or (self.low is None and self.high is None):
            return None
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)

    @property
    def target(self) -> str:
        """The target for people."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}{self.unit}"
        if self.low is not None:
            return f">= {self.low:g}{self.unit}"
        return f"<= {self.high:g}{self.unit}" if self.high is not None else ""


class ContestantFailedError(Exception):
    """A program that was to be measured ended with an error."""


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a program that prints one JSON object with `seconds`, a number or an object that has `total`.

    Args:
        command: The program and its arguments.
        environment: Variables for it besides this process's own.

    Raises:
        ContestantFailedError: It did not end with 0.

    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as seen:
        process = subprocess.run(  # noqa: S603 - programs of this package
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(seen.fileno()), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=ROOT.parent,
            env={**os.environ, **(environment or {})},
            pass_fds=[seen.fileno()],
            check=False,
        )
        texts = [(file.seek(0), file.read().decode(errors="replace"))[1] for file in (out, err, seen)]
    text, words, measured = texts
    if process.returncode:
        message = f"{' '.join(command)} ended with {process.returncode}\n{text}{words}"
        raise ContestantFailedError(message)
    said, usage = json.loads(text), json.loads(measured)
    seconds = said["seconds"]
    return Run(
        wall_seconds=round(usage["wall"], 3),
        inside_seconds=seconds["total"] if isinstance(seconds, dict) else seconds,
        cpu_seconds=round(usage["cpu"], 3),
        peak_mb=round(usage["peak_kib"] * _KIB / _MB, 1),
        said=said,
    )


def median(values: Iterable[float]) -> float | None:
    """Return the median; None where there is nothing."""
    known = list(values)
    return statistics.median(known) if known else None


def ratio(one: float | None, other: float | None) -> float | None:
    """Return one number over another, where both are known."""
    return None if one is None or not other else one / other
