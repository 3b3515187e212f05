"""`engine backfill DATASET FROM TO`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from engine import catalog
from engine.cli import options
from engine.cli.ingest import request_of
from engine.cli.printing import table
from engine.cli.progress import watching
from engine.cli.run import ending, fail
from engine.errors import NotPublished, UsageError
from engine.ingest import ingest
from engine.month import Month

if TYPE_CHECKING:
    from engine.ingest import Result


@click.command("backfill")
@click.argument("dataset")
@click.argument("first", metavar="FROM")
@click.argument("last", metavar="TO")
@options.target
@options.origin
@options.loading
@options.output
def command(dataset: str, first: str, last: str, output: str, *, quiet: bool, **flags: Any) -> None:  # noqa: ANN401 - as declared above
    """Load every month from FROM to TO, both included.

    A month that fails does not stop the others. The exit code is that of the first failure; a month that is not
    published counts only where nothing else failed. Months that are loaded already cost one look.
    """
    with ending():
        environment = options.environment()
        found = catalog.find(dataset, environment.datasets)
        months = list(Month.parse(first).through(Month.parse(last)))
        if not months:
            message = f"{first} is after {last}"
            raise UsageError(message)
        results = []
        for month in months:
            click.echo(f"engine: {found.name} {month}", err=True)
            request = request_of(found, month, dry_run=False, **flags)
            result = ingest(request, environment, watching(quiet=quiet))
            results.append(result)
            if result.error is not None:
                click.echo(str(result.error), err=True)
        click.echo(_json(results) if output == "json" else _text(results))
        failures = [r.error for r in results if r.error is not None]
        if failures:
            fail(_worst(failures).within(state="the other months are as listed"))


def _worst(failures: list[Any]) -> Any:  # noqa: ANN401 - EngineErrors
    return next((error for error in failures if not isinstance(error, NotPublished)), failures[0])


def _json(results: list[Result]) -> str:
    return json.dumps({"receipts": [json.loads(r.receipt.to_json()) for r in results]}, indent=2)


def _text(results: list[Result]) -> str:
    rows = [
        [
            r.receipt.month,
            r.receipt.state.value,
            f"{r.receipt.rows.loaded:,}",
            f"{r.receipt.rows.quarantined:,}",
            f"{r.receipt.seconds.get('total', 0):.1f}",
        ]
        for r in results
    ]
    return table(["month", "state", "loaded", "quarantined", "seconds"], rows, right=frozenset({2, 3, 4}))
