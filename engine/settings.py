"""The environment, read once and only here; each key names its variable.

Flags have variables of their own (`ENGINE_` + the flag), which the command line reads (`engine.cli`); libpq reads the
`PG*` variables, OpenSSL `SSL_CERT_FILE`, and httpx `HTTPS_PROXY`.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from engine.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Who this process is in Google's cloud, and where that is.

    Attributes:
        key: Content of a key, as JSON or base64 of it: `ENGINE_GOOGLE_CREDENTIALS`, or `GOOGLE_APPLICATION_CREDENTIALS`
            where that holds a key and not a path; empty: Application Default Credentials.
        impersonate: Service account to act as: `ENGINE_IMPERSONATE`; empty: nobody else.
        project: Project that pays for requests: `GOOGLE_CLOUD_PROJECT`; empty: the one of the credentials.
        storage: URL of a Cloud Storage emulator: `STORAGE_EMULATOR_HOST`; empty: the real one.
        bigquery: URL of a BigQuery emulator: `BIGQUERY_EMULATOR_HOST`; empty: the real one.
        bigquery_storage: Host and port of its Storage API, without TLS: `BIGQUERY_STORAGE_EMULATOR_HOST`.
        retry_seconds: How long one request is tried again: `ENGINE_RETRY_SECONDS`.
        wait_seconds: Before the second try; doubles from there on.

    """

    key: str = field(default="", repr=False)
    impersonate: str = ""
    project: str = ""
    storage: str = ""
    bigquery: str = ""
    bigquery_storage: str = ""
    retry_seconds: float = 60.0
    wait_seconds: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are on this machine.

    Attributes:
        data: What must stay: the embedded PostgreSQL. `ENGINE_HOME`, else the platform's user data folder.
        cache: What can be deleted: spooled months. `ENGINE_HOME`, else the user's cache folder, else, where that cannot
            be written (a read-only home), one under `TMPDIR`.
        datasets: Folders or files with a user's own datasets: `ENGINE_DATASETS`, separated like `PATH`.
        postgres_named: Whether `PGHOST`, `PGSERVICE`, `PGDATABASE` or `PGHOSTADDR` names a server.
        cloud: Google's cloud.

    """

    data: Path
    cache: Path
    datasets: tuple[Path, ...]
    postgres_named: bool
    cloud: Cloud = field(default_factory=Cloud)

    @property
    def spool(self) -> Path:
        """Where files are kept while they are loaded."""
        return self.cache / "spool"

    @property
    def postgres(self) -> Path:
        """Where the embedded PostgreSQL keeps its data."""
        return self.data / "postgres"


def from_environment() -> Settings:
    """Read the environment of this process.

    Raises:
        UsageError: `ENGINE_HOME` names a place that cannot be written.

    """
    home = os.environ.get("ENGINE_HOME")
    if home and not _writable(Path(home).absolute()):
        message = "ENGINE_HOME cannot be used: no folder can be made or written there"
        raise UsageError(
            message, facts={"path": home}, state="nothing was changed", next_step="set it to a folder of yours"
        )
    datasets = os.environ.get("ENGINE_DATASETS", "")
    return Settings(
        data=Path(home).absolute() if home else platformdirs.user_data_path("engine"),
        cache=Path(home).absolute() / "cache" if home else _cache(),
        datasets=tuple(Path(place) for place in datasets.split(os.pathsep) if place),
        postgres_named=any(os.environ.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")),
        cloud=_cloud(),
    )


def runs_in_kestra() -> bool:
    """Tell that a script task of Kestra started this process: it names the folder it starts commands in."""
    folder = os.environ.get("WORKING_DIR")
    return bool(folder) and Path.cwd() == Path(folder or "")


def _cloud() -> Cloud:
    # A machine that is none of Google's has no metadata server; three tries of three seconds each say so too late.
    os.environ.setdefault("GCE_METADATA_TIMEOUT", "1")
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")
    given = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    return Cloud(
        key=os.environ.get("ENGINE_GOOGLE_CREDENTIALS", "").strip() or (given if given.startswith("{") else ""),
        impersonate=os.environ.get("ENGINE_IMPERSONATE", ""),
        project=os.environ.get("GOOGLE_CLOUD_PROJECT", ""),
        storage=_url(os.environ.get("STORAGE_EMULATOR_HOST", "")),
        bigquery=_url(os.environ.get("BIGQUERY_EMULATOR_HOST", "")),
        bigquery_storage=os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST", "").rpartition("://")[2].rstrip("/"),
        retry_seconds=_seconds("ENGINE_RETRY_SECONDS", 60.0),
    )


def _url(host: str) -> str:
    """Return an emulator's URL; people write it with and without a scheme."""
    return host.rstrip("/") if "://" in host or not host else f"http://{host.rstrip('/')}"


def _seconds(name: str, default: float) -> float:
    text = os.environ.get(name) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"{name} is no number of seconds"
        raise UsageError(message, facts={"found": text}, next_step=f"set it to a number, such as {default:g}")
    return seconds


def _cache() -> Path:
    folder = platformdirs.user_cache_path("engine")
    if _writable(folder):
        return folder
    folder = Path(tempfile.gettempdir()) / f"engine-{os.getuid()}"
    if folder.exists() and folder.stat().st_uid != os.getuid():
        message = "the cache would lie in a folder of somebody else's"
        raise UsageError(message, facts={"path": str(folder)}, next_step="set ENGINE_HOME to a folder of yours")
    return folder


def _writable(folder: Path) -> bool:
    """Tell whether a folder can be made or written, without making anything: its nearest existing parent decides."""
    try:
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
    except OSError:  # it lies where this user may not even look
        return False
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
