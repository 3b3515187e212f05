"""A month's rows in a file on this machine, and the upload that makes it the month."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import Busy
from engine.sinks.parquet.month_file import MonthFile
from engine.sinks.parquet.work import carried_columns, footer_entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl

    from engine.google.bucket import Bucket, Stored
    from engine.lease import Lease
    from engine.load import Load, Note, Rejects, Settle
    from engine.receipt import Receipt
    from engine.sinks.gcs.layout import Layout

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class BucketWork:
    """A data file that is not uploaded yet.

    Attributes:
        bucket: Where it goes.
        layout: Under which names.
        load: What it is filled with.
        lease: The month's.
        scratch: Folder for the file.
        begun_on: The object that it replaces; None: there must be none.
        old: A copy of it, whose rows stay; None: they do not.
        kept: Earlier loads whose quarantined lines stay.
        replaced: Earlier loads whose quarantined lines go with the object that is replaced; none of a later engine's.

    """

    bucket: Bucket
    layout: Layout
    load: Load
    lease: Lease
    scratch: Path
    begun_on: Stored | None
    old: Path | None
    kept: list[str]
    replaced: list[str]
    _file: MonthFile = field(init=False)
    _rejects: str = field(init=False, default="")
    _sent: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        carried = carried_columns(self.old) if self.old else []
        self._file = MonthFile(self.scratch, f"{self.load.dataset.name}-{self.load.month}-", self.load, carried)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self._file.rows

    def fill(self, batches: Iterable[pl.DataFrame]) -> None:
        """Write all batches, then make the ids unique."""
        self._file.fill(batches)

    def publish(self, settle: Settle, note: Note, rejects: Rejects) -> Receipt:
        """Upload the file as the month's object and record it; see `engine.sinks.protocol`.

        Raises:
            Busy: Another engine has published the month since this load began.

        """
        receipt = settle(self._file.append_to(self.old) if self.old else self._file.outcome)
        path = self._file.close(footer_entries(receipt, self.kept))
        if (lines := self._file.write_rejects(rejects)) is not None:
            self._rejects = self._rejects_of(self.load.load_id)
            self.bucket.upload(lines, self._rejects, generation=None)
        self.lease.confirm()
        self._sent = True
        self.load.watch.step("upload", path.stat().st_size)
        written = self.bucket.upload(
            path,
            self.layout.data(self.load.month),
            generation=self.begun_on.generation if self.begun_on else 0,
            metadata={"engine-load-id": self.load.load_id},
            progress=self.load.watch.progress,
        )
        if written is None:
            self._sent = False
            message = "another engine has published this month since this load began"
            raise Busy(
                message,
                facts={"object": f"gs://{self.bucket.name}/{self.layout.data(self.load.month)}"},
                state="the other engine's month is in place; nothing of this load is visible",
                next_step="look at `engine status`, then run the same command again",
            )
        # The month is published, whatever happens now. The record comes last: the next run mends what lacks it.
        try:
            if lines is not None and self.bucket.find(self._rejects) is None and self._in_place(written):
                # Who took this month over in vain has cleared them.
                self.bucket.upload(lines, self._rejects, generation=None)
            for load_id in self.replaced:
                self.bucket.remove(self._rejects_of(load_id))
            note(receipt)
        except Exception as error:  # noqa: BLE001 - whatever it is, the month is there and says so itself
            _log.warning("the month is published; its record follows with the next run: %s", error)
        return receipt

    def discard(self) -> None:
        """Remove everything that belongs to this load and is not published.

        An upload that was interrupted may have come to its end, now or in a moment: its lines stay, and the next run
        that looks at the month removes them where it has not.
        """
        self._file.discard()
        if self._rejects and not self._sent:
            self.bucket.remove(self._rejects)

    def _in_place(self, written: Stored) -> bool:
        found = self.bucket.find(written.name)
        return found is not None and found.generation == written.generation

    def _rejects_of(self, load_id: str) -> str:
        return f"{self.layout.rejects(self.load.month)}{load_id}.parquet"
