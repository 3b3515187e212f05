"""A small dataset with a column of each type, and files of it drained through a scan: for the tests of decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from engine.contract import Column, Contract, Dataset, Identity, Policy, UnknownPolicy
from engine.decode import Quarantine, Report, batches, read_layout, scan
from engine.logical import Logical
from engine.month import Month

if TYPE_CHECKING:
    from pathlib import Path

MONTH = Month(2020, 1)
HEADER = b"n,at,fare,flag,x,day,ok\n"
GOOD = b"1,2020-01-02 03:04:05,9.50,N,.5,2020-01-02,true\n"
LIMIT = 1 << 16


def dataset(unknown: UnknownPolicy = "freeze") -> Dataset:
    """Return a dataset with a column of each type; `n` is not nullable."""
    kinds = {"n": "int16", "at": "datetime", "fare": "decimal(6,2)", "flag": "text", "x": "float64"}
    kinds |= {"day": "date", "ok": "bool"}
    columns = tuple(Column(name=n, type=Logical.parse(k), nullable=n != "n") for n, k in kinds.items())
    return Dataset(
        name="bikes",
        table="bikes",
        file="{dataset}_{month}.csv",
        time=None,
        description="",
        origins=(),
        contract=Contract(
            columns=columns, identity=Identity(version="row-v1", columns=("n",)), policy=Policy(unknown=unknown)
        ),
        defined_in="bikes.toml",
    )


class Decoded:
    """A file drained: its frame sorted by the first column, its report and its rejects."""

    def __init__(
        self,
        folder: Path,
        content: bytes,
        *,
        strict: bool = False,
        block_bytes: int = 8 << 20,
        unknown: UnknownPolicy = "freeze",
        of: Dataset | None = None,
        month: Month = MONTH,
    ) -> None:
        path = folder / "spooled"
        path.write_bytes(content)
        self.report = Report()
        self.quarantine = Quarantine(folder / "rejects")
        layout = read_layout(path, of or dataset(unknown), month, name="f.csv")
        lazy = scan(
            path, layout, strict=strict, report=self.report, quarantine=self.quarantine, block_bytes=block_bytes
        )
        frames = list(batches(lazy, self.report))
        self.frame = pl.concat(frames) if frames else lazy.clear().collect()
        self.rejects = [tuple(r.values()) for b in self.quarantine.batches() for r in b.to_pylist()]
        report = self.report
        assert report.complete
        assert report.lines == report.rows + report.quarantined
        assert (self.frame.height, len(self.rejects)) == (report.rows, report.quarantined)


ROW = "1,2020-01-02 03:04:05,9.50,N,.5,2020-01-02,true"
