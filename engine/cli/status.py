"""`engine status [DATASET]`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from engine.cli import options
from engine.cli.printing import table
from engine.cli.run import ending
from engine.targets import receipts

if TYPE_CHECKING:
    from engine.receipt import Receipt


@click.command("status")
@click.argument("dataset", required=False)
@options.target
@options.flag(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of stdout."
)
def command(dataset: str | None, to: str | None, schema: str, table: str | None, output: str) -> None:
    """List the months that the target has, with their counts, from its ledger."""
    with ending():
        found = receipts(options.place(to, schema, table), options.environment(), dataset)
        if output == "json":
            click.echo(json.dumps({"receipts": [json.loads(r.to_json()) for r in found]}, indent=2))
        elif found:
            click.echo(_text(found))
        else:
            click.echo("nothing is loaded here yet")


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
