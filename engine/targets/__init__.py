"""Targets by their URLs: a database, a folder, a bucket, a warehouse.

`opening` is the one place that knows which kinds there are; each kind is put together in a file of its own here, from
its sink and its ledger, which do not know each other.
"""

from engine.targets.opening import KNOWN, open_target, receipts, server, untouched
from engine.targets.place import Method, Place, Target

__all__ = ["KNOWN", "Method", "Place", "Target", "open_target", "receipts", "server", "untouched"]
