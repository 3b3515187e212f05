"""Worlds that only Google's own clients look into: of an emulator, and of the real cloud.

Nothing here knows a fake's Python. What a stranger sees of the month comes by the same services as the engine's rows.
"""

from __future__ import annotations

import datetime as dt
import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.conformance.bigquery_world import TablesWorld
from tests.conformance.bucket_world import ObjectsWorld
from tests.conformance.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud import bigquery
    from google.cloud.storage import Bucket

    from engine.settings import Cloud


@dataclass(slots=True, kw_only=True)
class ClientBucketWorld(ObjectsWorld):
    """A prefix of a bucket, seen by google-cloud-storage.

    Attributes:
        cloud: Who asks, and where.
        place_of_objects: The bucket, as a stranger's client has it.

    """

    cloud: Cloud
    place_of_objects: Bucket

    def __post_init__(self) -> None:
        self.settings = replace(self.settings, cloud=self.cloud)
        World.__post_init__(self)

    def generations(self) -> dict[str, int]:
        """See `ObjectsWorld`."""
        found = self.place_of_objects.client.list_blobs(self.place_of_objects, prefix=f"{self.prefix}/")
        return dict(sorted((blob.name, int(blob.generation)) for blob in found))

    def get(self, name: str) -> bytes:
        """See `ObjectsWorld`."""
        content: bytes = self.place_of_objects.blob(name).download_as_bytes()
        return content

    def put(self, name: str, content: bytes) -> None:
        """See `ObjectsWorld`."""
        self.place_of_objects.blob(name).upload_from_string(content)

    def delete(self, name: str) -> None:
        """See `ObjectsWorld`."""
        self.place_of_objects.blob(name).delete()


@dataclass(slots=True, kw_only=True)
class ClientTablesWorld(TablesWorld):
    """A dataset, seen by google-cloud-bigquery.

    Attributes:
        cloud: Who asks, and where.
        client: A stranger's client.
        begun: Earlier jobs are not this world's.

    """

    cloud: Cloud
    client: bigquery.Client
    begun: dt.datetime = field(init=False)

    def __post_init__(self) -> None:
        self.settings = replace(self.settings, cloud=self.cloud)
        self.begun = dt.datetime.now(dt.UTC)
        World.__post_init__(self)

    @contextmanager
    def connected(self) -> Iterator[bigquery.Client]:
        """See `TablesWorld`; whoever made the client closes it."""
        yield self.client

    def reset(self) -> None:
        """See `World`; the dataset stays, with its location."""
        for name in self.tables():
            self.client.delete_table(f"{self.project}.{self.name}.{name}", not_found_ok=True)

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """See `TablesWorld`."""
        return [tuple(row) for row in self.client.query(text).result()]

    def jobs(self) -> list[dict[str, Any]]:
        """See `TablesWorld`; of what runs in the project, what names the dataset."""
        jobs = [job._properties for job in self.client.list_jobs(min_creation_time=self.begun)]  # noqa: SLF001 - the client shows no resource
        found = [dict(job) for job in jobs if self.name in json.dumps(job)]
        return sorted(found, key=lambda job: (int(job["statistics"]["creationTime"]), job["jobReference"]["jobId"]))
