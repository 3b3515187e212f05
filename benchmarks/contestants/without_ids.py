"""The engine's own way from gzip to Parquet with every check and without ids: what `row-v1` costs is the difference.

Usage: python -m benchmarks.contestants.without_ids FOLDER MONTH TARGET SPOOL
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from engine import catalog, files
from engine.contract import FILENAME, ID, SOURCE_MONTH
from engine.decode import Quarantine, read_layout, scan
from engine.month import Month
from engine.pipeline import Pipeline
from engine.sinks.parquet.writer import Writer, file_schema
from engine.sources import open_source
from engine.watch import Nobody

if TYPE_CHECKING:
    from collections.abc import Iterator


class WithoutIds(Pipeline):
    """The pipeline less its last step."""

    def frame(self) -> pl.LazyFrame:
        """Return checked and typed rows."""
        return scan(self.path, self.layout, strict=self.strict, report=self.report, quarantine=self.quarantine)


def tables(pipeline: Pipeline, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield batches as the file has them."""
    name = pipeline.dataset.filename(pipeline.month)
    same = {FILENAME: pa.scalar(name), SOURCE_MONTH: pa.scalar(pipeline.month.first_day)}
    for frame in pipeline.batches():
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        columns = [
            pa.repeat(same[f.name], table.num_rows)
            if f.name in same
            else table.column(f.name).cast(f.type)
            if f.name in table.schema.names
            else pa.nulls(table.num_rows, f.type)
            for f in schema
        ]
        yield pa.table(columns, schema=schema)


def main(folder: str, month_text: str, target: Path, spool: Path) -> dict[str, float]:
    """Write the month and return how long that took."""
    start = time.perf_counter()
    dataset, month = catalog.find("yellow", ()), Month.parse(month_text)
    source = open_source(folder, dataset, month, spool=spool, form=None)
    fetched = source.fetch(source.look(), lambda *_: None)
    layout = read_layout(fetched.path, dataset, month, name=dataset.filename(month))
    quarantine = Quarantine(spool / "without-ids.rejects")
    pipeline = WithoutIds(
        path=fetched.path, layout=layout, dataset=dataset, month=month, quarantine=quarantine, watch=Nobody()
    )
    whole = file_schema(dataset.contract.columns)
    schema = pa.schema([f for f in whole if f.name != ID])
    unfinished = target.with_suffix(".unfinished")
    writer = Writer(unfinished, schema)
    writer.add(tables(pipeline, schema))
    writer.close({})
    fetched.verify_unchanged()
    files.publish(unfinished, target)
    fetched.discard()
    quarantine.close()
    return {"seconds": round(time.perf_counter() - start, 3)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
