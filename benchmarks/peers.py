"""Peers in an environment of their own, made once; one that cannot be had is left out, and the result says so."""

from __future__ import annotations

import subprocess
import sys
import venv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The newest version whose PostgreSQL extension comes as a wheel: nothing is downloaded at run time.
DUCKDB = "1.5.5"
_PACKAGES = (f"duckdb=={DUCKDB}", f"duckdb-extension-postgres-scanner=={DUCKDB}", f"duckdb-extensions=={DUCKDB}")


def duckdb_python(work: Path) -> Path | None:
    """Return a Python that has DuckDB with its PostgreSQL extension; None: it cannot be had here."""
    folder = work / "peers" / f"duckdb-{DUCKDB}"
    python, stamp = folder / "bin" / "python", folder / "complete"
    if stamp.exists():
        return python
    print("making an environment for DuckDB with its PostgreSQL extension ...", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 - pip of the environment just made
        return None
    stamp.touch()
    return python
