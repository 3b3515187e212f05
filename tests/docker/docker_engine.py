"""What tests ask of the Docker engine: commands, containers of the engine's image, and probes from its networks."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from typing import Any

import pytest

from tests.command_line import ROOT

IMAGE = "engine:dev"
PYTHON = "/opt/engine/bin/python"
# Tells what one run of the tests made from whatever else is on this machine.
RUN = f"engine-test-{os.getpid()}"
# As an administrator runs it who trusts nobody.
LOCKED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges:true")
# As `engine` in the README's example, but it ends at once where nobody answers.
_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
except OSError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def run(*command: object, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository's root and return how it ended, with both streams as text."""
    return subprocess.run(  # noqa: S603 - words of the tests
        [str(word) for word in command],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def docker(*words: object, timeout: float = 120) -> str:
    """Run a docker command that has to succeed, and return what it prints on stdout."""
    done = run("docker", *words, timeout=timeout)
    if done.returncode:
        pytest.fail(f"docker {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def inspect(*names: str) -> list[dict[str, Any]]:
    """Return all that the engine knows of containers or images."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", *names))
    return found


def contained(
    *words: object, options: tuple[object, ...] = (), timeout: float = 180
) -> subprocess.CompletedProcess[str]:
    """Run the image's engine with all that a read-only container takes away, and return how it ended."""
    return run("docker", "run", "--rm", *LOCKED, *options, IMAGE, *words, timeout=timeout)


def inside(*words: object, options: tuple[object, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run another program of the image."""
    program, *rest = words
    return run("docker", "run", "--rm", *LOCKED, f"--entrypoint={program}", *options, IMAGE, *rest)


def connects(network: str, host: str, port: int) -> str:
    """Try to reach a port from a container on a network; return an empty text, or why it cannot be reached."""
    return inside(PYTHON, "-c", _CONNECT, host, port, options=(f"--network={network}",)).stderr.strip()


def name() -> str:
    """Return a name for a container that nobody else uses."""
    return f"{RUN}-{secrets.token_hex(4)}"
