"""Partitions by a column: which decorator means which rows, and which partition a row belongs to.

A month is the rows from its first moment to before the next month's; rows without a value have a partition of their
own, `__NULL__`. Ingestion-time and integer-range partitioning are not covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tests.fakes.bigquery.columns import type_of
from tests.fakes.bigquery.errors import invalid, not_covered
from tests.fakes.bigquery.names import quoted

if TYPE_CHECKING:
    from tests.fakes.bigquery.names import Json, TableName

_FORMATS = {"YEAR": "%Y", "MONTH": "%Y%m", "DAY": "%Y%m%d", "HOUR": "%Y%m%d%H"}
_LITERALS = {"DATE": "DATE", "DATETIME": "TIMESTAMP", "TIMESTAMP": "TIMESTAMPTZ"}
NO_VALUE = "__NULL__"


@dataclass(frozen=True, kw_only=True, slots=True)
class Partitioning:
    """How a table is partitioned.

    Attributes:
        unit: YEAR, MONTH, DAY or HOUR.
        field: The column.
        kind: Its type: DATE, DATETIME or TIMESTAMP.

    """

    unit: str
    field: str
    kind: str

    @property
    def sql_type(self) -> str:
        """The column's type in DuckDB."""
        return _LITERALS[self.kind]

    @property
    def begin(self) -> str:
        """SQL of a row's partition: its first moment, in the column's type."""
        return f"CAST(date_trunc('{self.unit}', {quoted(self.field)}) AS {self.sql_type})"

    @property
    def ids(self) -> str:
        """SQL of a row's partition id."""
        return f"coalesce(strftime({quoted(self.field)}, '{_FORMATS[self.unit]}'), '{NO_VALUE}')"

    def literal(self, moment: str) -> str:
        """Return SQL of a moment in the column's type."""
        return f"CAST('{moment}' AS {self.sql_type})"

    def end_of(self, begin: str) -> str:
        """Return SQL of the first moment after the partition that begins then."""
        return f"CAST({begin} + INTERVAL 1 {self.unit} AS {self.sql_type})"

    def rows_of(self, decorator: str) -> str:
        """Return a condition in SQL that exactly the rows of one partition fulfil."""
        column = quoted(self.field)
        if decorator == NO_VALUE:
            return f"{column} IS NULL"
        begin = self.literal(self.moment(decorator).isoformat(sep=" "))
        return f"({column} >= {begin} AND {column} < {self.end_of(begin)})"

    def moment(self, decorator: str) -> datetime:
        """Return the first moment of the partition that a decorator names."""
        wanted = {"YEAR": "YYYY", "MONTH": "YYYYMM", "DAY": "YYYYMMDD", "HOUR": "YYYYMMDDHH"}[self.unit]
        try:
            padded = decorator if len(decorator) == len(wanted) else ""
            return datetime.strptime(padded, _FORMATS[self.unit])  # noqa: DTZ007 - a civil time
        except ValueError:
            raise invalid(
                f"Invalid partition ID '{decorator}': partitions by {self.unit} have IDs like {wanted}"
            ) from None


def of(settings: Json) -> Partitioning | None:
    """Return the partitioning of a table resource, checked against its schema; None: it has none."""
    if "rangePartitioning" in settings:
        raise not_covered(what="integer-range partitioning")
    declared = settings.get("timePartitioning")
    if not declared:
        return None
    unit, field = str(declared.get("type") or "").upper(), declared.get("field")
    if unit not in _FORMATS:
        raise invalid(f"Invalid value for type: {unit or 'none'} is not a valid value")
    if not field:
        raise not_covered(what="ingestion-time partitioning")
    for column in (settings.get("schema") or {}).get("fields") or []:
        if column["name"].lower() == field.lower():
            return _by(column, unit)
    raise invalid(f"The field specified for partitioning cannot be found in the schema: {field}.")


def _by(column: Json, unit: str) -> Partitioning:
    kind = type_of(column)
    if kind not in _LITERALS or (kind == "DATE" and unit == "HOUR"):
        raise invalid(
            f"The field specified for time partitioning can only be of type TIMESTAMP, DATE or DATETIME. "
            f"The type found is: {kind}."
        )
    return Partitioning(unit=unit, field=column["name"], kind=kind)


def rows_of(table: TableName, partitioning: Partitioning | None) -> str:
    """Return a condition in SQL: the rows that a name with or without decorator means."""
    if not table.decorator:
        return "true"
    if partitioning is None:
        raise invalid(f"Cannot add storage to a non-partitioned table with a partition reference: {table}")
    return partitioning.rows_of(table.decorator)


def described(settings: Json) -> str:
    """Return partitioning and clustering in the words of error messages."""
    declared, clustering = settings.get("timePartitioning"), settings.get("clustering")
    words = []
    if declared:
        words.append(f"interval(type:{str(declared['type']).lower()},field:{declared.get('field')})")
    if clustering:
        words.append(f"clustering({','.join(clustering['fields'])})")
    return " ".join(words) or "none"
