"""What acceptance tests share: a user of the command line, small months to load, and a schema to load them into."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from engine.month import Month
from engine.sample import write_sample
from tests.command_line import Engine
from tests.conformance.postgres_world import postgres_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Ended
    from tests.conformance.postgres_world import PostgresWorld

ROWS = 2_000


@pytest.fixture(scope="session")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with yellow 2019-01 and 2019-03 of 2,000 rows each; nothing may be written there."""
    folder = tmp_path_factory.mktemp("months")
    for number in (1, 3):
        write_sample("yellow", Month(2019, number), rows=ROWS, folder=folder, seed=number)
    return folder


@pytest.fixture(scope="session")
def text(months: Path) -> str:
    """Give the decompressed text of yellow 2019-01."""
    return gzip.decompress((months / "yellow_tripdata_2019-01.csv.gz").read_bytes()).decode()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Give a user with an empty home."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Engine(home=tmp_path / "home", folder=folder)


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory, months: Path) -> Engine:
    """Give a user who has loaded yellow 2019-01 into the embedded server."""
    folder = tmp_path_factory.mktemp("resident")
    engine = Engine(home=folder / "home", folder=folder)
    loaded: Ended = engine.run("ingest", "yellow", "2019-01", "--from", months)
    assert loaded.code == 0, loaded.err
    return engine


@pytest.fixture
def world(postgres_url: str, tmp_path: Path) -> Iterator[PostgresWorld]:
    """Give an empty schema on a real server."""
    with postgres_world(postgres_url, tmp_path) as world:
        yield world
