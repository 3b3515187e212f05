"""`engine ingest DATASET MONTH`."""

from __future__ import annotations

from typing import Any

import click

from engine import catalog
from engine.cli import options
from engine.cli.printing import receipt_text
from engine.cli.progress import watching
from engine.cli.run import ending, fail
from engine.ingest import Request, ingest
from engine.month import Month
from engine.receipt import State


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
    with ending():
        environment = options.environment()
        request = request_of(catalog.find(dataset, environment.datasets), Month.parse(month), dry_run=dry_run, **flags)
        result = ingest(request, environment, watching(quiet=quiet))
        if output == "json":
            click.echo(result.receipt.to_json(indent=2))
        elif result.error is None:
            click.echo(_text(result.receipt, dry_run=dry_run))
        if result.error is not None:
            fail(result.error)


def request_of(dataset: Any, month: Month, **flags: Any) -> Request:  # noqa: ANN401 - the values of declared flags
    """Return the request that the flags describe."""
    return Request(
        dataset=dataset,
        month=month,
        to=options.place(flags["to"], flags["schema"], flags["table"], flags["lock_wait"]),
        location=flags["location"],
        form=flags["form"],
        mode=flags["mode"],
        force=flags["force"],
        allow_shrink=flags["allow_shrink"],
        max_rejects=flags["max_rejects"],
        strict=flags["strict"],
        dry_run=flags["dry_run"],
    )


def _text(receipt: Any, *, dry_run: bool) -> str:  # noqa: ANN401 - a Receipt
    if dry_run and receipt.state is State.LOADING:
        size = f"{receipt.source.bytes:,} bytes" if receipt.source.bytes else "size unknown"
        return (
            f"{receipt.dataset} {receipt.month}  would be loaded\n"
            f"  target      {receipt.target}\n  source      {receipt.source.url}, {size}"
        )
    return receipt_text(receipt)
