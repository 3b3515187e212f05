"""Proof that a month in the target is what its ledger says and, on request, what its source says.

Every id is computed anew from the stored values, so a changed cell shows; the sum of all ids is compared with the
ledger's, so a missing or an extra row shows; against the source, which rows these are. Memory is bounded: keys of rows
go through files on disk (`engine.spill`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import polars as pl

from engine import files
from engine.contract import ID, carried
from engine.errors import VerifyFailed
from engine.identity import Checksum, digests, repeated
from engine.identity.arrays import id_bytes
from engine.idset import halves
from engine.pipeline import unique_ids
from engine.receipt import new_load_id
from engine.spill import KeySpill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from engine.contract import Column, Dataset
    from engine.month import Month
    from engine.pipeline import Pipeline
    from engine.targets import Target
    from engine.watch import Watch

# Differing rows are held in memory to be explained; this many are enough to know that a month is not what it should be.
_MOST_HELD = 1_000_000
_SHOWN = 10

# changed: its id is not that of its values. repeated: its id stands twice. missing: in the source, not in the target.
# extra: in the target, not in the source.
Kind = Literal["changed", "repeated", "missing", "extra"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row that is not as it should be: what is wrong with it, its id as hex digits, its values."""

    kind: Kind
    unique_row_id: str
    row: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a verification found.

    Attributes:
        rows: Rows in the target.
        expected_rows: Rows that the ledger names; None: it does not say.
        id_checksum: Checksum of the stored ids.
        expected_checksum: The ledger's.
        counts: Differences by kind.
        first: The first few of each kind.
        against_source: Whether the source was read too.
        deep: Whether every id was computed anew from the stored values.

    """

    rows: int = 0
    expected_rows: int | None = None
    id_checksum: str = ""
    expected_checksum: str = ""
    counts: dict[Kind, int] = field(default_factory=dict)
    first: list[Difference] = field(default_factory=list)
    against_source: bool = False
    deep: bool = True

    @property
    def agree(self) -> bool:
        """Whether target, ledger and source say the same."""
        return not self.counts and self.id_checksum == self.expected_checksum and self.rows == self.expected_rows

    def add(self, kind: Kind, ids: NDArray[np.uint8], rows: pl.DataFrame) -> None:
        """Note differing rows with their ids."""
        shown = sum(1 for d in self.first if d.kind == kind)
        self.counts[kind] = self.counts.get(kind, 0) + len(ids)
        for id_, row in zip(ids[: _SHOWN - shown], rows.head(_SHOWN - shown).iter_rows(named=True), strict=True):
            self.first.append(Difference(kind=kind, unique_row_id=id_.tobytes().hex(), row=row))


def verify(
    dataset: Dataset,
    month: Month,
    target: Target,
    *,
    spool: Path,
    watch: Watch,
    source: Pipeline | None = None,
    deep: bool = False,
) -> Findings:
    """Compare a month in the target with its ledger, and with its source where one is given.

    Args:
        dataset: What it is.
        month: Which month.
        target: Where it is.
        spool: Folder for temporary files.
        watch: Told how far it is.
        source: Opens the published file once more.
        deep: Read every column and compute every id anew, also where the target's reads are billed; there the stored
            ids alone are read otherwise, unless they differ from the source's.

    Returns:
        All differences; none where everything agrees.

    Raises:
        VerifyFailed: Nothing is loaded, so there is nothing to verify.

    """
    receipt = target.ledger.current(month)
    if receipt is None:
        message = "the ledger knows no loaded month"
        raise VerifyFailed(message, next_step=f"engine ingest {dataset.name} {month}")
    findings = Findings(
        expected_rows=receipt.rows.total,
        expected_checksum=receipt.id_checksum,
        against_source=source is not None,
    )
    watch.step("verify")
    with files.scratch(spool / f"verify-{new_load_id()}") as scratch, _Spills(scratch) as spills:
        if not deep and target.sink.reads_are_billed:
            findings.deep = False
            _read_ids(findings, target, month, spills)
            if source is None or _same_ids(findings, source, scratch):
                return findings
            findings, source = replace(findings, rows=0, counts={}, first=[], deep=True), source.again()
            spills.ids = KeySpill(scratch / "ids-again")
        extras = tuple(carried(name) for name in receipt.extras)
        stored = _Stored(dataset, extras, findings, spills, watch)
        stored.read(target, month)
        if source is not None:
            watch.step("source")
            for batch in source.batches():
                spills.source.add(id_bytes(batch[ID]))
            _explain(stored, target, month, source)
    return findings


def _read_ids(findings: Findings, target: Target, month: Month, spills: _Spills) -> None:
    """Look at the stored ids and at nothing else."""
    checksum = Checksum()
    for ids in target.sink.ids(month):
        checksum.add(ids)
        spills.ids.add(ids)
        findings.rows += len(ids)
    findings.id_checksum = checksum.hexdigest()
    if len(keys := spills.ids.repeated()):
        _find_repeated(findings, keys, target, month)


def _same_ids(findings: Findings, source: Pipeline, scratch: Path) -> bool:
    """Tell whether the source's rows have, once they are loaded, the ids that were found."""
    checksum = unique_ids(source, scratch / "source-ids")
    return checksum.hexdigest() == findings.id_checksum and source.report.rows == findings.rows


class _Spills:
    """Keys of stored ids, of the digests of stored values, and of the source's digests, on disk."""

    def __init__(self, folder: Path) -> None:
        self.ids = KeySpill(folder / "ids")
        self.stored = KeySpill(folder / "stored", distinct=False)
        self.source = KeySpill(folder / "source", distinct=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for spill in (self.ids, self.stored, self.source):
            spill.close()


class _Stored:
    """One pass over the stored rows."""

    def __init__(
        self, dataset: Dataset, extras: tuple[Column, ...], findings: Findings, spills: _Spills, watch: Watch
    ) -> None:
        self._contract = dataset.contract
        self._extras = extras
        self.findings = findings
        self.spills = spills
        self._watch = watch
        self._checksum = Checksum()
        self._held: list[tuple[NDArray[np.uint8], NDArray[np.uint8], pl.DataFrame]] = []
        self._held_rows = 0

    def read(self, target: Target, month: Month) -> None:
        for frame in target.sink.read(month, self._extras):
            self._take(frame)
            self._watch.progress(0, self.findings.rows)
        self.findings.id_checksum = self._checksum.hexdigest()
        self._explain_held()
        if len(keys := self.spills.ids.repeated()):
            _find_repeated(self.findings, keys, target, month)

    def _take(self, frame: pl.DataFrame) -> None:
        stored = id_bytes(frame[ID])
        values = self._digests(frame)
        self.findings.rows += len(frame)
        self._checksum.add(stored)
        self.spills.ids.add(stored)
        self.spills.stored.add(values)
        differ = (stored != values).any(axis=1)
        if differ.any():
            self._hold(values[differ], stored[differ], frame.filter(pl.Series(differ)))

    def differing(self, target: Target, month: Month, keys: NDArray[np.uint64]) -> None:
        """Note the stored rows whose values have one of these keys: the source has no such row."""
        for frame in target.sink.read(month, self._extras):
            _note(self.findings, "extra", self._digests(frame), frame, keys)

    def _digests(self, frame: pl.DataFrame) -> NDArray[np.uint8]:
        columns = [c for c in (*self._contract.columns, *self._extras) if c.name in frame.columns]
        return digests(frame, self._contract, columns)

    def _hold(self, values: NDArray[np.uint8], stored: NDArray[np.uint8], rows: pl.DataFrame) -> None:
        if self._held_rows < _MOST_HELD:
            self._held.append((values, stored, rows))
            self._held_rows += len(values)
        else:
            self.findings.add("changed", stored, rows)

    def _explain_held(self) -> None:
        """Set aside the rows whose id differs because they repeat another row; what is left was changed."""
        if not self._held:
            return
        values = np.concatenate([v for v, _, _ in self._held])
        stored = np.concatenate([s for _, s, _ in self._held])
        rows = pl.concat([r for _, _, r in self._held])
        expected = repeated(values, _rank(values) + 1)
        legal = np.isin(_texts(stored), _texts(expected))
        if not legal.all():
            self.findings.add("changed", stored[~legal], rows.filter(pl.Series(~legal)))


def _find_repeated(findings: Findings, keys: NDArray[np.uint64], target: Target, month: Month) -> None:
    """Note the ids that stand more than once, among those that begin with one of these keys."""
    found = [ids[np.isin(halves(ids)[0], keys)] for ids in target.sink.ids(month)]
    ids, counts = np.unique(_texts(np.concatenate(found)), return_counts=True)
    twice = ids[counts > 1]
    if len(twice):
        table = np.frombuffer(twice.tobytes(), np.uint8).reshape(-1, 16)
        findings.add("repeated", table, pl.DataFrame({"times": counts[counts > 1]}))


def _explain(stored: _Stored, target: Target, month: Month, source: Pipeline) -> None:
    """Find the rows that only one side has, and show the first of them."""
    spills = stored.spills
    if len(extra := spills.stored.missing_from(spills.source)):
        stored.differing(target, month, extra)
    if len(missing := spills.source.missing_from(spills.stored)):
        for frame in source.again().batches():
            _note(stored.findings, "missing", id_bytes(frame[ID]), frame, missing)


def _note(
    findings: Findings, kind: Kind, ids: NDArray[np.uint8], frame: pl.DataFrame, keys: NDArray[np.uint64]
) -> None:
    among = np.isin(halves(ids)[0], keys)
    if among.any():
        findings.add(kind, ids[among], frame.filter(pl.Series(among)))


def _rank(ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number equal ids 0, 1, 2, ..."""
    values = _texts(ids)
    order = np.argsort(values, kind="stable")
    new = np.concatenate([[True], values[order][1:] != values[order][:-1]])
    starts = np.maximum.accumulate(np.where(new, np.arange(len(values)), 0))
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values)) - starts
    return rank


def _texts(ids: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    return np.ascontiguousarray(ids).view("S16").ravel()


def shown(findings: Findings) -> Iterator[str]:
    """Yield one line a difference, for people."""
    for difference in findings.first:
        values = ", ".join(f"{k}={v}" for k, v in difference.row.items() if k != ID)
        yield f"{difference.kind:<9} {difference.unique_row_id}  {values}"
