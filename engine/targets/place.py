"""What users say of a target, and what it is once it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from engine.ledger import Ledger
    from engine.sinks import Sink

# How rows get into BigQuery. load: load jobs, which are free. write_api: the Storage Write API.
Method = Literal["load", "write_api"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A target as users name it.

    Attributes:
        url: A URL or a folder; None: what the `PG*` variables name, else the embedded PostgreSQL.
        schema: Schema in a database.
        table: Main table in a database or a warehouse; None: the dataset's own.
        lock_wait_seconds: How long a publication tries against readers of a database.
        staging: `gs://BUCKET/PREFIX` for the files that BigQuery loads; None: they are uploaded to BigQuery itself.
        method: How rows get into BigQuery.
        max_bytes_billed: What one query of BigQuery may cost at most; None: no limit.
        lease_seconds: A month's holder in a bucket or a warehouse that is silent for so long is dead.

    """

    url: str | None = None
    schema: str = "public"
    table: str | None = None
    lock_wait_seconds: float = 30.0
    staging: str | None = None
    method: Method = "load"
    max_bytes_billed: int | None = None
    lease_seconds: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the rows of one dataset go, and the ledger beside them."""

    sink: Sink
    ledger: Ledger
