"""Emulators that others wrote, to judge our own fakes by; where one cannot be had, the test skips and says why."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import platformdirs
import pytest

from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_GCS = "fake-gcs-server"
_GCS_MODULE = "github.com/fsouza/fake-gcs-server@latest"
_BUILD_SECONDS = 600.0
_START_SECONDS = 30.0


@contextmanager
def gcs_emulator(folder: Path) -> Iterator[str]:
    """Yield the URL of a fake-gcs-server that keeps its objects in a folder; it is found, or built once."""
    program = _gcs_program()
    if isinstance(program, str):
        pytest.skip(program)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    place = ("-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", url)
    storage = ("-backend", "filesystem", "-filesystem-root", str(folder), "-log-level", "error")
    process = subprocess.Popen(  # noqa: S603 - found or built by us
        [program, *place, *storage, "-public-host", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"{url}/storage/v1/b")
        yield url
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


@functools.cache
def _gcs_program() -> Path | str:
    """Return the program; a text says why there is none."""
    cache = platformdirs.user_cache_path("engine-tests") / "bin"
    places = [os.environ.get("PATH", ""), os.environ.get("GOBIN", ""), str(Path.home() / "go" / "bin"), str(cache)]
    if found := shutil.which(_GCS, path=os.pathsep.join(place for place in places if place)):
        return Path(found)
    go = shutil.which("go")
    if go is None:
        return f"{_GCS} is not installed, and there is no Go to build it"
    try:
        subprocess.run(  # noqa: S603 - the compiler of this machine
            [go, "install", _GCS_MODULE],
            check=True,
            capture_output=True,
            timeout=_BUILD_SECONDS,
            env={**os.environ, "CGO_ENABLED": "0", "GOBIN": str(cache)},
        )
    except (subprocess.SubprocessError, OSError) as error:
        return f"{_GCS} is not installed and could not be built: {error}"
    return cache / _GCS


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
