"""A target by its URL: the one place that knows which kinds there are.

A new kind is a file under `sinks/`, one under `ledger/` where it cannot share one, and a `case` here.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from engine.errors import TableMismatch, TargetUnreachable, UsageError
from engine.receipt import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from engine.contract import Dataset
    from engine.ledger import Ledger
    from engine.receipt import Receipt
    from engine.settings import Settings
    from engine.sinks import Sink

KNOWN = "postgresql://USER@HOST/DATABASE, a folder; nothing: the embedded PostgreSQL, or what the PG* variables name"
_LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer names (NAMEDATALEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A target as users name it.

    Attributes:
        url: A URL or a folder; None: what the `PG*` variables name, else the embedded PostgreSQL.
        schema: Schema in a database.
        table: Main table in a database; None: the dataset's own.
        lock_wait_seconds: How long a publication tries against readers.

    """

    url: str | None = None
    schema: str = "public"
    table: str | None = None
    lock_wait_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the rows of one dataset go, and the ledger beside them."""

    sink: Sink
    ledger: Ledger


@contextmanager
def open_target(place: Place, dataset: Dataset, settings: Settings) -> Iterator[Target]:
    """Open the target for one dataset; everything it holds (connections, an embedded server) is released at the end.

    Raises:
        UsageError: There is no such kind of target.
        TargetUnreachable: It does not answer, now or later.

    """
    match _scheme(place, settings):
        case "folder":
            from engine.ledger.folder import FolderLedger  # noqa: PLC0415 - each target's libraries only where it is used
            from engine.sinks.parquet.sink import ParquetSink  # noqa: PLC0415

            with _written():
                sink = ParquetSink(_folder(place), dataset)
                yield Target(
                    sink=sink, ledger=FolderLedger(_folder(place), dataset=dataset.name, embedded=sink.embedded)
                )
        case _:
            from engine.ledger.postgres import PostgresLedger  # noqa: PLC0415
            from engine.sinks.postgres.sink import PostgresSink  # noqa: PLC0415

            table = _named("table", place.table or dataset.table)
            _named("schema", place.schema)
            with ExitStack() as stack, _reached():
                url = stack.enter_context(server(place, settings))
                connection = stack.enter_context(_connected(url))
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


def receipts(place: Place, settings: Settings, dataset: str | None) -> list[Receipt]:
    """Return what the target's ledger says of each month, of one dataset or of all."""
    if _scheme(place, settings) == "folder":
        from engine.ledger.folder import FolderLedger  # noqa: PLC0415
        from engine.sinks.parquet.work import published  # noqa: PLC0415

        with _written():
            ledger = FolderLedger(_folder(place), dataset=dataset or "", embedded=lambda _: None)
            known = {(r.dataset, r.month): r for r in ledger.receipts(dataset)}
            for receipt in published(_folder(place)):  # the ledger is an index of these
                recorded = known.get(key := (receipt.dataset, receipt.month))
                if dataset in (None, receipt.dataset) and (
                    recorded is None or (recorded.load_id, recorded.state) != (receipt.load_id, State.LOADED)
                ):
                    known[key] = receipt
        return [known[key] for key in sorted(known)]
    from engine.ledger.postgres import PostgresLedger  # noqa: PLC0415

    with _reached(), server(place, settings) as url, _connected(url) as connection:
        return PostgresLedger(connection, url=url, schema=place.schema, table="").receipts(dataset)


def untouched(place: Place, settings: Settings) -> bool:
    """Tell that the target is the embedded server and was never started: it has nothing, and looking would make it."""
    return _scheme(place, settings) == "embedded" and not settings.postgres.exists()


@contextmanager
def server(place: Place, settings: Settings) -> Iterator[str]:
    """Yield the libpq URL of the PostgreSQL that is meant; the embedded one runs as long as it is held.

    Raises:
        UsageError: The target is no database.

    """
    match _scheme(place, settings):
        case "postgresql":
            yield place.url or ""
        case "embedded":
            from engine.embedded import Server  # noqa: PLC0415

            with Server(settings.postgres).running() as url:
                yield url
        case _:
            message = f"{place.url} is no database"
            raise UsageError(message, next_step="name a postgresql:// URL, or none for the embedded server")


@contextmanager
def _connected(url: str) -> Iterator[Connection[tuple[Any, ...]]]:
    from engine.postgres import connect  # noqa: PLC0415

    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _reached() -> Iterator[None]:
    """Turn a connection that is lost, or rights that are missing, at any time, into the error that says so."""
    import psycopg  # noqa: PLC0415

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


@contextmanager
def _written() -> Iterator[None]:
    """Turn what an operating system says about a folder into the error that says what to do."""
    try:
        yield
    except OSError as error:
        message = "the target folder cannot be read or written"
        raise TargetUnreachable(
            message,
            facts={"reason": str(error)},
            state="the month is as it was, or whole: `engine status` says which",
            next_step="see to its rights and its free space, then run the command again",
        ) from error


def _named(what: str, name: str) -> str:
    """Return a name that PostgreSQL keeps as it is and that statements can hold; a longer one it would cut silently."""
    if not name or "%" in name or "\0" in name or len(name.encode()) > _LONGEST_NAME:
        message = f"{name!r} cannot be a {what}"
        raise UsageError(message, facts={"expected": f"1 to {_LONGEST_NAME} bytes without % and NUL"})
    return name


def _scheme(place: Place, settings: Settings) -> str:
    if place.url is None:
        return "postgresql" if settings.postgres_named else "embedded"
    match urlsplit(place.url).scheme:
        case "postgresql" | "postgres":
            return "postgresql"
        case "" | "file":
            return "folder"
        case scheme:
            message = f"there is no kind of target {scheme}://"
            raise UsageError(message, facts={"expected": KNOWN})


def _folder(place: Place) -> Path:
    url = place.url or ""
    return Path(unquote(urlsplit(url).path) if url.startswith("file:") else url).absolute()
