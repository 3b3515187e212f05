"""What has been loaded, kept in the target itself: one protocol, one file per kind of target.

The kinds are imported from their own files, so that a load into a folder does not wait for a database's driver.
"""

from engine.ledger.protocol import Ledger

__all__ = ["Ledger"]
