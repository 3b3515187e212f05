"""The environment, read once and only here; each key names its variable.

Flags have variables of their own (`ENGINE_` + the flag), which the command line reads (`engine.cli`); libpq reads the
`PG*` variables, OpenSSL `SSL_CERT_FILE`, and httpx `HTTPS_PROXY`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are on this machine.

    Attributes:
        data: What must stay: the embedded PostgreSQL. `ENGINE_HOME`, else the platform's user data folder.
        cache: What can be deleted: spooled months, compiled code. `ENGINE_HOME`, else the user's cache folder.
        datasets: Folders or files with a user's own datasets: `ENGINE_DATASETS`, separated like `PATH`.
        postgres_named: Whether `PGHOST`, `PGSERVICE`, `PGDATABASE` or `PGHOSTADDR` names a server.

    """

    data: Path
    cache: Path
    datasets: tuple[Path, ...]
    postgres_named: bool

    @property
    def spool(self) -> Path:
        """Where files are kept while they are loaded."""
        return self.cache / "spool"

    @property
    def postgres(self) -> Path:
        """Where the embedded PostgreSQL keeps its data."""
        return self.data / "postgres"


def from_environment() -> Settings:
    """Read the environment of this process."""
    home = os.environ.get("ENGINE_HOME")
    datasets = os.environ.get("ENGINE_DATASETS", "")
    return Settings(
        data=Path(home).absolute() if home else platformdirs.user_data_path("engine"),
        cache=Path(home).absolute() / "cache" if home else platformdirs.user_cache_path("engine"),
        datasets=tuple(Path(place) for place in datasets.split(os.pathsep) if place),
        postgres_named=any(os.environ.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")),
    )
