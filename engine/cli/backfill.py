"""`engine backfill DATASET FROM TO`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from engine import catalog
from engine.cli import kestra, options
from engine.cli.ingest import mended, request_of
from engine.cli.printing import table
from engine.cli.progress import watching
from engine.cli.run import ending, say, to_kestra
from engine.errors import NotPublished, UsageError
from engine.ingest import ingest
from engine.month import Month

if TYPE_CHECKING:
    from engine.errors import EngineError
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
    results: list[Result] = []
    form = {"json": _json, "kestra": _kestra}.get(output)
    failed = (lambda error: form(results, error)) if form else None
    with ending(failed=failed) as signals:
        environment = options.environment()
        found = catalog.find(dataset, environment.datasets)
        for month in _months(first, last):
            if not quiet:
                say(f"engine: {found.name} {month}")
            request = request_of(found, month, dry_run=False, **flags)
            result = mended(ingest(request, environment, watching(quiet=quiet)))
            results.append(result)
            signals.check()
            if result.error is not None:
                say(str(result.error))
        if output != "json":
            click.echo(_text(results))
        if form:
            click.echo(form(results))
        sys.exit(_code(results))


def _months(first: str, last: str) -> list[Month]:
    months = list(Month.parse(first).through(Month.parse(last)))
    if not months:
        message = f"{first} is after {last}"
        raise UsageError(message, facts={"expected": "the first month, then the last"}, state="nothing was changed")
    return months


def _code(results: list[Result]) -> int:
    """Return the exit code, and say on stderr which months are not there."""
    errors = [r.error for r in results if r.error is not None]
    failures = [error for error in errors if not (to_kestra() and kestra.is_no_failure(error))]
    if not failures:
        return 0
    names = ", ".join(f"{r.receipt.month} {r.receipt.state.value}" for r in results if r.error is not None)
    say(f"engine: {len(errors)} of {len(results)} months: {names}")
    return next((error for error in failures if not isinstance(error, NotPublished)), failures[0]).exit_code


def _kestra(results: list[Result], error: EngineError | None = None) -> str:
    del error  # the log has it
    return kestra.of_receipts([result.receipt for result in results])


def _json(results: list[Result], error: EngineError | None = None) -> str:
    receipts = [json.loads(r.receipt.to_json()) for r in results]
    return json.dumps({"receipts": receipts, "error": str(error) if error else ""}, indent=2)


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
