"""A ledger of small documents: one JSON text a load, at `<dataset>/<month>/<load id>.json`, in a folder or a bucket.

It is an index. The data file carries the receipt of the load that made it in its footer, so a lost ledger is rebuilt
from there, and a data file that is newer than the ledger wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.errors import TableMismatch
from engine.receipt import SCHEMA_VERSION, Receipt, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.month import Month


class Documents(Protocol):
    """Texts under names with slashes, each written whole or not at all."""

    @property
    def name(self) -> str:
        """Where they are, for people."""
        ...

    def read(self, name: str) -> str | None:
        """Return one text; None: there is none."""
        ...

    def write(self, name: str, text: str) -> None:
        """Write or replace one text."""

    def under(self, prefix: str) -> Iterator[str]:
        """Yield the texts whose names begin so, in order of their names."""
        ...

    def any(self) -> bool:
        """Tell whether there is one."""
        ...


class DocumentLedger:
    """The loads of one dataset.

    Args:
        documents: Where they are kept.
        dataset: Name of the dataset.
        embedded: Returns the receipt that the month's data file carries, or None where there is no such file.

    """

    def __init__(self, documents: Documents, *, dataset: str, embedded: Callable[[Month], Receipt | None]) -> None:
        self._documents = documents
        self._dataset = dataset
        self._embedded = embedded

    def prepare(self) -> None:
        """Do nothing: folders and prefixes come with the first document."""

    def current(self, month: Month) -> Receipt | None:
        """Return the receipt of the data that is in place: the file's word counts, the ledger may know more of it.

        It is `loading` where the ledger does not have it as loaded; `abandon` mends that.

        Raises:
            TableMismatch: A newer engine wrote it.

        """
        if (embedded := self._embedded(month)) is None:
            return None
        return self._recorded(embedded) or embedded.with_(state=State.LOADING)

    def _recorded(self, embedded: Receipt) -> Receipt | None:
        """Return the record of a published load; None where it is missing or its engine died before it was made."""
        text = self._documents.read(_name(embedded))
        recorded = self._parsed(text) if text is not None else None
        return recorded if recorded is not None and recorded.state is State.LOADED else None

    def put(self, receipt: Receipt) -> None:
        """Write the receipt under its load id; a `loaded` one supersedes the month's earlier ones."""
        if receipt.state is State.FAILED and not self._documents.any():
            return  # a target that has nothing is not begun with a failure
        if receipt.state is State.LOADED:
            for earlier in self._month(receipt.partition.month):
                if earlier.state is State.LOADED and earlier.load_id != receipt.load_id:
                    self._write(earlier.with_(state=State.SUPERSEDED))
        elif (published := self._published(receipt)) is not None:
            self.put(published)  # stopped between publication and record: what readers see is loaded
            return
        self._write(receipt)

    def fail(self, receipt: Receipt) -> None:
        """Write the receipt of a load that failed."""
        self.put(receipt)

    def abandon(self, month: Month, error: str) -> None:
        """Mark the month's loads that are `loading` as `failed`; record the one whose data is in place as loaded."""
        if (embedded := self._embedded(month)) is not None and self._recorded(embedded) is None:
            self.put(embedded)
        for receipt in self._month(month):
            if receipt.state is State.LOADING:
                self.put(receipt.with_(state=State.FAILED, error=error))

    def receipts(self, dataset: str | None = None) -> list[Receipt]:
        """Return one receipt a month, the loaded one before any other."""
        best: dict[tuple[str, str], Receipt] = {}
        for text in self._documents.under(f"{dataset}/" if dataset else ""):
            receipt = self._parsed(text)
            key = (receipt.dataset, receipt.month)
            if key not in best or _rank(best[key]) < _rank(receipt):
                best[key] = receipt
        return [best[key] for key in sorted(best)]

    def _published(self, receipt: Receipt) -> Receipt | None:
        """Return the receipt in the month's data file where that is this load's, complete as it was published."""
        embedded = self._embedded(receipt.partition.month)
        return embedded if embedded is not None and embedded.load_id == receipt.load_id else None

    def _month(self, month: Month) -> list[Receipt]:
        return [self._parsed(text) for text in self._documents.under(f"{self._dataset}/{month}/")]

    def _write(self, receipt: Receipt) -> None:
        self._documents.write(_name(receipt), receipt.to_json(indent=1) + "\n")

    def _parsed(self, text: str) -> Receipt:
        receipt = Receipt.from_json(text)
        if receipt.schema_version > SCHEMA_VERSION:
            message = f"the ledger has schema {receipt.schema_version}, newer than this engine's {SCHEMA_VERSION}"
            raise TableMismatch(
                message,
                facts={"ledger": self._documents.name},
                state="nothing was changed",
                next_step="use the engine that wrote it, or a newer one",
            )
        return receipt


def indexed(recorded: list[Receipt], published: Iterator[Receipt], dataset: str | None) -> list[Receipt]:
    """Return what a ledger lists, corrected by what the data files say of themselves: it is an index of these."""
    known = {(r.dataset, r.month): r for r in recorded}
    for receipt in published:
        found = known.get(key := (receipt.dataset, receipt.month))
        if dataset in (None, receipt.dataset) and (
            found is None or (found.load_id, found.state) != (receipt.load_id, State.LOADED)
        ):
            known[key] = receipt
    return [known[key] for key in sorted(known)]


def _name(receipt: Receipt) -> str:
    return f"{receipt.dataset}/{receipt.month}/{receipt.load_id}.json"


def _rank(receipt: Receipt) -> tuple[bool, str]:
    return receipt.state is State.LOADED, receipt.load_id
