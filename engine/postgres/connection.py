"""A connection to PostgreSQL that can be trusted with locks, or a clear word why not.

An advisory lock belongs to a server session. Behind a pooler a client does not own its session, and the lock would mean
nothing, so poolers are refused. `PG*` variables, service files and TLS parameters are libpq's, as in any client.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
from psycopg.pq import TransactionStatus

from engine.errors import TargetUnreachable, UsageError

if TYPE_CHECKING:
    from psycopg import Connection

OLDEST = 14
_CONNECT_SECONDS = 10
_CANCEL_SECONDS = 5


def connect(url: str) -> Connection[tuple[Any, ...]]:
    """Open a connection in autocommit.

    Args:
        url: A libpq URL; empty: what the `PG*` variables say.

    Raises:
        TargetUnreachable: Nobody answers, or not as PostgreSQL.
        UsageError: The URL is wrong, the server is older than 14, or a pooler stands before it.

    """
    # What psycopg warns of (a rollback on a lost connection) follows from an error that is told anyway.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="engine")
    except psycopg.ProgrammingError as error:
        message = "the target's URL is wrong"
        raise UsageError(message, facts={"target": masked(url), "reason": _first_line(error)}) from error
    except psycopg.OperationalError as error:
        message = "PostgreSQL cannot be reached"
        raise TargetUnreachable(
            message,
            facts={"target": masked(url), "reason": _first_line(error)},
            state="nothing was changed",
            next_step="check the URL, the server and the password, then run the command again",
        ) from error
    try:
        _check(connection, url)
    except BaseException:
        connection.close()
        raise
    return connection


def usable(connection: Connection[tuple[Any, ...]]) -> bool:
    """Tell whether a clean-up can run on a connection; one that is not between two transactions is closed for good.

    psycopg cancels the statement that an interrupt meets, but where the interrupt met psycopg's own code the statement
    stays unread and every later one fails (seen with 3.3.9). The server ends it when its client is gone.
    """
    if not connection.closed and connection.info.transaction_status is not TransactionStatus.IDLE:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=_CANCEL_SECONDS)
        connection.close()
    return not connection.closed


def _check(connection: Connection[tuple[Any, ...]], url: str) -> None:
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        message = f"PostgreSQL {version} is too old"
        raise UsageError(message, facts={"target": masked(url), "expected": f"{OLDEST} or newer"})
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    # A pooler hands out a cancel key of its own, so its process id is not that of the server's process.
    if row is not None and row[0] != connection.info.backend_pid:
        message = "a connection pooler stands before PostgreSQL"
        raise UsageError(
            message,
            facts={"target": masked(url), "reason": "a session lock taken through a pooler protects nothing"},
            state="nothing was changed",
            next_step="name the server itself in --to (often port 5432 instead of the pooler's)",
        )
    # Partition bounds are compared as text; a role or database may have set another style.
    connection.execute("SET datestyle = 'ISO, YMD'")
    # A role's limits are meant for queries that people wait for, not for a month that is being copied and indexed.
    connection.execute("SET statement_timeout = 0")
    connection.execute("SET idle_in_transaction_session_timeout = 0")


def masked(url: str) -> str:
    """Return the URL without password, for people, logs and the ledger."""
    if "://" not in url:
        return re.sub(r"(password\s*=\s*)('[^']*'|\S+)", r"\1***", url) or "PostgreSQL (PG* variables)"
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    query = re.sub(r"(?i)((?:ssl)?password=)[^&]*", r"\1***", parts.query)
    secret = parts._replace(netloc=f"{name}{':***' if colon else ''}{at}{host}", query=query)
    return f"{secret.scheme}://{secret.netloc}{secret.path}{'?' if query else ''}{query}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
