"""`engine plan DATASET...`."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import click

from engine import catalog
from engine.cli import kestra, options
from engine.cli.printing import table
from engine.cli.run import ending
from engine.errors import UsageError
from engine.month import Month
from engine.plan import Planned, Where, plan


@click.command("plan")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@options.flag("--first", metavar="MONTH", help="First month, YYYY-MM. Default: the last one alone.")
@options.flag("--last", metavar="MONTH", help="Last month. Default: the one that is --lag months ago.")
@options.flag("--lag", type=click.IntRange(0), default=0, show_default=True, help="Months from a trip to its file.")
@options.flag("--changed", is_flag=True, help="Loaded months are due too where their file is another one by now.")
@options.target
@options.location
@options.form
@options.form_of_stdout
def command(datasets: tuple[str, ...], output: str, **flags: Any) -> None:  # noqa: ANN401 - as declared above
    """Say which months are due: published by now, and not in the target.

    The ledger says what is loaded, the source what is published; nothing is downloaded and nothing changed.
    """
    found: list[Planned] = []
    printed = {"json": _json, "kestra": _kestra}.get(output)
    with ending(failed=(lambda error: printed(found, str(error))) if printed else None):
        environment = options.environment()
        wanted = [catalog.find(name, environment.datasets) for name in datasets]
        where = Where(
            to=options.place(flags["to"], flags["schema"], flags["table"]),
            location=flags["location"] or None,
            form=flags["form"],
            changed=flags["changed"],
        )
        months = _months(flags["first"], flags["last"], flags["lag"])
        found.extend(plan(wanted, months, where, environment))
        if output != "json":
            click.echo(_text(found))
        if printed:
            click.echo(printed(found))


def _months(first: str | None, last: str | None, lag: int) -> list[Month]:
    end = Month.parse(last) if last else ago(dt.datetime.now(dt.UTC).date(), lag)
    begin = Month.parse(first) if first else end
    if begin > end:
        message = f"{begin} is after {end}"
        raise UsageError(message, facts={"expected": "the first month, then the last"}, state="nothing was changed")
    return list(begin.through(end))


def ago(day: dt.date, months: int) -> Month:
    """Return the month that lies so many months before the one of a day."""
    month = Month(day.year, day.month)
    for _ in range(months):
        month = month.previous()
    return month


def _kestra(found: list[Planned], error: str = "") -> str:
    del error  # the log has it
    due = [{"dataset": one.dataset, "month": str(one.month)} for one in found if one.due]
    return kestra.line({"due": due, "count": len(due)})


def _json(found: list[Planned], error: str = "") -> str:
    months = [
        {
            "dataset": one.dataset,
            "month": str(one.month),
            "state": one.state.value,
            "due": one.due,
            "source": one.source,
            "bytes": one.bytes,
        }
        for one in found
    ]
    return json.dumps({"months": months, "error": error}, indent=2)


def _text(found: list[Planned]) -> str:
    rows = [
        [one.dataset, str(one.month), one.state.value, "" if one.bytes is None else f"{one.bytes:,}", one.source]
        for one in found
    ]
    due = sum(one.due for one in found)
    return f"{table(['dataset', 'month', 'state', 'bytes', 'source'], rows, right=frozenset({3}))}\n{due} due"
