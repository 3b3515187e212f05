"""From a file on disk to checked, typed rows in a stream: header, blocks, fast and careful parse, quarantine."""

from engine.decode.header import Layout, read_layout
from engine.decode.quarantine import Quarantine
from engine.decode.report import Reject, Report
from engine.decode.scan import batches, draining, scan

__all__ = ["Layout", "Quarantine", "Reject", "Report", "batches", "draining", "read_layout", "scan"]
