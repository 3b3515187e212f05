"""A month's rows in a file on this machine, and the job that makes them the month.

The order is that of the promises: the record of the intent with the job's id, the bad lines, the job, the record of the
load. Whatever dies in between, the next engine asks the job (`engine.sinks.bigquery.publication`).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.api_core import exceptions as api
from google.cloud import bigquery

from engine.contract import ID
from engine.errors import EngineError
from engine.identity import Checksum
from engine.load import Outcome
from engine.receipt import State
from engine.sinks.bigquery.loading import load_config, loadable
from engine.sinks.bigquery.publication import Publication, ended_well
from engine.sinks.bigquery.rejects import Rejected
from engine.sinks.bigquery.statement import statement
from engine.sinks.bigquery.stream import append_rows
from engine.sinks.parquet.month_file import MonthFile
from engine.sinks.parquet.unique import fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import polars as pl

    from engine.lease import Lease
    from engine.load import Load, Note, Rejects, Settle
    from engine.receipt import Receipt
    from engine.sinks.bigquery.partition import Partition

_log = logging.getLogger(__name__)

_SILENCE_SECONDS = 60.0
_ARRIVAL_SECONDS = 1.0
_APPEND, _TRUNCATE = bigquery.WriteDisposition.WRITE_APPEND, bigquery.WriteDisposition.WRITE_TRUNCATE


@dataclass(slots=True, kw_only=True)
class BigQueryWork:
    """Rows that are not in the warehouse yet.

    Attributes:
        partition: Where they go, and how.
        load: What they are.
        lease: The month's.
        scratch: Folder for the file.
        generation: How often the month was loaded.

    """

    partition: Partition
    load: Load
    lease: Lease
    scratch: Path
    generation: str
    _file: MonthFile = field(init=False)
    _rejected: Rejected = field(init=False)
    _job: str = field(init=False, default="")
    _intended: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._file = MonthFile(self.scratch, f"{self.load.dataset.name}-", self.load)
        self._rejected = Rejected(
            warehouse=self.partition.warehouse,
            table=self.partition.main.name,
            month=self.load.month,
            load_id=self.load.load_id,
        )

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._file.rows

    def fill(self, batches: Iterable[pl.DataFrame]) -> None:
        """Write all batches, then make the ids unique."""
        self._file.fill(batches)

    def publish(self, settle: Settle, note: Note, rejects: Rejects) -> Receipt:
        """Make them the month by one job, and record that; see `engine.sinks.protocol`.

        Raises:
            Busy: Another engine has taken the month over.

        """
        appended = self.load.mode == "append" and self.partition.rows() > 0
        outcome = self._without_present() if appended else self._file.outcome
        receipt = settle(outcome)
        path = self._file.close({})
        publication = Publication(
            warehouse=self.partition.warehouse,
            main=self.partition.main,
            load=self.load,
            content=f"{outcome} {self.load.filename} {self.load.mode}\n{self._file.schema}",
            generation=self.generation,
        )
        done = appended and outcome.loaded == 0
        if not done:
            job_id, done = publication.job_id(lambda: self.partition.rows() == outcome.total)
            receipt = receipt.with_(job=job_id)
        # What this load replaces is known before the lease is confirmed: nothing of whoever comes after is among it.
        others = [] if appended else self.partition.rejects().loads()
        self.lease.confirm()
        note(receipt.with_(state=State.LOADING, finished_at=""))
        self._intended = True
        self._rejected.write(rejects, self.load.filename, self.scratch / f"{self.load.load_id}.rejects")
        job = None
        if not done:
            self.load.watch.step("upload", path.stat().st_size)
            job = self._made(publication, receipt.job, path, appended=appended)
            receipt = receipt.with_(bytes_billed=int(getattr(job, "total_bytes_billed", 0) or 0))
        self._intended = False
        # The month is published, whatever happens now. The record comes last: the next run mends what lacks it.
        try:
            if job is not None:
                self._check(job, outcome, appended=appended)
            self.partition.rejects().remove(others)
            note(receipt)
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the month is there and its job says so
            _log.warning("the month is published; its record follows with the next run: %s", error)
        return receipt

    def discard(self) -> None:
        """Remove everything that belongs to this load and is not published."""
        self._file.discard()
        warehouse = self.partition.warehouse
        if self._job and (job := warehouse.find_job(self._job)) is not None:
            job.cancel(retry=warehouse.retry)
            if ended_well(warehouse, job):
                return  # too late: the month is loaded, and the ledger will say so
        if self._intended:
            self._rejected.remove()
        warehouse.drop(self.partition.main.work(self.load.month, self.load.load_id))

    def _made(self, publication: Publication, job_id: str, path: Path, *, appended: bool) -> Any:  # noqa: ANN401 - a job
        """Make the file the month, or a part of it."""
        try:
            return (self._appended if appended else self._replaced)(publication, job_id, path)
        except api.NotFound:
            self.lease.confirm()  # whoever takes a month over removes the tables of the one before
            raise

    def _replaced(self, publication: Publication, job_id: str, path: Path) -> Any:  # noqa: ANN401 - a job
        """Replace the partition by the file."""
        partition, labels = self.partition, publication.labels
        if partition.streamed and self.rows:
            with partition.work_table(self.load) as work:
                append_rows(partition.warehouse, work, path, self.load.watch.progress)
                self._arrived(work)
                config = bigquery.CopyJobConfig(write_disposition=_TRUNCATE)
                config.labels = labels
                return self._run(
                    publication,
                    job_id,
                    lambda: partition.warehouse.client.copy_table(
                        partition.warehouse.path(partition.of(work)),
                        partition.warehouse.path(partition.of(partition.main.name)),
                        **partition.warehouse.job_place(job_id),
                        job_config=config,
                        retry=partition.warehouse.retry,
                        timeout=_SILENCE_SECONDS,
                    ),
                )
        with self._loadable(path) as start:
            table = partition.of(partition.main.name)
            return self._run(
                publication, job_id, lambda: start(job_id, table, load_config(labels, _TRUNCATE, partition.schema()))
            )

    def _appended(self, publication: Publication, job_id: str, path: Path) -> Any:  # noqa: ANN401 - a job
        """Bring the file into a table of its own and merge what the month lacks."""
        partition, warehouse = self.partition, self.partition.warehouse
        with partition.work_table(self.load) as work:
            if partition.streamed:
                append_rows(warehouse, work, path, self.load.watch.progress)
            else:
                with self._loadable(path) as start:
                    name = warehouse.job_name(f"engine_work_{self.load.load_id}")
                    job, _ = warehouse.job(
                        name, lambda: start(name, work, load_config(publication.labels, _APPEND, partition.schema()))
                    )
                    job.result(retry=warehouse.retry)
            text = statement(
                "merge",
                main=warehouse.quoted(partition.main.name),
                work=warehouse.quoted(work),
                day=str(self.load.month.first_day),
                columns=", ".join(f"`{name}`" for name in self._file.schema.names),
            )
            return self._run(publication, job_id, lambda: warehouse.begin(text, job_id, publication.labels))

    def _loadable(self, path: Path) -> AbstractContextManager[Callable[[str, str, bigquery.LoadJobConfig], Any]]:
        partition = self.partition
        name = partition.main.work(self.load.month, self.load.load_id)
        return loadable(partition.warehouse, partition.staging, path, name, self.load.watch.progress)

    def _run(self, publication: Publication, job_id: str, start: Any) -> Any:  # noqa: ANN401 - a job
        self.lease.confirm()
        self._job = job_id
        job = publication.run(job_id, start)
        self._intended, self._job = False, ""  # the month is published: nothing of it is taken back
        return job

    def _without_present(self) -> Outcome:
        """Keep the rows that the month lacks, and return what it is with them."""
        ids, checksum, there = self.scratch / f"{self.load.load_id}.ids", Checksum(), 0
        schema = pa.schema([pa.field(ID, pa.binary(16), nullable=False)])
        with pq.ParquetWriter(ids, schema, compression="NONE", use_dictionary=False) as writer:
            for batch in self.partition.ids():
                checksum.add(batch)
                there += len(batch)
                writer.write_table(pa.table([fixed(batch.copy())], schema=schema))
        sent = self.rows
        checksum.merge(self._file.keep_absent(ids))
        ids.unlink()
        loaded = self.rows
        return Outcome(loaded=loaded, present=sent - loaded, total=there + loaded, id_checksum=checksum.hexdigest())

    def _arrived(self, work: str) -> None:
        """Wait until a table's rows are all where a copy job finds them; it would copy fewer without a word."""
        warehouse = self.partition.warehouse
        deadline = time.monotonic() + warehouse.retry_seconds
        while True:
            found = warehouse.table(work)
            if found is not None and found.streaming_buffer is None and found.num_rows == self.rows:
                return
            if time.monotonic() > deadline:
                message = f"BigQuery shows {found.num_rows if found else 0} of {self.rows} rows that were committed"
                raise EngineError(
                    message,
                    facts={"table": f"{warehouse.name}/{work}"},
                    state="nothing of this load is visible",
                    next_step="run it again with --method load, which needs no such wait",
                )
            time.sleep(_ARRIVAL_SECONDS)

    def _check(self, job: Any, outcome: Outcome, *, appended: bool) -> None:  # noqa: ANN401 - a job
        """Compare what BigQuery did with what was to be done."""
        found, expected = (
            (job.num_dml_affected_rows, outcome.loaded) if appended else (self.partition.rows(), outcome.total)
        )
        if found != expected:
            message = f"BigQuery has {found} rows of this load and should have {expected}"
            raise EngineError(
                message,
                facts={"job": job.job_id},
                state="the month may differ from its file: something else has written to it",
                next_step="see who writes to this table, then load the month with --force",
            )
