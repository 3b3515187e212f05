"""One target of any kind with a small dataset on it, seen from outside: what is visible, recorded, and left behind.

A new kind of target is one subclass in a file of its own, and one name in `KINDS`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from engine import catalog
from engine.contract import ID
from engine.identity import Checksum
from engine.ingest import Request, Result, ingest
from engine.month import Month
from engine.proof import source_of
from engine.settings import Settings
from engine.targets import Place, Target, open_target
from engine.verify import Findings, verify
from engine.watch import Nobody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.contract import Dataset
    from engine.receipt import Receipt

KINDS = ("postgres", "postgres-installed", "folder", "gcs", "gcs-emulator", "bigquery")
ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("child.py")
MONTH = Month(2019, 1)
HEADER = "id,at,fare,note"
Row = tuple[Any, ...]
TRIPS = """
[dataset]
name = "trips"
time = "at"
description = "Four columns, so that every value of a test can be seen"
[policy]
max_rejects = 0.2
[[columns]]
name = "id"
type = "int64"
description = "A number; it need not be unique"
[[columns]]
name = "at"
type = "datetime"
[[columns]]
name = "fare"
type = "decimal(10,2)"
[[columns]]
name = "note"
type = "text"
"""


def lines(*numbers: int, note: str = "n", fare: str = "1.50") -> list[str]:
    """Return data lines, one a number."""
    return [f"{n},2019-01-{1 + n % 28:02d} 10:00:00,{fare},{note}{n}" for n in numbers]


@dataclass(slots=True, kw_only=True)
class World(ABC):
    """A target and everything around it.

    Attributes:
        folder: A folder of this world's own.
        dataset: What is loaded.
        settings: Where the engine keeps its things.
        place: The target.

    """

    folder: Path
    dataset: Dataset
    settings: Settings
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.place = self._place()

    @abstractmethod
    def _place(self) -> Place:
        """Return the target."""

    @abstractmethod
    def visible(self, month: Month = MONTH) -> list[Row] | None:
        """Return what any reader sees of the month, without the engine: sorted rows; None: nothing at all."""

    @abstractmethod
    def remains(self) -> list[str]:
        """Return the names of everything unpublished."""

    @abstractmethod
    def states(self) -> dict[str, str]:
        """Return the ledger's loads with their states, in order of time."""

    @abstractmethod
    def rejects(self) -> list[tuple[int, str | None, str, str]]:
        """Return the quarantined lines: line, column, reason, text."""

    @abstractmethod
    def lose_ledger(self) -> None:
        """Remove the ledger and leave the data."""

    @abstractmethod
    def age_ledger(self) -> None:
        """Make the ledger one that a newer engine wrote."""

    @abstractmethod
    def tamper(self, what: str) -> None:
        """Change a loaded month behind the engine's back: `changed`, `missing`, `extra` or `repeated`."""

    @abstractmethod
    def reset(self) -> None:
        """Make the target empty."""

    @abstractmethod
    def added(self) -> set[tuple[object, ...]]:
        """Return what the month's rows have as `filename` and `source_month`."""

    @abstractmethod
    def column(self, name: str) -> list[object]:
        """Return one column of the month, in no order."""

    @abstractmethod
    def prints(self, month: Month) -> object:
        """Return something that differs once the month's rows were written anew."""

    @abstractmethod
    def fingerprint(self) -> object:
        """Return something that differs once anything was written."""

    def write(self, data: list[str], month: Month = MONTH, *, name: str = "") -> Path:
        """Write a month's file, its lines as they are."""
        path = self.folder / "in" / (name or f"{self.dataset.name}_tripdata_{month}.csv")
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([HEADER, *data]) + "\n", encoding="utf-8")
        return path

    def request(self, month: Month = MONTH, **options: Any) -> Request:  # noqa: ANN401 - a Request's fields
        """Return the request that loads the month from this world's folder."""
        place = options.pop("to", self.place)
        return Request(
            dataset=options.pop("dataset", self.dataset),
            month=month,
            to=place,
            location=str(options.pop("location", self.folder / "in")),
            **options,
        )

    def run(self, month: Month = MONTH, **options: Any) -> Result:  # noqa: ANN401 - a Request's fields
        """Run one ingest, whatever comes of it."""
        return ingest(self.request(month, **options), self.settings, Nobody())

    def load(self, month: Month = MONTH, **options: Any) -> Receipt:  # noqa: ANN401 - a Request's fields
        """Run one ingest that must not fail."""
        result = self.run(month, **options)
        assert result.error is None, result.error
        return result.receipt

    def start(self, *arguments: str, month: Month = MONTH, pipe: bool = False) -> subprocess.Popen[str]:
        """Start an ingest in a process of its own; `arguments` are those of `child.py`."""
        head = [sys.executable, str(CHILD), str(self.folder), self.place.url or "", self.place.schema, str(month)]
        return subprocess.Popen(  # noqa: S603 - our own program
            [*head, *arguments],
            stdin=subprocess.PIPE if pipe else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if pipe else subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment()},
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that a process of the engine needs to find this world's servers."""
        cloud = self.settings.cloud
        servers = {
            "STORAGE_EMULATOR_HOST": cloud.storage,
            "BIGQUERY_EMULATOR_HOST": cloud.bigquery,
            "BIGQUERY_STORAGE_EMULATOR_HOST": cloud.bigquery_storage,
        }
        seconds = {"ENGINE_RETRY_SECONDS": cloud.retry_seconds, "ENGINE_TEST_LEASE_SECONDS": self.place.lease_seconds}
        return {k: str(v) for k, v in {**seconds, **servers}.items() if v}

    @contextmanager
    def opened(self) -> Iterator[Target]:
        """Yield the target as the engine opens it."""
        with open_target(self.place, self.dataset, self.settings) as target:
            yield target

    def stored(self, month: Month = MONTH) -> pl.DataFrame:
        """Return the month as the sink reads it back, sorted."""
        with self.opened() as target:
            frames = list(target.sink.read(month))
        return pl.concat(frames).sort(pl.all()) if frames else pl.DataFrame()

    def verified(self, month: Month = MONTH, *, against_source: bool = False, deep: bool = True) -> Findings:
        """Return what `verify` finds."""
        spool, nobody = self.settings.spool, Nobody()
        with self.opened() as target:
            if not against_source:
                return verify(self.dataset, month, target, spool=spool, watch=nobody, deep=deep)
            flags = {"location": None, "form": None, "strict": False, "max_rejects": None}
            with source_of(self.dataset, month, target, spool, nobody, **flags) as source:
                return verify(self.dataset, month, target, spool=spool, watch=nobody, source=source, deep=deep)

    def assert_whole(self, numbers: list[int], receipt: Receipt, *, note: str = "n") -> None:
        """Assert that the month is exactly these lines, that ids are unique, and that the ledger says so."""
        visible = self.visible()
        assert visible is not None
        assert Counter((row[0], row[3]) for row in visible) == Counter((n, f"{note}{n}") for n in numbers)
        self.assert_consistent(receipt)

    def assert_consistent(self, receipt: Receipt) -> None:
        """Assert that ids, ledger and receipt agree and that nothing unpublished is left."""
        stored = self.stored()
        assert stored[ID].n_unique() == len(stored) == receipt.rows.total
        checksum = Checksum()
        checksum.add(stored[ID])
        assert checksum.hexdigest() == receipt.id_checksum
        assert self.remains() == []
        assert Counter(self.states().values())["loaded"] == 1
        assert "loading" not in self.states().values()
        assert self.verified().agree


def settings_in(folder: Path) -> Settings:
    """Return settings that keep everything in a folder."""
    return Settings(data=folder / "home", cache=folder / "home" / "cache", datasets=(), postgres_named=False)


def trips(folder: Path, text: str = TRIPS) -> Dataset:
    """Return the small dataset, written into a folder."""
    path = folder / "trips.toml"
    path.write_text(text, encoding="utf-8")
    return catalog.load(path)
