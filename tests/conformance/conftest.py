"""The worlds that the suite runs over: `ENGINE_TEST_PG` or the embedded server, an installed server, a folder."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.conformance.bigquery_world import BigQueryWorld
from tests.conformance.bucket_world import BucketWorld
from tests.conformance.folder_world import FolderWorld
from tests.conformance.postgres_world import postgres_world
from tests.conformance.world import KINDS, World, settings_in, trips
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.gcs import FakeGCS
from tests.servers import LocalServer, installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def installed_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a second server, of the version that is installed on this machine."""
    if (programs := installed()) is None:
        pytest.skip("no PostgreSQL is installed beside the embedded one")
    folder = tmp_path_factory.mktemp("installed")
    for place in (folder, *folder.parents):
        if place == place.parent or not os.access(place, os.W_OK) or place.stat().st_mode & 0o1000:
            break
        place.chmod(place.stat().st_mode | 0o711)
    server = LocalServer(programs, folder)
    server.start()
    yield server.url
    server.stop(signal.SIGINT)


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Give an empty target of each kind."""
    match request.param:
        case "folder":
            yield FolderWorld(folder=tmp_path, dataset=trips(tmp_path), settings=settings_in(tmp_path))
        case "gcs":
            with FakeGCS("lake", folder=tmp_path / "gcs") as fake:
                yield BucketWorld(folder=tmp_path, dataset=trips(tmp_path), settings=settings_in(tmp_path), fake=fake)
        case "bigquery" | "bigquery-staged" | "bigquery-write-api" as kind:
            with ExitStack() as stack:
                gcs = None
                if kind == "bigquery-staged":
                    gcs = stack.enter_context(FakeGCS("lake", folder=tmp_path / "gcs")).url
                warehouse = stack.enter_context(FakeBigQuery(folder=tmp_path / "bigquery", gcs_url=gcs))
                yield BigQueryWorld(
                    folder=tmp_path,
                    dataset=trips(tmp_path),
                    settings=settings_in(tmp_path),
                    fake=warehouse,
                    method="write_api" if kind == "bigquery-write-api" else "load",
                    storage=gcs or "",
                )
        case kind:
            server = request.getfixturevalue("postgres_url" if kind == "postgres" else "installed_url")
            with postgres_world(server, tmp_path) as world:
                yield world
