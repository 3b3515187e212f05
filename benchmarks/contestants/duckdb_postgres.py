"""DuckDB: gzip -> MD5 as uuid -> PostgreSQL by its own extension, then the unique index.

Runs in an environment of its own (see `benchmarks.peers`), so it imports nothing but its neighbour and DuckDB.
Usage: python -m benchmarks.contestants.duckdb_postgres FILE MONTH URL SCHEMA typed|text
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import duckdb

from benchmarks.contestants import duck

_NUMERIC = {"DECIMAL(10,2)": "numeric(10,2)", "DOUBLE": "double precision", "VARCHAR": "text"}


def main(file: str, month: str, url: str, schema: str, over: str) -> dict[str, float | str]:
    """Load the month and return how long that took."""
    start = time.perf_counter()
    connection = duckdb.connect()
    importlib.import_module("duckdb_extensions").import_extension("postgres_scanner", con=connection)
    connection.execute("LOAD postgres_scanner")
    connection.execute("SET threads = 2")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"ATTACH '{url}' AS pg (TYPE postgres)")
    columns = ", ".join(f"{name.lower()} {_NUMERIC.get(kind, kind)}" for name, kind in duck.TYPES.items())
    definition = f"unique_row_id uuid NOT NULL, filename text NOT NULL, source_month date NOT NULL, {columns}"
    table = f"{schema}.yellow_tripdata"
    _there(connection, f"CREATE TABLE {table} ({definition})")
    connection.execute(
        f"INSERT INTO pg.{table} SELECT {duck.md5()}::UUID, 'yellow_tripdata_{month}.csv', DATE '{month}-01', "  # noqa: S608 - names of our own
        f"{duck.values(over)} FROM {duck.source(file, over)}"
    )
    copied = time.perf_counter() - start
    _there(connection, f"CREATE UNIQUE INDEX ON {table} (unique_row_id)")
    _there(connection, f"ANALYZE {table}")
    seconds = round(time.perf_counter() - start, 3)
    return {"seconds": seconds, "insert_seconds": round(copied, 3), "version": duckdb.__version__}


def _there(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Run a statement on the server, in a transaction of its own."""
    connection.execute("CALL postgres_execute('pg', ?)", [statement])


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:6])))
