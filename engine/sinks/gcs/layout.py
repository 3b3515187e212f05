"""Where things are under a prefix of a bucket: as in a folder, so that whoever reads one reads the other.

<prefix>/<dataset>/month=2019-01/data.parquet   data, and nothing else
<prefix>/_engine/loads/                         the ledger (`engine.ledger.bucket`)
<prefix>/_engine/rejects/<dataset>/month=2019-01/<load id>.parquet
<prefix>/_engine/locks/<dataset>-2019-01        the lease of whoever loads the month
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.month import Month


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The names of one dataset's objects.

    Attributes:
        prefix: Empty, or ends with a slash.
        dataset: Name of the dataset.

    """

    prefix: str
    dataset: str

    def data(self, month: Month) -> str:
        """The month's data object."""
        return f"{self.prefix}{self.dataset}/month={month}/data.parquet"

    def rejects(self, month: Month) -> str:
        """What the names of the month's quarantined lines begin with."""
        return f"{self.prefix}_engine/rejects/{self.dataset}/month={month}/"

    def lock(self, month: Month) -> str:
        """The object whose holder loads the month."""
        return f"{self.prefix}_engine/locks/{self.dataset}-{month}"
