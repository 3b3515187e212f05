"""DuckDB: gzip -> MD5 -> Parquet, zstd level 1, the id as 16 bytes, two more constant columns as the engine has them.

Usage: python -m benchmarks.contestants.duckdb_parquet FILE MONTH TARGET detected|typed|text
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

from benchmarks.contestants import duck


def main(file: str, month: str, target: str, over: str) -> dict[str, float | str]:
    """Write the month and return how long that took."""
    start = time.perf_counter()
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute("SET preserve_insertion_order = false")
    query = (
        f"COPY (SELECT unhex({duck.md5()}) AS unique_row_id, 'yellow_tripdata_{month}.csv' AS filename, "  # noqa: S608 - names of our own
        f"DATE '{month}-01' AS source_month, {duck.values(over)} FROM {duck.source(file, over)}) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )
    connection.execute(query)
    return {"seconds": round(time.perf_counter() - start, 3), "version": duckdb.__version__}


if __name__ == "__main__":
    Path(sys.argv[3]).parent.mkdir(parents=True, exist_ok=True)
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4])))
