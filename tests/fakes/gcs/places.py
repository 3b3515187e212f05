"""Buckets on our fake and on an independent emulator, so that one test can judge both."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from tests.emulators import gcs_emulator
from tests.fakes.gcs.clients import storage_client
from tests.fakes.gcs.server import FakeGCS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud.storage import Bucket  # type: ignore[import-untyped, unused-ignore]

Kind = Literal["ours", "fake-gcs-server"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A running server."""

    url: str
    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A bucket that only one test uses.

    Attributes:
        url: Its server.
        kind: What server that is.
        name: Its name.
        bucket: The bucket of google-cloud-storage.

    """

    url: str
    kind: Kind
    name: str
    bucket: Bucket

    @property
    def is_ours(self) -> bool:
        """Whether it lies on our fake."""
        return self.kind == "ours"

    def only_ours(self, what: str) -> None:
        """Skip the rest of a test of what the emulator cannot do."""
        if not self.is_ours:
            pytest.skip(f"{self.kind} does not {what}")


@contextlib.contextmanager
def running(kind: Kind, folder: Path) -> Iterator[Server]:
    """Run a server that keeps its objects in a folder; at the end, our own must have had no defect."""
    if kind == "ours":
        with FakeGCS(folder=folder) as fake:
            yield Server(url=fake.url, kind=kind)
            assert fake.errors == []
    else:
        with gcs_emulator(folder) as url:
            yield Server(url=url, kind=kind)


@contextlib.contextmanager
def empty_bucket(server: Server) -> Iterator[Place]:
    """Give a new bucket."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    with storage_client(server.url) as client:
        yield Place(url=server.url, kind=server.kind, name=name, bucket=client.create_bucket(name))
