"""What these tests share: the image, and everything of compose.yaml running, with a stand-in for Kestra's own image.

All of them need a Docker engine that answers, and skip with the reason where there is none or where the base images can
neither be pulled nor made.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from filelock import FileLock

from tests.docker import tools
from tests.docker.docker_engine import IMAGE, RUN, docker, inspect, run
from tests.servers import free_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_UNAVAILABLE = 77
ROWS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The services of compose.yaml, started by `make up`.

    Attributes:
        project: Name of the compose project.
        secrets: Folder of the passwords.
        port: Kestra's, on the host's loopback.
        environment: What compose.yaml is given.
        started: How `make up` ended.

    """

    project: str
    secrets: Path
    port: int
    environment: dict[str, str]
    started: subprocess.CompletedProcess[str] = field(repr=False)

    @property
    def tasks(self) -> str:
        """Name of the network of the data and of task containers."""
        return self.environment["ENGINE_NETWORK"]

    @property
    def url(self) -> str:
        """URL of the data's database, as containers on its network use it."""
        return f"postgresql://engine:{self.secret('data_password')}@data:5432/warehouse"

    def network(self, name: str) -> str:
        """Return the full name of one of the other networks."""
        return f"{self.project}_{name}"

    def secret(self, name: str) -> str:
        """Return a password."""
        return (self.secrets / name).read_text()

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

    def address(self, service: str) -> str:
        """Return the address of a service that is on one network."""
        (network,) = inspect(self.container(service))[0]["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to the data's database; this machine is the bridge's other end."""
        return psycopg.connect(self.url.replace("@data:", f"@{self.address('data')}:"), autocommit=True)

    def compose(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run compose with the project's files."""
        return run(*_compose(), *words, timeout=300, **self.environment | environment)

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        """Run one of the Makefile's targets."""
        return _make(target, self.environment)

    def asked(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return what Kestra's stand-in answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)


def _compose() -> tuple[str, ...]:
    return (str(tools.program("docker-compose")), "-f", "compose.yaml", "-f", "tests/docker/compose.standin.yaml")


def _make(target: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run("make", target, f"COMPOSE={' '.join(_compose())}", timeout=900, **environment)


@pytest.fixture(scope="session")
def engine_of_containers() -> None:
    """Skip where no Docker engine answers."""
    if not shutil.which("docker") or run("docker", "version", "--format", "{{.Server.Version}}").returncode:
        pytest.skip("no Docker engine answers: install one, and start dockerd")


@pytest.fixture(scope="session")
def image(engine_of_containers: None) -> str:  # noqa: ARG001 - it skips
    """Build the image as users do, and give its name."""
    tools.CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(tools.CACHE / "image.lock"):
        bases = run(Path(__file__).parent / "bases", timeout=900)
        if bases.returncode == _UNAVAILABLE:
            pytest.skip(bases.stderr.strip().splitlines()[-1])
        assert bases.returncode == 0, bases.stderr
        built = run("make", "image", f"IMAGE={IMAGE}", timeout=900)
        assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    return IMAGE


@pytest.fixture(scope="session")
def stack(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything by `make up`; take it down with its volumes at the end."""
    secrets = tmp_path_factory.mktemp("secrets") / "made"
    port = free_port()
    environment = {
        "COMPOSE_PROJECT_NAME": RUN,
        "IMAGE": image,
        "ENGINE_SECRETS": str(secrets),
        "ENGINE_NETWORK": f"{RUN}_tasks",
        "ENGINE_FROM": "https://example.org/published/",
        "KESTRA_PORT": str(port),
        "DOCKER_SOCKET": os.devnull,  # the stand-in needs none
    }
    try:
        started = _make("up", environment)
        assert started.returncode == 0, started.stdout[-4000:] + started.stderr[-4000:]
        yield Stack(project=RUN, secrets=secrets, port=port, environment=environment, started=started)
    finally:
        run(*_compose(), "down", "--volumes", "--remove-orphans", timeout=300, **environment)


@pytest.fixture(scope="session")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a published month that containers can read."""
    folder = tmp_path_factory.mktemp("months")
    folder.chmod(0o755)
    words = ("sample", "yellow", "2019-01", "--rows", ROWS, "--out", folder)
    made = run(sys.executable, "-m", "engine", *words)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def leftovers() -> Iterator[list[str]]:
    """Give a list for the names of containers, which are removed after the test."""
    names: list[str] = []
    yield names
    for container in names:
        docker("rm", "--force", "--volumes", container)
