"""Where things are in a root folder.

<root>/<dataset>/month=2019-01/data.parquet     data, and nothing else, so that a glob reads a dataset
<root>/_engine/loads/                           the ledger (`engine.ledger.folder`)
<root>/_engine/rejects/<dataset>/month=2019-01/<load id>.parquet
<root>/_engine/work/                            what is not published yet
<root>/_engine/locks/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from engine.month import Month


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one dataset under one root."""

    root: Path
    dataset: str

    def data(self, month: Month) -> Path:
        """The month's data file."""
        return self.root / self.dataset / f"month={month}" / "data.parquet"

    def rejects(self, month: Month) -> Path:
        """The folder of the month's quarantined lines."""
        return self.root / "_engine" / "rejects" / self.dataset / f"month={month}"

    @property
    def work(self) -> Path:
        """The folder for what is not published yet."""
        return self.root / "_engine" / "work"

    def prefix(self, month: Month) -> str:
        """What the names of the month's work files start with."""
        return f"{self.dataset}-{month}-"

    def lock(self, month: Month) -> Path:
        """The file whose lock is the month's."""
        return self.root / "_engine" / "locks" / f"{self.dataset}-{month}.lock"
