"""`python -m benchmarks --rows N`: all contestants side by side, round after round, on one machine in one run.

Results are written after each round, so that a run that is stopped has shown something.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import database, peers, report
from benchmarks.parts import Ground
from benchmarks.parts.again import Again
from benchmarks.parts.cloud import Cloud
from benchmarks.parts.formats import Formats
from benchmarks.parts.identity import Identity
from benchmarks.parts.memory import Memory
from benchmarks.parts.months import Months
from benchmarks.parts.parquet import Parquet
from benchmarks.parts.postgres import Postgres
from benchmarks.place import ROOT, Workplace, machine
from engine.embedded import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.measure import Run
    from benchmarks.parts import Part

PARTS: dict[str, Callable[[Ground], Part]] = {
    "parquet": Parquet,
    "identity": Identity,
    "postgres": Postgres,
    "formats": Formats,
    "again": Again,
    "memory": Memory,
    "months": Months,
    "cloud": Cloud,
}
_NEED_SERVER = {"postgres", "formats", "again", "memory", "months"}
_ROWS = 7_667_792


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that were asked for and write what they say."""
    asked = _parser().parse_args(arguments)
    names = [name for name in PARTS if name in asked.only]
    work = Workplace(asked.work.absolute())
    work.folder.mkdir(parents=True, exist_ok=True)
    facts = machine(asked.rows, asked.rounds)
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_server(work)) if _NEED_SERVER & set(names) else ""
        if url:
            facts["postgresql"] = database.version(url)
        peer = peers.duckdb_python(work.folder) if "postgres" in names else None
        if peer:
            facts["duckdb to postgresql"] = peers.DUCKDB
        ground = Ground(work=work, rows=asked.rows, url=url, peer=peer, ten_times=asked.ten_times)
        parts = {name: PARTS[name](ground) for name in names}
        work.sample(asked.rows)
        _warm(work)
        runs: dict[str, dict[str, list[Run]]] = {name: defaultdict(list) for name in names}
        # What is run once comes last: nothing long stands between the rounds.
        for number in range(1, asked.rounds + 2):
            for name, part in parts.items():
                _round(number, name, part, runs[name], once=number > asked.rounds)
            result = report.result(facts, parts, runs)
            report.write(result, asked.out)
    print(report.markdown(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=_ROWS, help="rows of the generated month")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant is run; medians count")
    parser.add_argument("--only", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--out", type=Path, help="the JSON file; .md and .svg are written beside it")
    parser.add_argument("--work", type=Path, default=ROOT / "work", help="folder for samples, server and targets")
    parser.add_argument("--ten-times", action="store_true", help="memory: also PostgreSQL with ten times the rows")
    return parser


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(PARTS):
        message = f"there is no part {', '.join(sorted(unknown))}"
        raise argparse.ArgumentTypeError(message)
    return names


@contextlib.contextmanager
def _server(work: Workplace) -> Iterator[str]:
    with Server(work.folder / "postgres").running() as url:
        yield url


def _warm(work: Workplace) -> None:
    """Have every kernel compiled before anything is measured."""
    command = [sys.executable, "-m", "engine.warm"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **work.environment})  # noqa: S603 - the engine itself


def _round(number: int, name: str, part: Part, runs: dict[str, list[Run]], *, once: bool) -> None:
    for contestant in part.contestants():
        if contestant.once != once:
            continue
        os.sync()
        run = contestant.run()
        runs[contestant.name].append(run)
        turn = "once" if once else number
        line = f"{turn:>4}  {name:8}  {contestant.name:30}  {run.wall_seconds:8.2f} s  {run.peak_mb:6.0f} MB"
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
