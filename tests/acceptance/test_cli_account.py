"""The engine under an account that may write next to nothing: no home, no cache, not its own source."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.command_line import ROOT
from tests.servers import account, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Kernels are compiled anew in each process here, which takes half a minute on two cores.
_PATIENCE_SECONDS = 300
# What an interpreter may need to start at all.
_KEPT = ("PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True, kw_only=True)
class Account:
    """An unprivileged account.

    Attributes:
        name: Its name.
        home: Its home, mode 555.
        own: The one folder that it may write.
        source: The engine's source, which is root's.

    """

    name: str
    home: Path
    own: Path
    source: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run this interpreter under the account."""
        places = {"HOME": self.home, "ENGINE_HOME": self.own / "engine", "PYTHONPATH": self.source}
        return subprocess.run(  # noqa: S603 - the command under test
            [sys.executable, *words],
            user=self.name,
            group=pwd.getpwnam(self.name).pw_gid,
            extra_groups=[],
            cwd=self.own,
            env={name: os.environ[name] for name in _KEPT if name in os.environ}
            | {n: str(p) for n, p in places.items()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )


@pytest.fixture
def unprivileged() -> Iterator[Account]:
    """Give an account with a read-only home that can run the engine and write one folder."""
    if (name := account()) is None:
        pytest.skip("only root can start a process under another account")
    with open_folder() as place:
        home, own, source = (place / folder for folder in ("home", "own", "source"))
        shutil.copytree(ROOT / "engine", source / "engine", ignore=shutil.ignore_patterns("__pycache__"))
        for folder, mode in ((home, 0o555), (own, 0o755)):
            folder.mkdir()
            shutil.chown(folder, name)
            folder.chmod(mode)
        found = Account(name=name, home=home, own=own, source=source)
        try:
            probe = found.run("-c", "import click, engine")
        except PermissionError:
            pytest.skip(f"{name} may not run {sys.executable}")
        if probe.returncode:
            pytest.skip(f"{name} may not read what the engine needs: {probe.stderr.splitlines()[-1]}")
        yield found


def test_a_read_only_home_and_source(unprivileged: Account, months: Path) -> None:
    """Where neither home nor source can be written, kernels are compiled without a cache, and a month is loaded."""
    version = unprivileged.run("-m", "engine", "--version")
    assert (version.returncode, version.stderr) == (0, "")
    file = unprivileged.own / "yellow_tripdata_2019-01.csv.gz"
    shutil.copyfile(months / file.name, file)
    file.chmod(0o644)
    place = ("--from", str(file), "--to", "out")
    loaded = unprivileged.run("-m", "engine", "ingest", "yellow", "2019-01", *place, "--output", "json")
    assert loaded.returncode == 0, loaded.stderr
    assert "Traceback" not in loaded.stderr
    receipt = json.loads(loaded.stdout)
    assert (receipt["state"], receipt["rows"]["total"]) == ("loaded", 2_000)
    assert list(unprivileged.home.iterdir()) == []
    assert list(unprivileged.source.rglob("__pycache__")) == [], "nothing is cached beside the source"
