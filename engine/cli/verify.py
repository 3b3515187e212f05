"""`engine verify DATASET MONTH`."""

from __future__ import annotations

import dataclasses
import json
import shlex
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from engine import catalog
from engine.cli import kestra, options
from engine.cli.progress import watching
from engine.cli.run import again, ending, fail, without_password
from engine.errors import VerifyFailed
from engine.month import Month
from engine.proof import source_of
from engine.targets import open_target
from engine.verify import Findings, shown, verify

if TYPE_CHECKING:
    from engine.contract import Dataset
    from engine.settings import Settings
    from engine.watch import Watch


@click.command("verify")
@click.argument("dataset")
@click.argument("month")
@options.target
@options.flag("--against-source", is_flag=True, help="Read the published file too and compare row by row.")
@options.flag("--deep", is_flag=True, help="Read all columns also where reading is billed (BigQuery).")
@options.published
@options.output
def command(dataset: str, month: str, output: str, *, quiet: bool, **flags: Any) -> None:  # noqa: ANN401 - as declared above
    """Prove that a month in the target is what was published.

    Reads the month back, computes every id anew from the stored values and compares with the ledger; with
    --against-source, also with the file, and names the rows that differ.
    """
    form = {"json": _json, "kestra": _kestra}.get(output)
    failed = (lambda error: form(dataset, month, Findings(), str(error))) if form else None
    with ending(f"{dataset} {month}", failed):
        environment = options.environment()
        found, which = catalog.find(dataset, environment.datasets), Month.parse(month)
        load = _load_command(dataset, month, flags)
        try:
            findings = _findings(found, which, environment, watching(quiet=quiet), flags)
        except VerifyFailed as nothing:
            nothing.next_step = load
            raise
        error = None if findings.agree else _error(found, which, findings, load)
        if output != "json":
            click.echo(_text(found, which, findings))
        if form:
            click.echo(form(found.name, month, findings, str(error) if error else ""))
        if error:
            fail(error)


def _findings(dataset: Dataset, month: Month, environment: Settings, watch: Watch, flags: dict[str, Any]) -> Findings:
    place = options.place(flags["to"], flags["schema"], flags["table"])
    try:
        with open_target(place, dataset, environment) as target, ExitStack() as stack:
            source = None
            if flags["against_source"]:
                flags = {**flags, "cloud": environment.cloud}
                source = stack.enter_context(source_of(dataset, month, target, environment.spool, watch, **flags))
            return verify(
                dataset, month, target, spool=environment.spool, watch=watch, source=source, deep=flags["deep"]
            )
    finally:
        watch.end()


def _load_command(dataset: str, month: str, flags: dict[str, Any]) -> str:
    """Return the command that loads this month into the same target."""
    where = {
        "--to": flags["to"],
        "--schema": "" if flags["schema"] == "public" else flags["schema"],
        "--table": flags["table"],
        "--from": flags["location"],
    }
    words = [word for flag, value in where.items() if value for word in (flag, without_password(value))]
    return shlex.join(["engine", "ingest", dataset, month, *words])


def _text(dataset: Dataset, month: Month, findings: Findings) -> str:
    against = "target, ledger and source" if findings.against_source else "target and ledger"
    if findings.agree:
        how = "every id computed anew" if findings.deep else "ids read back (--deep computes them anew)"
        return (
            f"{dataset.name} {month}  verified: {findings.rows:,} rows, {how}, {against} agree\n"
            f"  checksum    {findings.id_checksum}"
        )
    return "\n".join([f"{dataset.name} {month}  differs", *(f"  {line}" for line in shown(findings))])


def _kestra(dataset: str, month: str, findings: Findings, error: str) -> str:
    found = {"dataset": dataset, "month": month, "state": _state(findings, error), "rows": findings.rows}
    return kestra.line(found | {"differences": sum(findings.counts.values())})


def _state(findings: Findings, error: str) -> str:
    return "verified" if not error else "different" if findings.expected_checksum else "failed"


def _json(dataset: str, month: str, findings: Findings, error: str) -> str:
    data = {
        "dataset": dataset,
        "month": month,
        "state": _state(findings, error),
        **dataclasses.asdict(findings),
        "error": error,
    }
    return json.dumps(data, indent=2, default=lambda value: value.hex() if isinstance(value, bytes) else str(value))


def _error(dataset: Dataset, month: Month, findings: Findings, load: str) -> VerifyFailed:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in findings.counts.items())
    return VerifyFailed(
        f"{dataset.name} {month} is not what was loaded",
        facts={
            "rows": f"{findings.rows:,} in the target, {findings.expected_rows} in the ledger",
            "checksum": f"{findings.id_checksum} in the target, {findings.expected_checksum} in the ledger",
            "differ": kinds or "no row by itself: rows are missing or too many",
        },
        state="nothing was changed",
        next_step=f"{load} --force"
        if findings.against_source
        else f"{again()} --against-source shows which rows\n{load} --force loads the month anew",
    )
