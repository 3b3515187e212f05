"""What a dataset promises as a whole: its columns, its identity, and what to do with the rest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.contract.column import Span

if TYPE_CHECKING:
    from engine.contract.column import Column, Form
    from engine.month import Month

UnknownPolicy = Literal["freeze", "discard", "evolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of form that CSV files of some months are known to have; in any other month it is refused.

    Attributes:
        span: The months.
        header_end: What stands between the last name and the first row, byte by byte; empty: a line end as in rows.
        spaced: Whether a space follows each comma of the header.
        quoted: Whether each name stands in quotes.
        padded: Names with spaces at an end, exactly as they stand.
        unnamed_fields: Fields that every row has beyond the last name, all of them empty.

    """

    span: Span
    header_end: str = ""
    spaced: bool = False
    quoted: bool = False
    padded: tuple[str, ...] = ()
    unnamed_fields: int = 0

    def words(self) -> list[str]:
        """Return the fault for people."""
        said = [f"{self.header_end!r} after the header"] if self.header_end else []
        said += ["a space after each comma of the header"] if self.spaced else []
        said += ["names in quotes"] if self.quoted else []
        said += [f"the name {name!r}" for name in self.padded]
        return said + ([f"{self.unnamed_fields} fields without a name, all empty"] if self.unnamed_fields else [])


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
    """Columns in canonical order, identity, policy and known faults of one dataset.

    Where `faults` is empty, nobody has looked at the files closely: names may be quoted, padded and spaced, and blank
    lines may follow the header, in any month.
    """

    columns: tuple[Column, ...]
    identity: Identity
    policy: Policy
    faults: tuple[Fault, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that canonical name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def published(self) -> tuple[Column, ...]:
        """The columns that files can have: all but those that only keep the rest of another column's texts."""
        kept = {c.codes.rest for c in self.columns if c.codes}
        return tuple(c for c in self.columns if c.name not in kept)

    def faults_of(self, month: Month) -> tuple[Fault, ...]:
        """Return the faults that CSV files of a month are known to have."""
        return tuple(fault for fault in self.faults if fault.span.covers(month))

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
        missing: HTTP statuses besides 404 and 410 by which it says that a month is not there: a bucket that nobody may
            list says 403.

    """

    format: Form
    url: str
    since: Month | None = None
    until: Month | None = None
    missing: tuple[int, ...] = ()

    def has(self, month: Month) -> bool:
        """Tell whether this place is known to publish that month."""
        return Span(since=self.since, until=self.until).covers(month)


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

    def filename(self, month: Month, form: Form = "csv") -> str:
        """Return the value of `filename`, such as `yellow_tripdata_2019-01.csv`, without a compression suffix."""
        name = self.file.format(dataset=self.name, month=month)
        return f"{name.removesuffix('.csv')}.parquet" if form == "parquet" else name
