"""One published file, its source in haste, and what of it arrived: for the tests of downloads."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

from engine.sources.address import Address
from engine.sources.patience import Patience
from engine.sources.web import WebFile

if TYPE_CHECKING:
    from pathlib import Path

    from engine.sources import Fetched
    from tests.faulty_http import FaultyServer

PATH = "/data/yellow_tripdata_2019-01.csv.gz"
HASTE = Patience(
    attempts=4,
    wait_seconds=0.01,
    wait_limit_seconds=0.02,
    jitter_seconds=0.01,
    retry_after_limit_seconds=0.05,
    silence_seconds=0.3,
    progress_bytes=50_000,
)
ONE = random.Random(1).randbytes(200_000)  # noqa: S311 - test data
TWO = random.Random(2).randbytes(200_000)  # noqa: S311 - test data


def web(server: FaultyServer, tmp_path: Path, path: str = PATH) -> WebFile:
    """Return the source of one file of the server."""
    return WebFile(addresses=(Address.parse(server.url + path),), spool=tmp_path / "spool", patience=HASTE)


def silent(_done: int, _total: int | None) -> None:
    """Show no progress."""


def fetched(source: WebFile) -> Fetched:
    """Look and fetch."""
    return source.fetch(source.look(), silent)


def assert_is(file: Fetched, content: bytes) -> None:
    """Check bytes, size and checksum."""
    assert file.path.read_bytes() == content
    assert file.info.bytes == len(content)
    assert file.info.sha256 == hashlib.sha256(content).hexdigest()


def ranges(server: FaultyServer) -> list[tuple[str | None, str | None]]:
    """Return Range and If-Range of every GET."""
    gets = [request.headers for request in server.requests if request.method == "GET"]
    return [(headers.get("range"), headers.get("if-range")) for headers in gets]
