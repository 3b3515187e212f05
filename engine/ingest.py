"""One month: source -> decode -> identify -> sink -> ledger, all on one screen; the floors below do the work.

Guarantee: when `ingest` returns, the month is in the target whole, or the target is as it was before; the receipt says
which. Loading the same bytes again changes nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine import __version__, files
from engine.decode import CsvLayout, ParquetLayout, Quarantine, read_layout
from engine.errors import Busy, EngineError, NotPublished
from engine.identity import Checksum
from engine.load import Load, Outcome
from engine.month import Partition
from engine.pipeline import Pipeline, unique_ids
from engine.receipt import Receipt, Rows, SourceInfo, State, new_load_id
from engine.rehearsal import rehearsal
from engine.request import Request, Result
from engine.sinks import Estimates
from engine.sources import clean, open_source
from engine.targets import Target, open_target
from engine.timing import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from engine.settings import Settings
    from engine.sources import Fetched
    from engine.watch import Watch


__all__ = ["Request", "Result", "ingest"]

# A download that nobody has gone on with for a week is not worth its disk.
_STALE_SECONDS = 7 * 86_400


def ingest(request: Request, settings: Settings, watch: Watch) -> Result:
    """Bring one month into the target.

    Args:
        request: What to do.
        settings: Where things are on this machine.
        watch: Told how far it is.

    Returns:
        The receipt; with the error, where one ended it: the target is then as it was before.

    """
    clock = Clock()
    receipt = _blank(request, clock)
    try:
        with open_target(request.to, request.dataset, settings) as target:
            receipt = receipt.with_(target=target.sink.name)
            receipt = _Ingestion(request, receipt, target, settings, watch, clock).run()
    except EngineError as error:
        command = f"engine ingest {request.dataset.name} {request.month}"
        error.within(
            subject=str(Partition(request.dataset.name, request.month)),
            state="nothing was changed",
            next_step=command
            if error.retriable or isinstance(error, NotPublished)
            else f"mend that, then run\n{command}",
        )
        state = {NotPublished: State.NOT_PUBLISHED, Busy: State.BUSY}.get(type(error), State.FAILED)
        return Result(receipt=receipt.with_(state=state, error=str(error), **clock.stop()), error=error)
    finally:
        watch.end()
    clean(settings.spool, _STALE_SECONDS)
    return Result(receipt=receipt)


def _blank(request: Request, clock: Clock) -> Receipt:
    return Receipt(
        load_id=new_load_id(),
        dataset=request.dataset.name,
        month=str(request.month),
        state=State.LOADING,
        target=request.to.url or "",
        mode=request.mode,
        source=SourceInfo(url=request.location or ""),
        identity=request.dataset.contract.identity_label,
        contract=request.dataset.contract.fingerprint,
        engine_version=__version__,
        started_at=clock.started_at,
    )


@dataclass(slots=True)
class _Ingestion:
    """One run over one month, with everything it needs at hand."""

    request: Request
    receipt: Receipt
    target: Target
    settings: Settings
    watch: Watch
    clock: Clock

    def run(self) -> Receipt:
        """Load the month unless it is there."""
        self.watch.step("look")
        month, ledger = self.request.month, self.target.ledger
        current, request = self._current(), self.request
        source = open_source(
            request.location,
            request.dataset,
            month,
            spool=self.settings.spool,
            form=request.form,
            loaded_from=current.source.url if current else None,
            cloud=self.settings.cloud,
        )
        seen = source.look()
        if current and self._unchanged(seen, current):
            return self._same(current)
        if self.request.dry_run:
            sink = self.target.sink
            billed = sink.estimate(month) if request.mode == "append" and isinstance(sink, Estimates) else 0
            return self.receipt.with_(source=seen, bytes_billed=billed, **self.clock.stop())
        with self.target.sink.locked(month):
            ledger.abandon(month, "the engine that was loading it died")
            self.target.sink.clear(month)
            # Another engine may have loaded it between the first look and the lock.
            if (current := self._current()) and self._unchanged(seen, current):
                return self._same(current)
            self.watch.step("fetch", seen.bytes)
            with rehearsal(self.request.dataset, month, self.settings.spool / self.receipt.load_id):
                fetched = source.fetch(seen, lambda done, _: self.watch.progress(done))
            self.clock.lap("fetch")
            return self._with_file(fetched, current)

    def _current(self) -> Receipt | None:
        """Return the receipt of the month that is in the target; None where there is none, whatever the ledger says."""
        current = self.target.ledger.current(self.request.month)
        # A month without a good line is loaded, and a warehouse has nothing to show for it.
        there = current is not None and (current.rows.total == 0 or self.target.sink.has(self.request.month))
        return current if there else None

    def _unchanged(self, seen: SourceInfo, current: Receipt) -> bool:
        return self._covers(current) and seen.unchanged_since(current.source)

    def _covers(self, current: Receipt) -> bool:
        """Tell whether loading its file again would change nothing: one that was appended is not the whole month."""
        recorded = current.state is State.LOADED and not self.request.force
        return recorded and (self.request.mode == "append" or current.rows.whole)

    def _same(self, current: Receipt) -> Receipt:
        """Report that the loaded month is the published one."""
        return self.receipt.with_(
            state=State.UNCHANGED,
            load_id=current.load_id,
            source=current.source,
            rows=current.rows,
            counts=current.counts,
            id_checksum=current.id_checksum,
            **self.clock.stop(),
        )

    def _with_file(self, fetched: Fetched, current: Receipt | None) -> Receipt:
        self.receipt = self.receipt.with_(source=fetched.info)
        try:
            self.receipt = self.receipt.with_(source=(source := replace(fetched.info, kept=self._kept(fetched))))
            if current and self._covers(current) and current.source.sha256 == fetched.info.sha256:
                # The same bytes under a new date: remember the date, so that the next run need not read them again.
                current = current.with_(source=replace(source, kept=source.kept or current.source.kept))
                self.target.ledger.put(current)
                receipt = self._same(current)
            else:
                with files.scratch(self.settings.spool / self.receipt.load_id) as scratch:
                    receipt = self._load(fetched, current, scratch)
        except BaseException as error:
            # A file whose load failed is kept, so that the next run need not download it again.
            fetched.release()
            # What cannot be recorded now, the next run finds as `loading` under the month's lock, and marks.
            with suppress(Exception):
                text = str(error) or "stopped"
                self.target.ledger.fail(self.receipt.with_(state=State.FAILED, error=text, **self.clock.stop()))
            if isinstance(error, EngineError):
                error.within(state=f"the month is as it was before; load {self.receipt.load_id} is marked failed")
            raise
        fetched.discard()
        return receipt

    def _kept(self, fetched: Fetched) -> str:
        """Keep the file in a bucket, where that is asked for, and return its URL there."""
        if not self.request.keep_source:
            return ""
        from engine.keep import keep  # noqa: PLC0415 - Google's client takes long to import

        self.watch.step("keep", fetched.info.bytes)
        kept = keep(fetched.path, self.request.keep_source, self.settings.cloud, self.watch.progress)
        self.clock.lap("keep")
        return kept

    def _load(self, fetched: Fetched, current: Receipt | None, scratch: Path) -> Receipt:
        request, sink, ledger = self.request, self.target.sink, self.target.ledger
        layout = read_layout(fetched.path, request.dataset, request.month, name=fetched.path.name)
        known = set(request.dataset.contract.columns)
        sink.prepare(tuple(c for c in layout.columns if c not in known))
        ledger.prepare()
        names = {c.name for c in layout.columns} - {c.name for c in known}
        kept = current.extras if current and request.mode == "append" else []
        self.receipt = self.receipt.with_(extras=sorted(names.union(kept)))
        ledger.put(self.receipt)
        load = Load(
            load_id=self.receipt.load_id,
            dataset=request.dataset,
            month=request.month,
            filename=request.dataset.filename(request.month, layout.form),
            columns=layout.columns,
            mode=request.mode,
            watch=self.watch,
        )
        stored = sink.stored(request.month)
        if current is None and stored is not None:
            # The ledger is lost and the month is there: it may be this very file.
            pipeline = self._pipeline(fetched, layout, scratch / "compared")
            if (receipt := self._adopted(pipeline, stored, scratch / "keys")) is not None:
                return receipt
        at_least = 0 if request.allow_shrink or request.mode == "append" else stored or 0
        return self._write(fetched, load, self._pipeline(fetched, layout, scratch / "rejects", at_least=at_least))

    def _pipeline(
        self, fetched: Fetched, layout: CsvLayout | ParquetLayout, rejects: Path, *, at_least: int = 0
    ) -> Pipeline:
        request = self.request
        allowed = request.dataset.contract.policy.max_rejects if request.max_rejects is None else request.max_rejects
        self.watch.step("load", fetched.info.bytes)
        return Pipeline(
            path=fetched.path,
            layout=layout,
            dataset=request.dataset,
            month=request.month,
            quarantine=Quarantine(rejects),
            watch=self.watch,
            strict=request.strict,
            max_rejects=allowed,
            at_least=at_least,
        )

    def _write(self, fetched: Fetched, load: Load, pipeline: Pipeline) -> Receipt:
        """Bring the rows into the target and publish them."""
        work = self.target.sink.write(load, pipeline.batches())
        try:
            self.clock.lap("load")
            self.watch.step("publish")
            fetched.verify_unchanged()
            return work.publish(
                lambda outcome: self._settled(pipeline, outcome), self.target.ledger.put, pipeline.quarantine.batches
            )
        except BaseException:
            with suppress(Exception):  # what went wrong first is what matters; the next run clears remains
                work.discard()
            raise

    def _adopted(self, pipeline: Pipeline, stored: int, spool: Path) -> Receipt | None:
        """Record the month that is there as loaded, if its ids are exactly those of the file."""
        with ThreadPoolExecutor(1, "stored-ids") as beside:
            reading = beside.submit(self._stored_checksum)
            checksum = unique_ids(pipeline, spool)
            there = reading.result()
        if pipeline.report.rows != stored or checksum != there:
            return None
        self.clock.lap("compare")
        outcome = Outcome(loaded=0, present=stored, total=stored, id_checksum=there.hexdigest())
        receipt = self._settled(pipeline, outcome)
        self.target.ledger.put(receipt)
        return receipt

    def _stored_checksum(self) -> Checksum:
        checksum = Checksum()
        for ids in self.target.sink.ids(self.request.month):
            checksum.add(ids)
        return checksum

    def _settled(self, pipeline: Pipeline, outcome: Outcome) -> Receipt:
        """Return the receipt of a load that is complete but for its publication."""
        rows = Rows(
            lines=pipeline.report.lines,
            loaded=outcome.loaded,
            present=outcome.present,
            quarantined=pipeline.report.quarantined,
            total=outcome.total,
        )
        if rows.lines != rows.loaded + rows.present + rows.quarantined:
            message = "lines and rows do not add up"
            raise EngineError(message, facts={"counts": str(rows)}, next_step="please report this")
        return self.receipt.with_(
            state=State.LOADED,
            rows=rows,
            counts=pipeline.counts(),
            id_checksum=outcome.id_checksum,
            **self.clock.stop(),
        )
