"""A target by its URL: the one place that knows which kinds there are.

A new kind is a file under `sinks/`, one under `ledger/` where it cannot share one, one here that puts the two together,
and a `case`. Each kind's libraries are imported only where it is used.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.contract import Dataset
    from engine.receipt import Receipt
    from engine.settings import Settings
    from engine.targets.place import Place, Target

KNOWN = (
    "postgresql://USER@HOST/DATABASE, gs://BUCKET/PREFIX, bigquery://PROJECT/DATASET, a folder; nothing: the embedded "
    "PostgreSQL, or what the PG* variables name"
)


@contextmanager
def open_target(place: Place, dataset: Dataset, settings: Settings) -> Iterator[Target]:
    """Open the target for one dataset; everything it holds (connections, an embedded server) is released at the end.

    Raises:
        UsageError: There is no such kind of target.
        TargetUnreachable: It does not answer, now or later.

    """
    with ExitStack() as stack:
        match scheme(place, settings):
            case "folder":
                from engine.targets import folder  # noqa: PLC0415

                yield stack.enter_context(folder.opened(place, dataset))
            case "gs":
                from engine.targets import bucket  # noqa: PLC0415

                yield stack.enter_context(bucket.opened(place, dataset, settings))
            case "bigquery":
                from engine.targets import bigquery  # noqa: PLC0415

                yield stack.enter_context(bigquery.opened(place, dataset, settings))
            case _:
                from engine.targets import postgres  # noqa: PLC0415

                url = stack.enter_context(server(place, settings))
                yield stack.enter_context(postgres.opened(place, dataset, url))


def receipts(place: Place, settings: Settings, dataset: str | None) -> list[Receipt]:
    """Return what the target's ledger says of each month, of one dataset or of all."""
    match scheme(place, settings):
        case "folder":
            from engine.targets import folder  # noqa: PLC0415

            return folder.receipts(place, dataset)
        case "gs":
            from engine.targets import bucket  # noqa: PLC0415

            return bucket.receipts(place, settings, dataset)
        case "bigquery":
            from engine.targets import bigquery  # noqa: PLC0415

            return bigquery.receipts(place, settings, dataset)
        case _:
            from engine.targets import postgres  # noqa: PLC0415

            with server(place, settings) as url:
                return postgres.receipts(place, dataset, url)


def untouched(place: Place, settings: Settings) -> bool:
    """Tell that the target is the embedded server and was never started: it has nothing, and looking would make it."""
    return scheme(place, settings) == "embedded" and not settings.postgres.exists()


@contextmanager
def server(place: Place, settings: Settings) -> Iterator[str]:
    """Yield the libpq URL of the PostgreSQL that is meant; the embedded one runs as long as it is held.

    Raises:
        UsageError: The target is no database.

    """
    match scheme(place, settings):
        case "postgresql":
            yield place.url or ""
        case "embedded":
            from engine.embedded import Server  # noqa: PLC0415
            from engine.targets.postgres import reached  # noqa: PLC0415

            with reached(), Server(settings.postgres).running() as url:
                yield url
        case _:
            message = f"{place.url} is no database"
            raise UsageError(message, next_step="name a postgresql:// URL, or none for the embedded server")


def scheme(place: Place, settings: Settings) -> str:
    """Return the kind of a target: `folder`, `gs`, `bigquery`, `postgresql` or `embedded`.

    Raises:
        UsageError: There is no such kind.

    """
    if place.url is None:
        return "postgresql" if settings.postgres_named else "embedded"
    match urlsplit(place.url).scheme:
        case "postgresql" | "postgres":
            return "postgresql"
        case "" | "file":
            return "folder"
        case ("gs" | "bigquery") as cloud:
            return cloud
        case other:
            message = f"there is no kind of target {other}://"
            raise UsageError(message, facts={"expected": KNOWN})
