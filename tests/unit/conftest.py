"""What unit tests share: a web server of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faulty_http import FaultyServer, Published, faulty_server
from tests.unit.downloads import ONE, PATH

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """Run a server that publishes one file."""
    with faulty_server() as running:
        running.publish(PATH, Published(content=ONE))
        yield running
