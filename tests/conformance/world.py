"""One target of any kind with a small dataset on it, seen from outside: what is visible, recorded, and left behind.

A new kind of target is one subclass and one name in `KINDS`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg
from psycopg import sql

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

KINDS = ("postgres", "postgres-installed", "folder")

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("child.py")
MONTH = Month(2019, 1)
HEADER = "id,at,fare,note"
_NUMBERS = itertools.count(1)

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
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

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

    def verified(self, month: Month = MONTH, *, against_source: bool = False) -> Findings:
        """Return what `verify` finds."""
        spool, nobody = self.settings.spool, Nobody()
        with self.opened() as target:
            if not against_source:
                return verify(self.dataset, month, target, spool=spool, watch=nobody)
            flags = {"location": None, "form": None, "strict": False, "max_rejects": None}
            with source_of(self.dataset, month, target, spool, nobody, **flags) as source:
                return verify(self.dataset, month, target, spool=spool, watch=nobody, source=source)

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


class FolderWorld(World):
    """A folder of Parquet files."""

    def _place(self) -> Place:
        return Place(url=str(self.root))

    @property
    def root(self) -> Path:
        """The target's folder."""
        return self.folder / "out"

    def data(self, month: Month = MONTH) -> Path:
        """Return the month's data file."""
        return self.root / self.dataset.name / f"month={month}" / "data.parquet"

    def visible(self, month: Month = MONTH) -> list[Row] | None:
        """See `World`; Polars reads the folder as anyone would."""
        if not self.data(month).exists():
            return None
        columns = [c.name for c in self.dataset.contract.columns]
        return sorted(pl.read_parquet(self.data(month), columns=columns).rows(), key=repr)

    def remains(self) -> list[str]:
        """See `World`."""
        work = [path.name for path in (self.root / "_engine" / "work").glob("*")]
        foreign = [p.name for p in (self.root / self.dataset.name).glob("*/*") if p.name != "data.parquet"]
        return work + foreign

    def states(self) -> dict[str, str]:
        """See `World`."""
        paths = (self.root / "_engine" / "loads").glob("*/*/*.json")
        frames = {path.stem: pl.read_json(path)["state"][0] for path in paths}
        return dict(sorted(frames.items()))

    def rejects(self) -> list[tuple[int, str | None, str, str]]:
        """See `World`."""
        paths = sorted((self.root / "_engine" / "rejects").glob("*/*/*.parquet"))
        return sorted(row for path in paths for row in pl.read_parquet(path, hive_partitioning=False).rows())

    def lose_ledger(self) -> None:
        """See `World`."""
        shutil.rmtree(self.root / "_engine" / "loads")

    def age_ledger(self) -> None:
        """See `World`."""
        for path in (self.root / "_engine" / "loads").glob("*/*/*.json"):
            path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99'))

    def tamper(self, what: str) -> None:
        """See `World`."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - only here

        with pq.ParquetFile(self.data()) as file:
            table, metadata = file.read(), file.schema_arrow.metadata or {}
            footer = file.metadata.metadata
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        match what:
            case "changed":
                frame = frame.with_columns(note=pl.when(pl.col("id") == 3).then(pl.lit("other")).otherwise("note"))
            case "missing":
                frame = frame.filter(pl.col("id") != 3)
            case "extra":
                alien = frame.filter(pl.col("id") == 3).with_columns(
                    pl.lit(bytes(range(16))).alias(ID), note=pl.lit("alien")
                )
                frame = pl.concat([frame, alien])
            case _:
                frame = pl.concat([frame, frame.filter(pl.col("id") == 3)])
        changed = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(table.schema)
        pq.write_table(changed.replace_schema_metadata({**metadata, **(footer or {})}), self.data())

    def fingerprint(self) -> object:
        """See `World`."""
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in self.root.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }


@dataclass(slots=True, kw_only=True)
class PostgresWorld(World):
    """A schema of a database.

    Attributes:
        url: The database.
        schema: The schema.

    """

    url: str
    schema: str = "public"

    def _place(self) -> Place:
        return Place(url=self.url, schema=self.schema, lock_wait_seconds=2.0)

    def query(self, text: str, *values: object) -> list[Row]:
        """Run one statement as a stranger would and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT set_config('search_path', %s, false)", [self.schema])
            cursor = connection.execute(text.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def _is(self, table: str) -> bool:
        return bool(self.query("SELECT to_regclass(%s) IS NOT NULL", table)[0][0])

    def visible(self, month: Month = MONTH) -> list[Row] | None:
        """See `World`; through the main table, as anyone would."""
        if not self._is(self.dataset.table):
            return None
        columns = ", ".join(c.name for c in self.dataset.contract.columns)
        query = f"SELECT {columns} FROM {self.dataset.table} WHERE source_month = %s"  # noqa: S608 - our own names
        rows = self.query(query, month.first_day)
        partition = f"{self.dataset.table}_{month.year:04d}_{month.month:02d}"
        return sorted(rows, key=repr) if rows or self._is(partition) else None

    def remains(self) -> list[str]:
        """See `World`."""
        rows = self.query(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace "
            "AND (relname LIKE '\\_engine\\_%%' OR (NOT relispartition AND relname ~ %s))",
            self.schema,
            f"^{self.dataset.table}_\\d{{4}}_\\d\\d$",
        )
        return [row[0] for row in rows]

    def states(self) -> dict[str, str]:
        """See `World`."""
        if not self._is("engine_loads"):
            return {}
        rows = self.query("SELECT load_id::text, state, receipt->>'state' FROM engine_loads ORDER BY load_id")
        assert all(column == document for _, column, document in rows)
        return {load: state for load, state, _ in rows}

    def rejects(self) -> list[tuple[int, str | None, str, str]]:
        """See `World`."""
        if not self._is("engine_rejects"):
            return []
        rows = self.query("SELECT line, column_name, reason, raw FROM engine_rejects ORDER BY line")
        return [(line, column, reason, raw) for line, column, reason, raw in rows]

    def lose_ledger(self) -> None:
        """See `World`."""
        self.query("DROP TABLE engine_loads")

    def age_ledger(self) -> None:
        """See `World`."""
        self.query("COMMENT ON TABLE engine_loads IS 'What was loaded. Ledger schema 99'")

    def tamper(self, what: str) -> None:
        """See `World`."""
        partition = f"{self.dataset.table}_{MONTH.year:04d}_{MONTH.month:02d}"
        match what:
            case "changed":
                self.query(f"UPDATE {partition} SET note = 'other' WHERE id = 3")  # noqa: S608 - our own names
            case "missing":
                self.query(f"DELETE FROM {partition} WHERE id = 3")  # noqa: S608 - our own names
            case "extra":
                self.query(
                    f"INSERT INTO {partition} (unique_row_id, id, at, fare, note) "  # noqa: S608 - our own names
                    f"SELECT md5('x')::uuid, id, at, fare, 'alien' FROM {partition} WHERE id = 3"
                )
            case _:
                self.query(f"DROP INDEX {partition}_id")
                self.query(f"INSERT INTO {partition} SELECT * FROM {partition} WHERE id = 3")  # noqa: S608 - our own names

    def fingerprint(self) -> object:
        """See `World`."""
        tables = self.query(
            "SELECT relname, oid, pg_relation_filenode(oid) FROM pg_class WHERE relnamespace = %s::regnamespace "
            "ORDER BY 1",
            self.schema,
        )
        return tables, self.query("SELECT *, xmin::text FROM engine_loads ORDER BY load_id")


def settings_in(folder: Path) -> Settings:
    """Return settings that keep everything in a folder."""
    return Settings(data=folder / "home", cache=folder / "home" / "cache", datasets=(), postgres_named=False)


def trips(folder: Path, text: str = TRIPS) -> Dataset:
    """Return the small dataset, written into a folder."""
    path = folder / "trips.toml"
    path.write_text(text, encoding="utf-8")
    return catalog.load(path)


@contextmanager
def postgres_world(server: str, folder: Path) -> Iterator[PostgresWorld]:
    """Yield a world in a schema of its own, which is as good as a database of its own and made at once."""
    schema = f"world_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    yield PostgresWorld(folder=folder, dataset=trips(folder), settings=settings_in(folder), url=server, schema=schema)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"r_{schema}")))
