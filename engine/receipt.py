"""The receipt: what one run did with one month, counted.

It is what users read, what `--output json` prints and what the ledger keeps, so its keys are stable; `schema_version`
rises when one changes its meaning.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.month import Month, Partition

SCHEMA_VERSION = 1


class State(StrEnum):
    """Where a load stands."""

    LOADING = "loading"  # begun, or died before its end: nothing of it is visible
    LOADED = "loaded"  # every row is in the target
    UNCHANGED = "unchanged"  # these bytes are in the target already; nothing was done
    NOT_PUBLISHED = "not_published"  # the source has no such month yet
    BUSY = "busy"  # somebody else loads it, or readers held the lock; nothing was changed
    FAILED = "failed"  # nothing of it is visible
    SUPERSEDED = "superseded"  # a later load replaced it


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a month's file was.

    Attributes:
        url: Where it came from, without credentials.
        bytes: Its size as published (compressed where it is); None where unknown.
        sha256: Hex digest of these bytes; None where they were not read.
        etag: The server's ETag (RFC 9110, 8.8.3), or size and time of change of a local file; None where unknown.
        last_modified: The server's Last-Modified (RFC 9110, 8.8.2); None where unknown.
        kept: URL of the copy that was kept; empty: none was asked for.

    """

    url: str
    bytes: int | None = None
    sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    kept: str = ""

    def unchanged_since(self, earlier: SourceInfo) -> bool:
        """Tell, without reading the file, that it is the one that was seen `earlier`: all validators are equal.

        A weak or absent ETag alone proves nothing; then size and Last-Modified must both be known and equal.
        """
        if self.url != earlier.url or self.bytes is None or self.bytes != earlier.bytes:
            return False
        if self.etag != earlier.etag or self.last_modified != earlier.last_modified:
            return False
        strong = self.etag is not None and not self.etag.startswith("W/")
        return strong or self.last_modified is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Where every data line of the file went: `lines == loaded + present + quarantined`.

    Attributes:
        lines: Data lines of the file, counted independently of the parser.
        loaded: Rows that this load added.
        present: Rows that the month already had.
        quarantined: Lines that became no row.
        total: Rows that the month has afterwards.

    """

    lines: int = 0
    loaded: int = 0
    present: int = 0
    quarantined: int = 0
    total: int = 0

    @property
    def whole(self) -> bool:
        """Whether the month is this file and nothing else."""
        return self.total == self.loaded + self.present


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is legal but worth knowing.

    Attributes:
        strays: Rows whose time lies outside their month.
        rounded: Values rounded to the cent.
        nulls: Nulls by column, where there are any.
        outside: Values that the publisher's data dictionary does not know, by column, where there are any.

    """

    strays: int = 0
    rounded: int = 0
    nulls: dict[str, int] = field(default_factory=dict)
    outside: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One run over one month.

    Attributes:
        load_id: UUIDv7 (RFC 9562, 5.7): sorts by time.
        state: How it ended.
        target: The target's URL without a password.
        mode: `replace` or `append`.
        seconds: Wall-clock seconds by step; `total` is the whole.
        id_checksum: All ids of the month as 32 hex digits (`engine.identity`); empty where nothing was read.
        identity: Label of the identity that computed the ids.
        contract: Fingerprint of the contract.
        job: Id of the job that publishes the month, in a warehouse that has jobs; empty elsewhere.
        bytes_billed: What the statement that published the month was billed for, in bytes; of a dry run, what it would
            be at least; 0 where nothing is billed.
        extras: Columns that the contract does not name and that were carried as text (policy `evolve`).
        started_at: UTC, ISO 8601.
        finished_at: UTC, ISO 8601; empty while loading.
        error: What a reader of the ledger needs to know about a failure; empty otherwise.

    """

    schema_version: int = SCHEMA_VERSION
    load_id: str
    dataset: str
    month: str
    state: State
    target: str
    mode: str = "replace"
    source: SourceInfo
    rows: Rows = field(default_factory=Rows)
    counts: Counts = field(default_factory=Counts)
    seconds: dict[str, float] = field(default_factory=dict)
    id_checksum: str = ""
    identity: str = ""
    contract: str = ""
    extras: list[str] = field(default_factory=list)
    engine_version: str = ""
    started_at: str = ""
    finished_at: str = ""
    error: str = ""
    job: str = ""
    bytes_billed: int = 0

    @property
    def partition(self) -> Partition:
        """The dataset and month that this receipt is about."""
        return Partition(self.dataset, Month.parse(self.month))

    def with_(self, **changes: Any) -> Receipt:  # noqa: ANN401 - the fields' own types
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the receipt as one JSON object with stable keys."""
        return json.dumps(dataclasses.asdict(self), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Receipt:
        """Read what `to_json` wrote; keys that a newer engine added are left out."""
        data = json.loads(text)
        return cls(
            **{
                **_known(cls, data),
                "state": State(data["state"]),
                "source": SourceInfo(**_known(SourceInfo, data["source"])),
                "rows": Rows(**_known(Rows, data["rows"])),
                "counts": Counts(**_known(Counts, data["counts"])),
            }
        )


def _known(cls: type[Receipt | SourceInfo | Rows | Counts], data: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in dataclasses.fields(cls)}
    return {key: value for key, value in data.items() if key in names}


def new_load_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds since 1970, then 74 random bits."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))
