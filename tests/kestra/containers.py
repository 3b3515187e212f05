"""The containers of the tests: a network, the PostgreSQL of compose's data service on it, and the engine's image."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest

from tests.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IMAGE = "engine:dev"
POSTGRES = "postgres:18.4"
# Tells the containers of one run of the tests from whatever else runs on this engine.
RUN = f"engine-test-{os.getpid()}"
_UNAVAILABLE = 77


def docker(*words: str, check: bool = True, given: str | None = None) -> str:
    """Run a docker command and return what it prints."""
    found = subprocess.run(  # noqa: S603 - words of the tests
        ["docker", *words],  # noqa: S607 - the one on the PATH
        capture_output=True,
        text=True,
        check=False,
        input=given,
        timeout=1200,
    )
    if check and found.returncode:
        pytest.fail(f"docker {' '.join(words)}\n{found.stderr}")
    return found.stdout.strip()


def need_images() -> None:
    """Make what the tests run on: base images, then the engine's; skip where they cannot be had."""
    if not shutil.which("docker") or not docker("version", "--format", "{{.Server.Version}}", check=False):
        pytest.skip("no Docker engine answers")
    bases = subprocess.run([ROOT / "tests" / "docker" / "bases"], capture_output=True, text=True, check=False)  # noqa: S603
    if bases.returncode == _UNAVAILABLE:
        pytest.skip(bases.stderr.strip().splitlines()[-1])
    assert bases.returncode == 0, bases.stderr
    built = subprocess.run(  # noqa: S603 - as users build it; what has not changed is not built again
        ["make", "image", f"IMAGE={IMAGE}"],  # noqa: S607 - the one on the PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A bridge network.

    Attributes:
        name: Its name.
        gateway: This machine's address as containers see it.

    """

    name: str
    gateway: str


@contextmanager
def network() -> Iterator[Network]:
    """Make a network for the length of a block; what still runs on it is removed."""
    docker("network", "create", RUN)
    try:
        config = _inspect("network", RUN)["IPAM"]["Config"][0]
        yield Network(name=RUN, gateway=config["Gateway"])
    finally:
        left = docker("ps", "--all", "--quiet", "--filter", f"network={RUN}").split()
        if left:
            docker("rm", "--force", "--volumes", *left)
        docker("network", "rm", RUN)


@contextmanager
def image_with(variables: Mapping[str, str]) -> Iterator[str]:
    """Make an image that is the engine's with more variables: flows have no word for emulators."""
    name = f"{RUN}:emulated"
    lines = [f"FROM {IMAGE}", *(f"ENV {key}={value}" for key, value in variables.items())]
    docker("build", "--quiet", "--tag", name, "-", given="\n".join(lines))
    try:
        yield name
    finally:
        docker("rmi", "--force", name, check=False)


@dataclass(frozen=True, kw_only=True)
class Database:
    """A PostgreSQL in a container.

    Attributes:
        container: Its name.
        password: Its only user's.
        host: Its name in the network.
        address: Its address from this machine.

    """

    container: str
    password: str = field(repr=False)
    host: str = "data"
    address: str = ""

    @property
    def inside(self) -> str:
        """URL for containers."""
        return f"postgresql://taxi:{quote(self.password, safe='')}@{self.host}:5432/warehouse"

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect from this machine; every statement is its own transaction."""
        return psycopg.connect(
            host=self.address, port=5432, user="taxi", password=self.password, dbname="warehouse", autocommit=True
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connect() as connection:
            return connection.execute(statement.encode()).fetchall()


@contextmanager
def database(net: Network) -> Iterator[Database]:
    """Run a PostgreSQL in memory for the length of a block."""
    name, password = f"{net.name}-data", secrets.token_urlsafe(24)
    options = ["--network", net.name, "--network-alias", "data", "--tmpfs", "/var/lib/postgresql"]
    variables = {"POSTGRES_USER": "taxi", "POSTGRES_PASSWORD": password, "POSTGRES_DB": "warehouse"}
    environment = [word for key, value in variables.items() for word in ("--env", f"{key}={value}")]
    docker("run", "--detach", "--name", name, *options, *environment, POSTGRES, "postgres", "-c", "fsync=off")
    address = _inspect("container", name)["NetworkSettings"]["Networks"][net.name]["IPAddress"]
    found = Database(container=name, password=password, address=address)
    _wait_for(found)
    yield found


def _wait_for(server: Database) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            server.query("SELECT 1")
        except psycopg.OperationalError:
            assert time.monotonic() < end, docker("logs", server.container, check=False)
            time.sleep(0.2)
        else:
            return


def of_kestra(*, everything: bool = False) -> list[str]:
    """Return the ids of containers that Kestra's runner started on the network of these tests and that run."""
    every = ["--all"] if everything else []
    labels = ["--filter", "label=kestra.io/execution-id", "--filter", f"network={RUN}"]
    return docker("ps", *every, "--quiet", "--no-trunc", *labels).split()


def _inspect(kind: str, name: str) -> dict[str, Any]:
    found = json.loads(docker(kind, "inspect", name))[0]
    assert isinstance(found, dict)
    return found
