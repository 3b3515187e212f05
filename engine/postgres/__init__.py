"""Ground for all that speaks with PostgreSQL: one connection, one way to quote, statements in `.sql` files."""

from engine.postgres.connection import connect, masked, usable
from engine.postgres.statements import Statements, quoted

__all__ = ["Statements", "connect", "masked", "quoted", "usable"]
