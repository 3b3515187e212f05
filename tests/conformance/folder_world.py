"""A world whose target is a folder of Parquet files, read by Polars as anyone would."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine.contract import ID
from engine.targets import Place
from tests.conformance.world import MONTH, Row, World

if TYPE_CHECKING:
    from pathlib import Path

    from engine.month import Month


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
        with pq.ParquetFile(self.data()) as file:
            changed = tampered(file, what)
        pq.write_table(changed, self.data())

    def reset(self) -> None:
        """See `World`."""
        shutil.rmtree(self.root, ignore_errors=True)

    def added(self) -> set[tuple[object, ...]]:
        """See `World`."""
        return set(pl.read_parquet(self.data(), columns=["filename", "source_month"]).unique().rows())

    def column(self, name: str) -> list[object]:
        """See `World`."""
        return pl.read_parquet(self.data(), columns=[name])[name].to_list()

    def prints(self, month: Month) -> object:
        """See `World`."""
        status = self.data(month).stat()
        return status.st_ino, status.st_mtime_ns

    def fingerprint(self) -> object:
        """See `World`."""
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in self.root.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }


def tampered(file: pq.ParquetFile, what: str) -> pa.Table:
    """Return a data file's rows with one of them changed, missing, extra or repeated, and its footer's entries."""
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
    return changed.replace_schema_metadata({**metadata, **(footer or {})})
