"""The one server of all contestants: the embedded PostgreSQL in the work folder, with a clean schema for each run."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

SCHEMA = "benchmark"
TABLE = "yellow_tripdata"


def clean(url: str) -> None:
    """Drop what the last run left and have the server write everything out, so that nobody pays for another."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA)))
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
        connection.execute("CHECKPOINT")


def forget_loads(url: str) -> None:
    """Lose the ledger."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(SCHEMA, "engine_loads")))
        connection.execute("CHECKPOINT")


def rows(url: str) -> int:
    """Return how many rows the final table has."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, TABLE))
    return int(_one(url, query))


def unique_ids(url: str) -> bool:
    """Tell whether every table that holds rows has a valid unique index on `unique_row_id` alone."""
    query = sql.SQL(
        "SELECT bool_and(EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid"
        " AND i.indnkeyatts = 1 AND a.attname = 'unique_row_id'))"
        " FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = {}::regnamespace AND c.relname ~ {}"
    ).format(sql.Literal(SCHEMA), sql.Literal(f"^{TABLE}"))
    return bool(_one(url, query))


def megabytes(url: str) -> float:
    """Return what the schema's tables take on disk, indexes included, in millions of bytes."""
    query = sql.SQL(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = {}::regnamespace"
    ).format(sql.Literal(SCHEMA))
    return round(float(_one(url, query)) / 1e6, 1)


def version(url: str) -> str:
    """Return the server's version."""
    return str(_one(url, sql.SQL("SHOW server_version")))


def _one(url: str, query: sql.SQL | sql.Composed) -> Any:  # noqa: ANN401 - whatever the query returns
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None
