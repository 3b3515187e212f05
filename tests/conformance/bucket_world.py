"""A world whose target is a prefix of a bucket, read by Polars as anyone would."""

from __future__ import annotations

import io
import json
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from engine.settings import Cloud
from engine.targets import Place
from tests.conformance.folder_world import tampered
from tests.conformance.world import MONTH, Row, World

if TYPE_CHECKING:
    from engine.month import Month
    from tests.fakes.gcs import FakeGCS

# Short, so that a month whose holder was killed is free again soon; a holder shows life every third of it.
LEASE_SECONDS = 0.6


@dataclass(slots=True, kw_only=True)
class ObjectsWorld(World):
    """A prefix of a bucket, seen by whatever reads and writes objects there.

    Attributes:
        bucket: The bucket.
        prefix: The prefix, without a slash at its end.
        lease_seconds: How long a holder of a month may be silent.

    """

    bucket: str = "lake"
    prefix: str = "some/prefix"
    lease_seconds: float = LEASE_SECONDS

    @abstractmethod
    def generations(self) -> dict[str, int]:
        """Return the generation of each object below the prefix, in order of their names."""

    @abstractmethod
    def get(self, name: str) -> bytes:
        """Return an object's content."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Write an object behind the engine's back."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete an object behind the engine's back."""

    def _place(self) -> Place:
        return Place(url=f"gs://{self.bucket}/{self.prefix}", lease_seconds=self.lease_seconds)

    def names(self, folder: str) -> list[str]:
        """Return the objects whose names begin so, below the prefix."""
        return [name for name in self.generations() if name.startswith(f"{self.prefix}/{folder}")]

    def data(self, month: Month = MONTH) -> str:
        """Return the name of the month's data object."""
        return f"{self.prefix}/{self.dataset.name}/month={month}/data.parquet"

    def _frame(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(self.get(name)))

    def visible(self, month: Month = MONTH) -> list[Row] | None:
        """See `World`."""
        if self.data(month) not in self.generations():
            return None
        frame = self._frame(self.data(month))
        columns = [c.name for c in self.dataset.contract.columns if c.name in frame.columns]
        return sorted(frame.select(columns).rows(), key=repr)

    def added(self) -> set[tuple[object, ...]]:
        """See `World`."""
        return set(self._frame(self.data()).select("filename", "source_month").unique().rows())

    def column(self, name: str) -> list[object]:
        """See `World`."""
        return self._frame(self.data())[name].to_list()

    def remains(self) -> list[str]:
        """See `World`; a lease that its holder left is no remains, it ends by itself."""
        foreign = [n for n in self.names(f"{self.dataset.name}/") if not n.endswith("/data.parquet")]
        local = [str(path) for path in (self.settings.cache / "uploads").glob("*")]
        return foreign + local

    def states(self) -> dict[str, str]:
        """See `World`."""
        documents = [json.loads(self.get(name)) for name in self.names("_engine/loads/")]
        return {document["load_id"]: document["state"] for document in documents}

    def rejects(self) -> list[tuple[int, str | None, str, str]]:
        """See `World`."""
        return sorted(row for name in self.names("_engine/rejects/") for row in self._frame(name).rows())

    def drop_leases(self) -> None:
        """Remove every month's lease, as if its holder had been silent for too long."""
        for name in self.names("_engine/locks/"):
            self.delete(name)

    def lose_ledger(self) -> None:
        """See `World`."""
        for name in self.names("_engine/loads/"):
            self.delete(name)

    def age_ledger(self) -> None:
        """See `World`."""
        for name in self.names("_engine/loads/"):
            text = self.get(name).decode()
            self.put(name, text.replace('"schema_version": 1', '"schema_version": 99').encode())

    def tamper(self, what: str) -> None:
        """See `World`."""
        changed = io.BytesIO()
        with pq.ParquetFile(io.BytesIO(self.get(self.data()))) as file:
            pq.write_table(tampered(file, what), changed)
        self.put(self.data(), changed.getvalue())

    def reset(self) -> None:
        """See `World`."""
        for name in self.names(""):
            self.delete(name)

    def prints(self, month: Month) -> object:
        """See `World`."""
        return self.generations()[self.data(month)]

    def fingerprint(self) -> object:
        """See `World`."""
        return self.generations()


@dataclass(slots=True, kw_only=True)
class BucketWorld(ObjectsWorld):
    """A prefix of a bucket of the fake Cloud Storage.

    Attributes:
        fake: The server.

    """

    fake: FakeGCS

    def __post_init__(self) -> None:
        self.settings = replace(self.settings, cloud=Cloud(storage=self.fake.url, retry_seconds=5.0, wait_seconds=0.02))
        World.__post_init__(self)

    def generations(self) -> dict[str, int]:
        """See `ObjectsWorld`."""
        found = self.fake.objects(self.bucket).items()
        return {name: record.generation for name, record in found if name.startswith(f"{self.prefix}/")}

    def get(self, name: str) -> bytes:
        """See `ObjectsWorld`."""
        return self.fake.read(self.bucket, name)

    def put(self, name: str, content: bytes) -> None:
        """See `ObjectsWorld`."""
        self.fake.write(self.bucket, name, content)

    def delete(self, name: str) -> None:
        """See `ObjectsWorld`."""
        self.fake.delete(self.bucket, name)
