"""Types of columns: BigQuery's, DuckDB's, Arrow's and Parquet's, and how many bytes BigQuery counts for a value.

NUMERIC and BIGNUMERIC without parameters are DECIMAL(38, 9) and, as DuckDB has no wider one, DECIMAL(38, 18).
Sizes: https://cloud.google.com/bigquery/pricing#data (a null counts 0 bytes).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.fakes.bigquery.errors import invalid, not_covered
from tests.fakes.bigquery.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.fakes.bigquery.names import Json

_SYNONYMS = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
}
_DUCKDB = {
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMPTZ",
    "DATETIME": "TIMESTAMP",
    "DATE": "DATE",
    "TIME": "TIME",
    "NUMERIC": "DECIMAL(38,9)",
    "BIGNUMERIC": "DECIMAL(38,18)",
    "JSON": "VARCHAR",
}
_BYTES = {"BOOLEAN": 1, "NUMERIC": 16, "BIGNUMERIC": 32}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_RESULTS = {
    "VARCHAR": "STRING",
    "BLOB": "BYTES",
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP": "DATETIME",
    "TIMESTAMP_S": "DATETIME",
    "TIMESTAMP_MS": "DATETIME",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "UUID": "STRING",
    "JSON": "STRING",
}
_INTEGERS = {f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")}
NUMERIC_SCALE = 9
NUMERIC_INTEGERS = 29


def type_of(field: Json) -> str:
    """Return a field's type under the name that the REST API answers."""
    name = str(field.get("type", "STRING")).upper()
    return _SYNONYMS.get(name, name)


def mode_of(field: Json) -> str:
    """Return NULLABLE, REQUIRED or REPEATED."""
    return str(field.get("mode") or "NULLABLE").upper()


def normal(field: Json) -> Json:
    """Return a field as the REST API answers it."""
    kind, mode = type_of(field), mode_of(field)
    if kind not in _DUCKDB:
        raise not_covered(f"columns of type {kind}")
    if mode not in {"NULLABLE", "REQUIRED", "REPEATED"}:
        raise invalid(f"Invalid mode: {mode}")
    if not re.fullmatch(r"[^\W\d]\w{0,299}", str(field.get("name", ""))):
        raise invalid(f'Invalid field name "{field.get("name", "")}".')
    return {**field, "type": kind, "mode": mode}


def duckdb_type(field: Json) -> str:
    """Return the type of a column in DuckDB."""
    kind = type_of(field)
    found = _DUCKDB[kind]
    if kind in {"NUMERIC", "BIGNUMERIC"} and field.get("precision"):
        found = f"DECIMAL({field['precision']},{field.get('scale') or 0})"
    return found + ("[]" if mode_of(field) == "REPEATED" else "")


def definitions(fields: Iterable[Json]) -> str:
    """Return the columns of a CREATE TABLE."""
    return ", ".join(
        f"{quoted(field['name'])} {duckdb_type(field)}{' NOT NULL' if mode_of(field) == 'REQUIRED' else ''}"
        for field in fields
    )


def casts(fields: Iterable[Json]) -> str:
    """Return a SELECT list that gives every field the type of its column."""
    return ", ".join(f"CAST({quoted(f['name'])} AS {duckdb_type(f)}) AS {quoted(f['name'])}" for f in fields) or "*"


def size(field: Json) -> str:
    """Return an aggregate in DuckDB's SQL: the bytes that BigQuery counts for a column."""
    name, kind = quoted(field["name"]), type_of(field)
    if mode_of(field) == "REPEATED":
        return f"coalesce(sum(len({name})), 0) * 8"
    if kind in {"STRING", "JSON"}:
        return f"coalesce(sum(strlen({name})), 0) + 2 * count({name})"
    if kind == "BYTES":
        return f"coalesce(sum(octet_length({name})), 0) + 2 * count({name})"
    return f"{_BYTES.get(kind, 8)} * count({name})"


def result_field(name: str, duckdb: str) -> Json:
    """Return the field of a query's result from the type that DuckDB gives it."""
    if duckdb.endswith("[]"):
        return {**result_field(name, duckdb[:-2]), "mode": "REPEATED"}
    return {"name": name, "type": _result_type(duckdb), "mode": "NULLABLE"}


def _result_type(duckdb: str) -> str:
    if duckdb in _INTEGERS or duckdb == '"NULL"':
        return "INTEGER"
    if found := _DECIMAL.fullmatch(duckdb):
        return decimal_type(int(found[1]), int(found[2]), ("NUMERIC", "BIGNUMERIC"))
    if duckdb in _RESULTS:
        return _RESULTS[duckdb]
    raise not_covered(f"results of type {duckdb}")


def decimal_type(precision: int, scale: int, targets: Iterable[str]) -> str:
    """Return the first target that holds a decimal, else the widest, as `decimalTargetTypes` says."""
    fits = scale <= NUMERIC_SCALE and precision - scale <= NUMERIC_INTEGERS
    if "NUMERIC" in targets and (fits or "BIGNUMERIC" not in targets):
        return "NUMERIC"
    return "BIGNUMERIC"
