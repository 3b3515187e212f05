"""The worlds that the suite runs over: two servers of PostgreSQL, a folder, and clouds (`clouds.py`)."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.conformance.clouds import cloud_world, emulated_bucket
from tests.conformance.folder_world import FolderWorld
from tests.conformance.overtaking import BAD
from tests.conformance.postgres_world import postgres_world
from tests.conformance.world import KINDS, World, lines, settings_in, trips
from tests.emulators import gcs_emulator
from tests.servers import LocalServer, installed, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def installed_url() -> Iterator[str]:
    """Give the URL of a second server, of the version that is installed on this machine."""
    if (programs := installed()) is None:
        pytest.skip("no PostgreSQL is installed beside the embedded one")
    with open_folder() as folder:
        server = LocalServer(programs, folder)
        server.start()
        yield server.url
        server.stop(signal.SIGINT)


@pytest.fixture(scope="session")
def gcs_emulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of an emulator of Cloud Storage that others wrote."""
    with gcs_emulator(tmp_path_factory.mktemp("gcs-emulator")) as url:
        yield url


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Give an empty target of each kind."""
    match request.param:
        case "folder":
            yield FolderWorld(folder=tmp_path, dataset=trips(tmp_path), settings=settings_in(tmp_path))
        case "gcs-emulator":
            with emulated_bucket(request.getfixturevalue("gcs_emulator_url"), tmp_path) as world:
                yield world
        case "gcs" | "bigquery" | "bigquery-staged" | "bigquery-write-api" as kind:
            with cloud_world(kind, request.module.__name__.rpartition(".")[2], tmp_path) as world:
                yield world
        case kind:
            server = request.getfixturevalue("postgres_url" if kind == "postgres" else "installed_url")
            with postgres_world(server, tmp_path) as world:
                yield world


@pytest.fixture
def half(world: World) -> World:
    """Give a month of 30 rows, and a file of 40 and one bad line that is to replace it."""
    world.write(lines(*range(30)))
    world.load()
    world.write([*lines(*range(40)), BAD])
    return world
