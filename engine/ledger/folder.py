"""The ledger of a folder: one JSON file a load, under `<root>/_engine/loads/<dataset>/<month>/`.

It is an index. The data file carries the receipt of the load that made it in its footer, so a lost ledger is rebuilt
from there (`engine.sinks.parquet`), and a data file that is newer than the ledger wins.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from engine import files
from engine.errors import TableMismatch
from engine.receipt import SCHEMA_VERSION, Receipt, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engine.month import Month


class FolderLedger:
    """The loads of one dataset in one root.

    Args:
        root: Folder of the target.
        dataset: Name of the dataset.
        embedded: Returns the receipt that the month's data file carries, or None where there is no such file.

    """

    def __init__(self, root: Path, *, dataset: str, embedded: Callable[[Month], Receipt | None]) -> None:
        self._loads = root / "_engine" / "loads"
        self._work = root / "_engine" / "work"
        self._dataset = dataset
        self._embedded = embedded

    def prepare(self) -> None:
        """Create the folder where it is missing; refuse what a newer engine wrote."""
        (self._loads / self._dataset).mkdir(parents=True, exist_ok=True)
        self._refuse_newer()

    def _refuse_newer(self) -> None:
        for receipt in self._all(self._dataset):
            if receipt.schema_version > SCHEMA_VERSION:
                message = f"the ledger has schema {receipt.schema_version}, newer than this engine's {SCHEMA_VERSION}"
                raise TableMismatch(
                    message,
                    facts={"folder": str(self._loads)},
                    state="nothing was changed",
                    next_step="use the engine that wrote it, or a newer one",
                )

    def current(self, month: Month) -> Receipt | None:
        """Return the receipt of the data that is in place: the file's word counts, the ledger may know more of it.

        It is `loading` where the ledger does not have it as loaded; `abandon` mends that.
        """
        self._refuse_newer()
        if (embedded := self._embedded(month)) is None:
            return None
        return self._recorded(embedded) or embedded.with_(state=State.LOADING)

    def _recorded(self, embedded: Receipt) -> Receipt | None:
        """Return the record of a published load; None where it is missing or its engine died before it was made."""
        path = self._loads / embedded.dataset / embedded.month / f"{embedded.load_id}.json"
        recorded = next(self._read(path), None)
        return recorded if recorded is not None and recorded.state is State.LOADED else None

    def put(self, receipt: Receipt) -> None:
        """Write the receipt under its load id; a `loaded` one supersedes the month's earlier ones."""
        folder = self._loads / receipt.dataset / receipt.month
        if receipt.state is State.FAILED and not self._loads.exists():
            return  # a target that has nothing is not begun with a failure
        if receipt.state is State.LOADED:
            for earlier in self._month(folder):
                if earlier.state is State.LOADED and earlier.load_id != receipt.load_id:
                    self._write(folder, earlier.with_(state=State.SUPERSEDED))
        elif (published := self._published(receipt)) is not None:
            self.put(published)  # stopped between publication and record: what readers see is loaded
            return
        self._write(folder, receipt)

    def fail(self, receipt: Receipt) -> None:
        """Write the receipt of a load that failed."""
        self.put(receipt)

    def abandon(self, month: Month, error: str) -> None:
        """Mark the month's loads that are `loading` as `failed`; record the one whose data is in place as loaded."""
        if (embedded := self._embedded(month)) is not None and self._recorded(embedded) is None:
            self.put(embedded)
        for receipt in self._month(self._loads / self._dataset / str(month)):
            if receipt.state is State.LOADING:
                self.put(receipt.with_(state=State.FAILED, error=error))

    def receipts(self, dataset: str | None = None) -> list[Receipt]:
        """Return one receipt a month, the loaded one before any other."""
        best: dict[tuple[str, str], Receipt] = {}
        for receipt in self._all(dataset):
            key = (receipt.dataset, receipt.month)
            if key not in best or _rank(best[key]) < _rank(receipt):
                best[key] = receipt
        return [best[key] for key in sorted(best)]

    def _published(self, receipt: Receipt) -> Receipt | None:
        """Return the receipt in the month's data file where that is this load's, complete as it was published."""
        embedded = self._embedded(receipt.partition.month)
        return embedded if embedded is not None and embedded.load_id == receipt.load_id else None

    def _all(self, dataset: str | None) -> Iterator[Receipt]:
        for path in sorted(self._loads.glob(f"{dataset or '*'}/*/*.json")):
            yield from self._read(path)

    def _month(self, folder: Path) -> list[Receipt]:
        return [receipt for path in sorted(folder.glob("*.json")) for receipt in self._read(path)]

    def _read(self, path: Path) -> Iterator[Receipt]:
        with contextlib.suppress(FileNotFoundError):  # another engine may replace it at this moment
            yield Receipt.from_json(path.read_text(encoding="utf-8"))

    def _write(self, folder: Path, receipt: Receipt) -> None:
        # The sink clears the month's work files by what their names begin with.
        work = self._work / f"{receipt.dataset}-{receipt.month}-{receipt.load_id}.json"
        files.write_text(folder / f"{receipt.load_id}.json", receipt.to_json(indent=1) + "\n", work=work)


def _rank(receipt: Receipt) -> tuple[bool, str]:
    return receipt.state is State.LOADED, receipt.load_id
