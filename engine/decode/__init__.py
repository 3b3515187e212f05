"""From a file on disk to checked, typed rows in a stream: head, blocks, fast and careful parse, quarantine."""

from engine.decode.layout import CsvLayout, Layout, ParquetLayout
from engine.decode.quarantine import Quarantine
from engine.decode.report import Reject, Report
from engine.decode.scan import batches, draining, read_layout, scan

__all__ = [
    "CsvLayout",
    "Layout",
    "ParquetLayout",
    "Quarantine",
    "Reject",
    "Report",
    "batches",
    "draining",
    "read_layout",
    "scan",
]
