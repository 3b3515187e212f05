"""A world whose target is a prefix of a bucket, read by Polars as anyone would."""

from __future__ import annotations

import io
import json
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
class BucketWorld(World):
    """A prefix of a bucket of the fake Cloud Storage.

    Attributes:
        fake: The server.
        bucket: The bucket.

    """

    fake: FakeGCS
    bucket: str = "lake"

    def __post_init__(self) -> None:
        self.settings = replace(self.settings, cloud=Cloud(storage=self.fake.url, retry_seconds=5.0, wait_seconds=0.02))
        World.__post_init__(self)

    def _place(self) -> Place:
        return Place(url=f"gs://{self.bucket}/some/prefix", lease_seconds=LEASE_SECONDS)

    def names(self, folder: str) -> list[str]:
        """Return the objects whose names begin so, below the prefix."""
        start = f"some/prefix/{folder}"
        return [name for name in sorted(self.fake.objects(self.bucket)) if name.startswith(start)]

    def data(self, month: Month = MONTH) -> str:
        """Return the name of the month's data object."""
        return f"some/prefix/{self.dataset.name}/month={month}/data.parquet"

    def _frame(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(self.fake.read(self.bucket, name)))

    def visible(self, month: Month = MONTH) -> list[Row] | None:
        """See `World`."""
        if self.data(month) not in self.fake.objects(self.bucket):
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
        documents = [json.loads(self.fake.read(self.bucket, name)) for name in self.names("_engine/loads/")]
        return {document["load_id"]: document["state"] for document in documents}

    def rejects(self) -> list[tuple[int, str | None, str, str]]:
        """See `World`."""
        return sorted(row for name in self.names("_engine/rejects/") for row in self._frame(name).rows())

    def lose_ledger(self) -> None:
        """See `World`."""
        for name in self.names("_engine/loads/"):
            self.fake.delete(self.bucket, name)

    def age_ledger(self) -> None:
        """See `World`."""
        for name in self.names("_engine/loads/"):
            text = self.fake.read(self.bucket, name).decode()
            self.fake.write(self.bucket, name, text.replace('"schema_version": 1', '"schema_version": 99').encode())

    def tamper(self, what: str) -> None:
        """See `World`."""
        changed = io.BytesIO()
        with pq.ParquetFile(io.BytesIO(self.fake.read(self.bucket, self.data()))) as file:
            pq.write_table(tampered(file, what), changed)
        self.fake.write(self.bucket, self.data(), changed.getvalue())

    def reset(self) -> None:
        """See `World`."""
        for name in self.names(""):
            self.fake.delete(self.bucket, name)

    def prints(self, month: Month) -> object:
        """See `World`."""
        return self.fake.objects(self.bucket)[self.data(month)].generation

    def fingerprint(self) -> object:
        """See `World`."""
        return {name: record.generation for name, record in self.fake.objects(self.bucket).items()}
