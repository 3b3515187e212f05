"""`engine status [DATASET]`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from engine.cli import kestra, options
from engine.cli.printing import table
from engine.cli.run import ending
from engine.targets import receipts

if TYPE_CHECKING:
    from engine.receipt import Receipt


@click.command("status")
@click.argument("dataset", required=False)
@options.to
@options.database_schema
@options.form_of_stdout
def command(dataset: str | None, to: str | None, schema: str, output: str) -> None:
    """List the months that the target has, with their counts, from its ledger."""
    form = {"json": _json, "kestra": _kestra}.get(output)
    failed = (lambda error: form([], str(error))) if form else None
    with ending(failed=failed):
        found = receipts(options.place(to, schema), options.environment(), dataset)
        if output != "json":
            click.echo(_text(found) if found else "nothing is loaded here yet")
        if form:
            click.echo(form(found))


def _kestra(found: list[Receipt], error: str = "") -> str:
    del error  # the log has it
    return kestra.line({"months": [kestra.outputs(receipt) for receipt in found], "count": len(found)})


def _json(found: list[Receipt], error: str = "") -> str:
    return json.dumps({"receipts": [json.loads(r.to_json()) for r in found], "error": error}, indent=2)


def _text(found: list[Receipt]) -> str:
    rows = [
        [
            r.dataset,
            r.month,
            r.state.value,
            f"{r.rows.total:,}",
            f"{r.rows.quarantined:,}",
            (r.finished_at or r.started_at)[:19].replace("T", " "),
            r.source.url.rpartition("/")[2],
        ]
        for r in found
    ]
    head = ["dataset", "month", "state", "rows", "quarantined", "finished (UTC)", "source"]
    return table(head, rows, right=frozenset({3, 4}))
