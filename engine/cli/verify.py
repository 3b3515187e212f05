"""`engine verify DATASET MONTH`."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from engine import catalog
from engine.cli import options
from engine.cli.progress import watching
from engine.cli.run import ending, fail
from engine.errors import VerifyFailed
from engine.month import Month
from engine.proof import source_of
from engine.targets import open_target
from engine.verify import Findings, shown, verify

if TYPE_CHECKING:
    from engine.contract import Dataset


@click.command("verify")
@click.argument("dataset")
@click.argument("month")
@options.target
@options.flag("--against-source", is_flag=True, help="Read the published file too and compare row by row.")
@options.origin
@options.output
def command(dataset: str, month: str, output: str, *, quiet: bool, against_source: bool, **flags: Any) -> None:  # noqa: ANN401 - as declared above
    """Prove that a month in the target is what was published.

    Reads the month back, computes every id anew from the stored values and compares with the ledger; with
    --against-source, also with the file, and names the rows that differ.
    """
    with ending():
        environment = options.environment()
        found, which = catalog.find(dataset, environment.datasets), Month.parse(month)
        place = options.place(flags["to"], flags["schema"], flags["table"])
        watch = watching(quiet=quiet)
        with open_target(place, found, environment) as target:
            opened = (
                source_of(found, which, target, environment.spool, watch, **flags) if against_source else nullcontext()
            )
            with opened as source:
                findings = verify(found, which, target, spool=environment.spool, watch=watch, source=source)
        watch.end()
        click.echo(_json(found, which, findings) if output == "json" else _text(found, which, findings))
        if not findings.agree:
            fail(_error(found, which, findings))


def _text(dataset: Dataset, month: Month, findings: Findings) -> str:
    against = "target, ledger and source" if findings.against_source else "target and ledger"
    if findings.agree:
        return (
            f"{dataset.name} {month}  verified: {findings.rows:,} rows, every id computed anew, {against} agree\n"
            f"  checksum    {findings.id_checksum}"
        )
    return "\n".join([f"{dataset.name} {month}  differs", *(f"  {line}" for line in shown(findings))])


def _json(dataset: Dataset, month: Month, findings: Findings) -> str:
    data = {"dataset": dataset.name, "month": str(month), "state": "verified" if findings.agree else "different"}
    return json.dumps({**data, **dataclasses.asdict(findings)}, indent=2, default=str)


def _error(dataset: Dataset, month: Month, findings: Findings) -> VerifyFailed:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in findings.counts.items())
    return VerifyFailed(
        f"{dataset.name} {month} is not what was loaded",
        facts={
            "rows": f"{findings.rows:,} in the target, {findings.expected_rows} in the ledger",
            "checksum": f"{findings.id_checksum} in the target, {findings.expected_checksum} in the ledger",
            "differ": kinds or "no row by itself: rows are missing or too many",
        },
        state="nothing was changed",
        next_step=f"engine verify {dataset.name} {month} --against-source shows which; "
        f"engine ingest {dataset.name} {month} --force loads the month anew",
    )
