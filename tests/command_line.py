"""The engine as its users run it: a process with an environment of its own, judged by what it prints and returns."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from engine.cli.main import main

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "engine"]
# Variables of whoever runs the tests that would choose another target, source or folder.
_OURS = ("ENGINE_", "PG")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """What stdout holds: exactly one JSON object."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A user with a home and a working folder.

    Attributes:
        home: `ENGINE_HOME`.
        folder: Where commands are run.

    """

    home: Path
    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of a process, with some more."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return kept | {"ENGINE_HOME": str(self.home), "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"} | more

    def start(self, *words: object, **more: str) -> subprocess.Popen[str]:
        """Start a command and go on."""
        return subprocess.Popen(  # noqa: S603 - the command under test
            [*COMMAND, *map(str, words)],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: object, **more: str) -> Ended:
        """Run a command to its end; `more` are environment variables."""
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=120)
        return Ended(code=process.returncode, out=out, err=err)

    def call(self, *words: object) -> Ended:
        """Run a command in this process, which saves half a second of imports: where only words and codes matter."""
        hidden = {name: None for name in os.environ if name.startswith(_OURS)}
        with contextlib.chdir(self.folder):
            found = CliRunner().invoke(
                main, [*map(str, words)], env={**hidden, "ENGINE_HOME": str(self.home)}, prog_name="engine"
            )
        return Ended(code=found.exit_code, out=found.stdout, err=found.stderr)
