"""Empty places in a cloud: in our fakes, in an emulator, or in the real one where the environment names it.

`ENGINE_TEST_GCP_PROJECT` and `ENGINE_TEST_GCP_BUCKET` make the kinds `gcs` and `bigquery*` places of the real cloud,
each with a name of its own, `engine_test_PID_NUMBER`, and gone when its test is over (docs/emulators.md).
"""

from __future__ import annotations

import itertools
import os
import uuid
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from google.cloud import bigquery

from engine.google.bucket import client as storage_client
from engine.google.credentials import credentials
from engine.settings import Cloud, from_environment
from tests.conformance.bigquery_world import BigQueryWorld
from tests.conformance.bucket_world import BucketWorld
from tests.conformance.emulator_worlds import ClientBucketWorld, ClientTablesWorld
from tests.conformance.world import settings_in, trips
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.gcs import FakeGCS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.targets import Method
    from tests.conformance.world import World

# The real services are farther away than a fake: a holder of a month shows life every third of it.
_REAL_LEASE_SECONDS = 6.0
# What nobody removed, because the tests were killed, is gone after a day.
_EXPIRES_MS = 86_400_000
_NUMBERS = itertools.count(1)
# Suites that the real cloud cannot run.
_NEED_FAKES = {
    "test_cloud_faults": "the real cloud does not fail when it is told to",
    "test_killed": "a hundred kills, and a lease to wait for after each, take hours in the real cloud",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Real:
    """The real cloud.

    Attributes:
        project: Where datasets are made, and who pays.
        bucket: Where objects are made.

    """

    project: str
    bucket: str

    @property
    def cloud(self) -> Cloud:
        """Application Default Credentials, or whatever else the environment says, and no emulator."""
        cloud = from_environment().cloud
        return replace(cloud, project=self.project, storage="", bigquery="", bigquery_storage="")


def real() -> Real | None:
    """Return the real cloud, if the environment names it."""
    project, bucket = (os.environ.get(f"ENGINE_TEST_GCP_{name}", "") for name in ("PROJECT", "BUCKET"))
    return Real(project=project, bucket=bucket) if project and bucket else None


@contextmanager
def cloud_world(kind: str, suite: str, folder: Path) -> Iterator[World]:
    """Yield an empty place.

    Args:
        kind: `gcs`, `bigquery`, `bigquery-staged` or `bigquery-write-api`.
        suite: Module of the test, such as `test_killed`.
        folder: Where everything of this machine lies.

    """
    found = real()
    if found is not None and suite in _NEED_FAKES:
        pytest.skip(_NEED_FAKES[suite])
    method: Method = "write_api" if kind == "bigquery-write-api" else "load"
    staged = kind == "bigquery-staged"
    if kind == "gcs":
        place = fake_bucket(folder) if found is None else real_bucket(found, folder)
    elif found is None:
        place = fake_dataset(folder, method, staged=staged)
    else:
        place = real_dataset(found, folder, method, staged=staged)
    with place as world:
        yield world


@contextmanager
def fake_bucket(folder: Path) -> Iterator[World]:
    """Yield a bucket of a fake."""
    with FakeGCS("lake", folder=folder / "gcs") as fake:
        yield BucketWorld(folder=folder, dataset=trips(folder), settings=settings_in(folder), fake=fake)


@contextmanager
def fake_dataset(folder: Path, method: Method, *, staged: bool) -> Iterator[World]:
    """Yield a dataset of a fake, with a bucket of a fake where files are staged."""
    with ExitStack() as stack:
        gcs = stack.enter_context(FakeGCS("lake", folder=folder / "gcs")).url if staged else None
        yield BigQueryWorld(
            folder=folder,
            dataset=trips(folder),
            settings=settings_in(folder),
            fake=stack.enter_context(FakeBigQuery(folder=folder / "bigquery", gcs_url=gcs)),
            method=method,
            storage=gcs or "",
        )


@contextmanager
def emulated_bucket(url: str, folder: Path) -> Iterator[World]:
    """Yield a new bucket of an emulator of Cloud Storage."""
    cloud = Cloud(storage=url, retry_seconds=5.0, wait_seconds=0.02)
    with closing(storage_client(*credentials(cloud, emulated=True), cloud)) as client:
        bucket = client.create_bucket(f"bucket-{uuid.uuid4().hex[:12]}")
        yield ClientBucketWorld(
            folder=folder,
            dataset=trips(folder),
            settings=settings_in(folder),
            cloud=cloud,
            place_of_objects=bucket,
            bucket=bucket.name,
        )


@contextmanager
def real_bucket(found: Real, folder: Path) -> Iterator[World]:
    """Yield a prefix of the real bucket, and remove all objects below it."""
    cloud = found.cloud
    with closing(storage_client(*credentials(cloud, emulated=False), cloud)) as client:
        world = ClientBucketWorld(
            folder=folder,
            dataset=trips(folder),
            settings=settings_in(folder),
            cloud=cloud,
            place_of_objects=client.bucket(found.bucket),
            bucket=found.bucket,
            prefix=_name(),
            lease_seconds=_REAL_LEASE_SECONDS,
        )
        try:
            yield world
        finally:
            world.reset()


@contextmanager
def real_dataset(found: Real, folder: Path, method: Method, *, staged: bool) -> Iterator[World]:
    """Yield a real dataset where the real bucket is, and remove it with its tables and what was staged for it."""
    cloud, name = found.cloud, _name()
    identity, _ = credentials(cloud, emulated=False)
    with ExitStack() as stack:
        objects = stack.enter_context(closing(storage_client(identity, found.project, cloud)))
        client = stack.enter_context(closing(bigquery.Client(project=found.project, credentials=identity)))
        dataset = bigquery.Dataset(f"{found.project}.{name}")
        dataset.location = objects.get_bucket(found.bucket).location
        dataset.default_table_expiration_ms = _EXPIRES_MS
        client.create_dataset(dataset)
        try:
            yield ClientTablesWorld(
                folder=folder,
                dataset=trips(folder),
                settings=settings_in(folder),
                cloud=cloud,
                client=client,
                project=found.project,
                name=name,
                method=method,
                staging=f"gs://{found.bucket}/{name}" if staged else None,
                lease_seconds=_REAL_LEASE_SECONDS,
            )
        finally:
            client.delete_dataset(name, delete_contents=True, not_found_ok=True)
            for blob in list(objects.list_blobs(found.bucket, prefix=f"{name}/")):
                blob.delete()


def _name() -> str:
    return f"engine_test_{os.getpid()}_{next(_NUMBERS)}"
