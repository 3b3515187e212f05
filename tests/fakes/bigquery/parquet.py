"""Parquet files as load jobs see them: which columns they have, and which BigQuery type each becomes.

What counts is the file's own schema, not what Arrow wrote beside it. Every column is NULLABLE, also where the file says
required. https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#parquet_conversions
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fakes.bigquery.columns import decimal_type, duckdb_type, type_of
from tests.fakes.bigquery.errors import invalid, not_covered
from tests.fakes.bigquery.names import quoted, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.fakes.bigquery.names import Json

_PHYSICAL = {
    "BOOLEAN": "BOOLEAN",
    "INT32": "INTEGER",
    "INT64": "INTEGER",
    "INT96": "TIMESTAMP",
    "FLOAT": "FLOAT",
    "DOUBLE": "FLOAT",
    "BYTE_ARRAY": "BYTES",
    "FIXED_LEN_BYTE_ARRAY": "BYTES",
}
_LOGICAL = {"String": "STRING", "Enum": "STRING", "JSON": "STRING", "Date": "DATE"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a file.

    Attributes:
        field: What it becomes in BigQuery.
        nanoseconds: It holds moments in nanoseconds, which become integers.

    """

    field: Json
    nanoseconds: bool = False

    @property
    def decimal(self) -> bool:
        """Whether it becomes one of the two decimal types."""
        return type_of(self.field) in {"NUMERIC", "BIGNUMERIC"}


def columns(path: Path, decimals: Sequence[str]) -> list[Column]:
    """Return the columns of a file; `decimals` are the job's `decimalTargetTypes`.

    Raises:
        ApiError: It is no Parquet file, or has nested columns.

    """
    try:
        schema = pq.read_metadata(path).schema
    except pa.ArrowException as error:
        raise invalid(
            f"Error while reading data, error message: Input file is not in Parquet format. File: {path.name}"
        ) from error
    return [_column(schema.column(number), decimals) for number in range(len(schema))]


def _column(column: Any, decimals: Sequence[str]) -> Column:  # noqa: ANN401 - pyarrow has no types
    if column.path != column.name or column.max_repetition_level:
        raise not_covered(f"nested and repeated columns of Parquet files ({column.path})")
    logical: Json = json.loads(column.logical_type.to_json())
    kind = _logical(logical, column, decimals) or _PHYSICAL[column.physical_type]
    nanoseconds = logical["Type"] in {"Timestamp", "Time"} and logical.get("timeUnit") == "nanoseconds"
    return Column(field={"name": column.name, "type": kind, "mode": "NULLABLE"}, nanoseconds=nanoseconds)


def _logical(logical: Json, column: Any, decimals: Sequence[str]) -> str:  # noqa: ANN401 - the same
    kind = logical["Type"]
    if kind == "Decimal":
        return decimal_type(column.precision, column.scale, decimals)
    if kind == "Timestamp" and logical["timeUnit"] != "nanoseconds":
        return "TIMESTAMP" if logical["isAdjustedToUTC"] else "DATETIME"
    if kind == "Time" and logical["timeUnit"] != "nanoseconds":
        return "TIME"
    return _LOGICAL.get(kind, "")


def rows(paths: Sequence[Path], found: Sequence[Column], fields: Sequence[Json], *, alike: bool) -> str:
    """Return a query in DuckDB's SQL: the rows of some files as some fields; what no file has is null.

    Args:
        paths: The files.
        found: The columns of all of them.
        fields: The fields.
        alike: Whether all files have the same columns; else they are read by one thread.

    """
    by_name = {column.field["name"].lower(): column for column in found}
    selected = ", ".join(
        f"{_value(by_name.get(field['name'].lower()), duckdb_type(field))} AS {quoted(field['name'])}"
        for field in fields
    )
    files = ", ".join(text(str(path)) for path in paths)
    return f"SELECT {selected} FROM read_parquet([{files}], union_by_name = {not alike})"  # noqa: S608 - quoted


def _value(column: Column | None, kind: str) -> str:
    if column is None:
        return f"CAST(NULL AS {kind})"
    name = quoted(column.field["name"])
    return f"CAST({f'epoch_ns({name})' if column.nanoseconds else name} AS {kind})"
