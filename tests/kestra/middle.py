"""Holds loads where it hurts most: their rows are in the database, and what makes them visible waits for a lock."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kestra.conftest import Stage
    from tests.kestra.containers import Database

_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND relation = '{table}'::regclass"
)
_MONTH = "SELECT count(*), count(DISTINCT unique_row_id) FROM {table} WHERE source_month = '{month}-01'"
_LEFT = r"SELECT relname FROM pg_class WHERE relname LIKE '\_engine\_%' AND relkind = 'r'"


@dataclass(frozen=True, kw_only=True)
class Middle:
    """Loads of one table that go no further.

    Attributes:
        database: Where they load.
        table: The main table, whose lock is taken.

    """

    database: Database
    table: str

    def reached(self, loads: int, seconds: float = 60) -> None:
        """Wait until so many loads are there."""
        end = time.monotonic() + seconds
        while self.waiting() < loads:
            assert time.monotonic() < end, f"{self.waiting()} of {loads} loads came to the middle"
            time.sleep(0.1)

    def waiting(self) -> int:
        """Return how many loads are there."""
        return int(self.database.query(_WAITING.format(table=self.table))[0][0])


@contextmanager
def held(database: Database, dataset: str) -> Iterator[Middle]:
    """Stop all loads of a dataset in their middle for the length of a block."""
    table = f"{dataset}_tripdata"
    with database.connect() as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE".encode())
        yield Middle(database=database, table=table)


def rows(database: Database, dataset: str, month: str) -> int:
    """Return how many rows a month has, after a check that all their ids differ."""
    every, different = database.query(_MONTH.format(table=f"{dataset}_tripdata", month=month))[0]
    assert every == different
    return int(every)


def left_over(database: Database) -> list[str]:
    """Return the tables that loads made for their work and did not take away."""
    return [str(row[0]) for row in database.query(_LEFT)]


def ready(stage: Stage, dataset: str) -> None:
    """Make a dataset's main table, by a load of a month that no test looks at."""
    stage.publisher.publish(dataset, "2018-01", rows=10)
    found = stage.kestra.run("ingest_month", dataset=dataset, month="2018-01")
    assert found["outputs"]["state"] in {"loaded", "unchanged"}, found["logs"]
