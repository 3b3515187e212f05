"""What has been loaded, kept in the target itself: one protocol, one file per kind of target."""

from engine.ledger.folder import FolderLedger
from engine.ledger.postgres import PostgresLedger
from engine.ledger.protocol import Ledger

__all__ = ["FolderLedger", "Ledger", "PostgresLedger"]
