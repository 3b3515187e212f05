"""What a dataset promises: its columns, the names they had over the years, its identity, and what to do with the rest.

A dataset is data: `engine.catalog` reads it from one TOML file. Nothing here knows of files, Polars or databases.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.logical import Logical

if TYPE_CHECKING:
    from engine.month import Month

UnknownPolicy = Literal["freeze", "discard", "evolve"]

# The three columns that the engine adds to every row, and the path key of the hive layout.
ID, FILENAME, SOURCE_MONTH = "unique_row_id", "filename", "source_month"
RESERVED = frozenset({ID, FILENAME, SOURCE_MONTH, "month"})


def normalised(header_name: str) -> str:
    """Return a header's name as aliases are compared: without quotes, outer spaces and case."""
    return header_name.strip().strip('"').strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a contract.

    Attributes:
        name: Canonical name, lower case.
        type: Its logical type.
        nullable: Whether a missing value is legal; where not, it sends the row to quarantine.
        aliases: Other header names, already `normalised`.
        since: First month whose files have it; None: from the beginning.
        until: Last month whose files have it; None: to this day.
        format: How dates and times are written, in strftime's words; empty: ISO 8601 with a space.
        description: One line for people; becomes the column's comment in a database.

    """

    name: str
    type: Logical
    nullable: bool = True
    aliases: tuple[str, ...] = ()
    since: Month | None = None
    until: Month | None = None
    format: str = ""
    description: str = ""

    def published_in(self, month: Month) -> bool:
        """Tell whether files of `month` are expected to have this column."""
        return (self.since is None or self.since <= month) and (self.until is None or month <= self.until)

    @property
    def time_format(self) -> str:
        """The strftime format of a date or a datetime."""
        return self.format or ("%Y-%m-%d" if self.type.kind == "date" else "%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """How `unique_row_id` is computed.

    Attributes:
        version: The algorithm; `row-v1` is the only one.
        columns: Names of the base columns, hashed as one message. Any other column of the contract changes an id only
            where it is not null, so that columns can be added later and no old id changes.

    """

    version: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What to do with what the contract does not foresee.

    Attributes:
        unknown: Columns that the contract does not name: refuse the file, drop them, or carry them as text.
        max_rejects: Bad rows allowed, as a fraction of data lines; strictly more fails the month.

    """

    unknown: UnknownPolicy = "freeze"
    max_rejects: float = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Columns in canonical order, identity and policy of one dataset."""

    columns: tuple[Column, ...]
    identity: Identity
    policy: Policy

    def column(self, name: str) -> Column:
        """Return the column of that canonical name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def identity_label(self) -> str:
        """Version and layout of the identity, such as `row-v1:5f2c9a01`: equal labels compute comparable ids."""
        base = sorted((name, str(self.column(name).type)) for name in self.identity.columns)
        layout = ",".join(f"{name} {kind}" for name, kind in base)
        return f"{self.identity.version}:{hashlib.sha256(layout.encode()).hexdigest()[:8]}"

    @property
    def fingerprint(self) -> str:
        """Digest of all columns with their types: changes whenever a table would look different."""
        text = ",".join(f"{c.name} {c.type} {c.nullable}" for c in self.columns)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A place where months of a dataset are published.

    Attributes:
        format: `csv` or `parquet`.
        url: Template with `{dataset}` and `{month}`.
        since: First month there; None: from the beginning.
        until: Last month there; None: to this day.

    """

    format: Literal["csv", "parquet"]
    url: str
    since: Month | None = None
    until: Month | None = None

    def has(self, month: Month) -> bool:
        """Tell whether this place is known to publish that month."""
        return (self.since is None or self.since <= month) and (self.until is None or month <= self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Monthly files of one kind.

    Attributes:
        name: `yellow`, `green`, ...; also the folder of its Parquet files.
        table: Main table in a database.
        file: Template of a file's name without compression suffix, with `{dataset}` and `{month}`.
        time: Column that says when a row happened; rows outside their file's month are strays. None: no such.
        description: One line for people; becomes the table's comment in a database.
        origins: Where its months are published, in order of preference.
        contract: Columns, identity and policy.
        defined_in: Path of its TOML file, for messages.

    """

    name: str
    table: str
    file: str
    time: str | None
    description: str
    origins: tuple[Origin, ...]
    contract: Contract
    defined_in: str

    def filename(self, month: Month) -> str:
        """Return the value of `filename`, such as `yellow_tripdata_2019-01.csv`."""
        return self.file.format(dataset=self.name, month=month)


def carried(name: str) -> Column:
    """Return the column that holds what the contract does not name (policy `evolve`): text, as published."""
    return Column(name=name, type=Logical(kind="text"), description="Not in the contract; carried as published")


def is_name(text: str) -> bool:
    """Tell whether a text can name a dataset, a table or a column: lower case, as PostgreSQL folds unquoted names."""
    return re.fullmatch(r"[a-z_][a-z0-9_]{0,54}", text) is not None
