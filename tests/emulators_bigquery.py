"""Emulators of BigQuery that others wrote, as judges of our fake: local-bigquery and bqemulator, from PyPI.

Each is installed once into an environment of its own below the user's cache, and started for the length of a block.
Where it cannot be had, whoever asks for it is skipped with the reason.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import platformdirs
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_INSTALL_SECONDS = 600.0
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_DUCKDB = "1.5.5"
# Where a wheel's extension is laid down so that DuckDB finds it without a network.
_LAY_DOWN = """
import sys, duckdb
from duckdb_extensions import import_extension
for name in sys.argv[1:]:
    import_extension(name, con=duckdb.connect())
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Emulator:
    """What is installed and how it is started.

    Attributes:
        package: The package with its version.
        pythons: Versions of Python that it runs on, such as "3.13"; the first that is here is taken.
        extensions: DuckDB's extensions that it needs.
        command: Its command in the environment; {rest}, {grpc} and {folder} are filled in.

    """

    package: str
    pythons: tuple[str, ...]
    extensions: tuple[str, ...]
    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoints:
    """Where an emulator answers: REST's URL, and the Storage APIs' address."""

    url: str
    grpc_address: str


LOCAL_BIGQUERY = Emulator(
    package="local-bigquery==0.4.0",
    pythons=("3.13", "3.14"),
    extensions=("ducklake", "httpfs", "icu", "spatial"),
    command=(
        *("local-bigquery", "--host", "127.0.0.1", "--port", "{rest}", "--grpc-port", "{grpc}"),
        *("--project", "p", "--dataset", "unused", "--data-dir", "{folder}", "serve"),
    ),
)
BQEMULATOR = Emulator(
    package="bqemulator==1.4.0",
    pythons=("3.11", "3.12", "3.13"),
    extensions=("avro", "icu", "spatial"),
    command=(
        *("bqemulator", "start", "--rest-port", "{rest}", "--grpc-port", "{grpc}", "--project", "p"),
        *("--data-dir", "{folder}", "--log-level", "error"),
    ),
)


@contextlib.contextmanager
def running(emulator: Emulator, folder: Path) -> Iterator[Endpoints]:
    """Run an emulator with an empty project `p`; skip where it cannot be had.

    Args:
        emulator: Which one.
        folder: Where its rows and its log lie.

    """
    environment = _installed(emulator)
    rest, grpc = _free_port(), _free_port()
    data = folder / "data"
    data.mkdir(parents=True)
    words = [word.format(rest=rest, grpc=grpc, folder=data) for word in emulator.command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the program that was installed
            [environment / "bin" / words[0], *words[1:]],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "HOME": str(environment)},
        )
        try:
            _wait(process, (rest, grpc), folder / "log")
            yield Endpoints(url=f"http://127.0.0.1:{rest}", grpc_address=f"127.0.0.1:{grpc}")
        finally:
            _stop(process)


def _installed(emulator: Emulator) -> Path:
    """Return the environment in which an emulator is installed; it is its home as well."""
    name = emulator.package.replace("==", "-")
    environment = Path(platformdirs.user_cache_path("engine-tests")) / name
    environment.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(environment.with_suffix(".lock")):
        complete = environment / "complete"
        if not complete.exists() or complete.read_text() != repr(emulator):
            python = _python(emulator)
            shutil.rmtree(environment, ignore_errors=True)
            _install(emulator, python, environment)
            complete.write_text(repr(emulator))
    return environment


def _python(emulator: Emulator) -> str:
    for version in emulator.pythons:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            return sys.executable
        places = [shutil.which(f"python{version}"), *_pyenv(version)]
        for place in places:
            if place and subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0:  # noqa: S603 - a Python
                return place
    pytest.skip(f"{emulator.package} needs Python {' or '.join(emulator.pythons)}, which is not here")


def _pyenv(version: str) -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"))]


def _install(emulator: Emulator, python: str, environment: Path) -> None:
    """Install an emulator, then the DuckDB whose extensions come as wheels, whatever its own requirement says."""
    wheels = [f"duckdb-extension-{name}=={_DUCKDB}" for name in emulator.extensions]
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--retries", "1"]
    for command in (
        [python, "-m", "venv", str(environment)],
        [*pip, emulator.package, "numpy"],
        [*pip, f"duckdb=={_DUCKDB}", f"duckdb-extensions=={_DUCKDB}", *wheels],
        [pip[0], "-c", _LAY_DOWN, *emulator.extensions],
    ):
        _run(command, environment, emulator.package)


def _run(command: Sequence[str], home: Path, package: str) -> None:
    try:
        subprocess.run(  # noqa: S603 - pip and Python
            command,
            check=True,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
            env={**os.environ, "HOME": str(home)},
        )
    except (OSError, subprocess.SubprocessError) as error:
        words = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
        pytest.skip(f"{package} cannot be installed: {words[-1] if words else error}")


def _wait(process: subprocess.Popen[bytes], ports: Sequence[int], log: Path) -> None:
    """Wait until a server answers on all its ports."""
    end = time.monotonic() + _START_SECONDS
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    words = log.read_text(errors="replace").strip().splitlines()
                    pytest.skip(f"the emulator does not start: {words[-1] if words else process.poll()}")
                time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
