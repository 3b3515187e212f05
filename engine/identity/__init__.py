"""What makes a row itself: `unique_row_id` of identity `row-v1`, specified in docs/row-identity.md."""

from engine.identity.checksum import Checksum
from engine.identity.frames import digests, identify, repeated
from engine.identity.sql import sql_query

__all__ = ["Checksum", "digests", "identify", "repeated", "sql_query"]
