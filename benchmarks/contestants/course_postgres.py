"""The course flow's SQL: decompress, COPY into a staging table, UPDATE with MD5, MERGE into the final table.

It has no unique index, because the flow has none: less work than the other contestants do.
Usage: python -m benchmarks.contestants.course_postgres FILE MONTH URL SCHEMA FOLDER
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_STATEMENTS = Path(__file__).parent / "course"
_PIECE = 1 << 20


def main(file: Path, month: str, url: str, schema: str, folder: Path) -> dict[str, Any]:
    """Load the month and return how long its steps took."""
    seconds = {}
    begin = start = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal start
        seconds[step] = round(time.perf_counter() - start, 3)
        start = time.perf_counter()

    plain = folder / f"yellow_tripdata_{month}.csv"
    with plain.open("wb") as out:
        subprocess.run([shutil.which("gzip") or "gzip", "-dc", str(file)], stdout=out, check=True)  # noqa: S603 - a file of ours
    lap("decompress")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
        connection.execute(_statement("tables"))
        with plain.open("rb") as lines, connection.cursor() as cursor, cursor.copy(_statement("copy")) as copy:
            while piece := lines.read(_PIECE):
                copy.write(piece)
        lap("copy")
        connection.execute(_statement("update"), {"filename": plain.name})
        lap("update")
        connection.execute(_statement("merge"))
        lap("merge")
    plain.unlink()
    return {"seconds": {**seconds, "total": round(time.perf_counter() - begin, 3)}}


def _statement(name: str) -> bytes:
    return (_STATEMENTS / f"{name}.sql").read_bytes()


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], Path(sys.argv[5]))))
