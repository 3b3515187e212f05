"""A schema of a PostgreSQL server as a target."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from engine.errors import TableMismatch, TargetUnreachable, UsageError
from engine.ledger.postgres import PostgresLedger
from engine.postgres import connect
from engine.sinks.postgres.sink import PostgresSink
from engine.targets.place import Place, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.contract import Dataset
    from engine.receipt import Receipt

_LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer names (NAMEDATALEN)


@contextmanager
def opened(place: Place, dataset: Dataset, url: str) -> Iterator[Target]:
    """Yield the target for one dataset.

    Args:
        place: What the user named.
        dataset: What goes there.
        url: libpq URL of the server; empty: what the `PG*` variables say.

    """
    table = _named("table", place.table or dataset.table)
    _named("schema", place.schema)
    with reached(), connected(url) as connection:
        yield Target(
            sink=PostgresSink(
                connection,
                url=url,
                schema=place.schema,
                dataset=dataset,
                table=table,
                lock_wait_seconds=place.lock_wait_seconds,
            ),
            ledger=PostgresLedger(connection, url=url, schema=place.schema, table=table),
        )


def receipts(place: Place, dataset: str | None, url: str) -> list[Receipt]:
    """Return what is loaded there, in one table or in all, month by month."""
    with reached(), connected(url) as connection:
        return PostgresLedger(connection, url=url, schema=place.schema, table=place.table or "").receipts(dataset)


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Yield a connection in autocommit, closed at the end."""
    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def reached() -> Iterator[None]:
    """Turn a connection that is lost, or rights that are missing, at any time, into the error that says so."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        message = "PostgreSQL does not let this role do what a load needs"
        raise TableMismatch(
            message,
            facts={"reason": str(error).splitlines()[0]},
            state="nothing of this load is visible",
            next_step="GRANT USAGE, CREATE ON SCHEMA ... to this role; tables that others made must be its own",
        ) from error
    except psycopg.OperationalError as error:
        message = "PostgreSQL ended the connection"
        raise TargetUnreachable(
            message,
            facts={"reason": (str(error).splitlines() or [""])[0]},
            state="nothing of this load is visible",
            next_step="look at the server's log, then run the command again: it clears what is left",
        ) from error


def _named(what: str, name: str) -> str:
    """Return a name that PostgreSQL keeps as it is and that statements can hold; a longer one it would cut silently."""
    if not name or "%" in name or "\0" in name or len(name.encode()) > _LONGEST_NAME:
        message = f"{name!r} cannot be a {what}"
        raise UsageError(message, facts={"expected": f"1 to {_LONGEST_NAME} bytes without % and NUL"})
    return name
