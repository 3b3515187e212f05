"""`engine ingest DATASET MONTH`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import click

from engine import __version__, catalog
from engine.cli import kestra, options
from engine.cli.printing import receipt_text
from engine.cli.progress import watching
from engine.cli.run import again, ending, fail, without_password
from engine.errors import Busy, NotPublished
from engine.ingest import Request, Result, ingest
from engine.month import Month
from engine.receipt import Receipt, SourceInfo, State
from engine.sources import open_source
from engine.targets import untouched
from engine.timing import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.errors import EngineError
    from engine.settings import Settings


# What a program that reads stdout gets; people get text.
FORMS: dict[str, Callable[[Receipt], str]] = {
    "json": lambda receipt: receipt.to_json(indent=2),
    "kestra": kestra.of_receipt,
}


@click.command("ingest")
@click.argument("dataset")
@click.argument("month")
@options.target
@options.origin
@options.loading
@options.flag("--dry-run", is_flag=True, help="Say what would be done and change nothing.")
@options.output
def command(dataset: str, month: str, output: str, *, quiet: bool, dry_run: bool, **flags: Any) -> None:  # noqa: ANN401 - as declared above
    """Load one month: every row once, or nothing.

    DATASET is a name from `engine datasets` or the path of a TOML file, MONTH is YYYY-MM. A month whose bytes are
    loaded already is left alone; changed bytes replace it whole.
    """
    clock = Clock()
    form = FORMS.get(output)
    failed = (lambda error: form(_unbegun(dataset, month, error, clock, flags))) if form else None
    with ending(f"{dataset} {month}", failed) as signals:
        environment = options.environment()
        request = request_of(catalog.find(dataset, environment.datasets), Month.parse(month), dry_run=dry_run, **flags)
        if dry_run and untouched(request.to, environment):
            result = _looked(request, environment, clock)
        else:
            result = mended(ingest(request, environment, watching(quiet=quiet)))
        if result.error is not None:
            signals.check()
        if result.error is None and output != "json":
            click.echo(_text(result.receipt, dry_run=dry_run))
        if form:
            click.echo(form(result.receipt))
        if result.error is not None:
            fail(result.error)


def request_of(dataset: Any, month: Month, **flags: Any) -> Request:  # noqa: ANN401 - the values of declared flags
    """Return the request that the flags describe."""
    return Request(
        dataset=dataset,
        month=month,
        to=options.place(
            flags["to"],
            flags["schema"],
            flags["table"],
            lock_wait_seconds=flags["lock_wait"],
            staging=flags["staging"],
            method=flags["method"],
            max_bytes_billed=flags["max_bytes_billed"],
        ),
        location=flags["location"],
        form=flags["form"],
        mode=flags["mode"],
        force=flags["force"],
        allow_shrink=flags["allow_shrink"],
        max_rejects=flags["max_rejects"],
        strict=flags["strict"],
        keep_source=flags["keep_source"] or None,
        dry_run=flags["dry_run"],
    )


def _looked(request: Request, environment: Settings, clock: Clock) -> Result:
    """Return what a dry run finds without making the embedded server that an ingest would make."""
    source = open_source(
        request.location,
        request.dataset,
        request.month,
        spool=environment.spool,
        form=request.form,
        cloud=environment.cloud,
    ).look()
    receipt = Receipt(
        load_id="",
        dataset=request.dataset.name,
        month=str(request.month),
        state=State.LOADING,
        target="the embedded PostgreSQL, which is not there yet",
        mode=request.mode,
        source=source,
        identity=request.dataset.contract.identity_label,
        contract=request.dataset.contract.fingerprint,
        engine_version=__version__,
        started_at=clock.started_at,
    )
    return Result(receipt=receipt.with_(**clock.stop()))


def mended(result: Result) -> Result:
    """Return a failed result as people may see it: with the command that was typed, and without passwords."""
    if (error := result.error) is None:
        return result
    error.next_step = error.next_step.replace(f"engine ingest {result.receipt.partition}", again())
    receipt = result.receipt
    source = dataclasses.replace(receipt.source, url=without_password(receipt.source.url))
    receipt = receipt.with_(target=without_password(receipt.target), source=source, error=str(error))
    return dataclasses.replace(result, receipt=receipt)


def _unbegun(dataset: str, month: str, error: EngineError, clock: Clock, flags: dict[str, Any]) -> Receipt:
    """Return the receipt of a load that has none of its own: it never began, or was interrupted."""
    receipt = Receipt(
        load_id="",
        dataset=dataset,
        month=month,
        state={NotPublished: State.NOT_PUBLISHED, Busy: State.BUSY}.get(type(error), State.FAILED),
        target=without_password(flags["to"] or ""),
        mode=flags["mode"],
        source=SourceInfo(url=without_password(flags["location"] or "")),
        engine_version=__version__,
        started_at=clock.started_at,
        error=str(error),
    )
    return receipt.with_(**clock.stop())


def _text(receipt: Receipt, *, dry_run: bool) -> str:
    if dry_run and receipt.state is State.LOADING:
        size = f"{receipt.source.bytes:,} bytes" if receipt.source.bytes else "size unknown"
        billed = f"\n  billed      at least {receipt.bytes_billed:,} bytes" if receipt.bytes_billed else ""
        return (
            f"{receipt.dataset} {receipt.month}  would be loaded\n"
            f"  target      {unquote(receipt.target)}\n  source      {receipt.source.url}, {size}{billed}"
        )
    return receipt_text(receipt)
