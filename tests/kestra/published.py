"""A publisher of months: `engine sample` makes them, and a plain HTTP server serves them to containers."""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Engine


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """A folder that is served.

    Attributes:
        url: Its base URL for containers.
        folder: What it serves.
        engine: Makes samples.

    """

    url: str
    folder: Path
    engine: Engine

    def publish(self, dataset: str, *months: str, rows: int = 1000, rejects: float = 0) -> None:
        """Make months and serve them, with a share of bad rows."""
        for month in months:
            words = ("sample", dataset, month, "--rows", rows, "--rejects", rejects, "--out", self.folder)
            made = self.engine.call(*words)
            assert made.code == 0, made.err

    def file(self, dataset: str, month: str) -> Path:
        """Return the file of a month that is served."""
        return self.folder / f"{dataset}_tripdata_{month}.csv.gz"


@contextmanager
def publisher(address: str, folder: Path, engine: Engine) -> Iterator[Publisher]:
    """Serve a folder for the length of a block."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer((address, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield Publisher(url=f"http://{address}:{server.server_address[1]}/", folder=folder, engine=engine)
        server.shutdown()
        thread.join()
