"""What tests share: a PostgreSQL server, databases of their own on it, and the real files beside the repository."""

from __future__ import annotations

import gc
import itertools
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from engine.embedded import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
_NUMBERS = itertools.count(1)
_ADDRESS = ("host", "port", "user", "password", "dbname")

# A first example may have to compile a kernel; no test is about time.
hypothesis.settings.register_profile("engine", deadline=None)
hypothesis.settings.load_profile("engine")


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a server: `ENGINE_TEST_PG` where it is set, else an embedded one."""
    if url := os.environ.get("ENGINE_TEST_PG"):
        yield url
        return
    with Server(tmp_path_factory.mktemp("postgres")).running() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """Give the URL of an empty database that only this test uses."""
    yield from _database(postgres_url)


@pytest.fixture(scope="module")
def module_database_url(postgres_url: str) -> Iterator[str]:
    """Give the URL of an empty database that only this module's tests use."""
    yield from _database(postgres_url)


def _database(server: str) -> Iterator[str]:
    name = f"engine_test_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield _with_database(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _with_database(server: str, name: str) -> str:
    """Return the same server's URL with another database, whichever of libpq's notations it had."""
    parts = conninfo_to_dict(server)
    rest = {key: value for key, value in parts.items() if key not in _ADDRESS and value is not None}
    host, user = str(parts.get("host", "")), str(parts.get("user", ""))
    password = f":{quote(str(parts['password']), safe='')}" if parts.get("password") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    if host.startswith("/"):
        rest["host"], host = host, ""
    login = f"{quote(user, safe='')}{password}@" if user else ""
    return f"postgresql://{login}{host}{port}/{name}?{urlencode(rest, quote_via=quote)}"


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect garbage after a test that makes Google's clients meet refusals: they leave sockets to it then."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of real files, which are not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real files of ../shared/data are not here")
    return SHARED_DATA
