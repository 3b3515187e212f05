"""`engine inspect FILE` and `engine inspect DATASET MONTH`."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine import catalog
from engine.cli import kestra, options
from engine.cli.printing import table, wrapped
from engine.cli.progress import watching
from engine.cli.run import ending, fail
from engine.errors import UsageError
from engine.inspect import Inspection, inspect
from engine.month import Month
from engine.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Dataset
    from engine.inspect import Mapped

_WIDTH = 160


@click.command("inspect")
@click.argument("what", metavar="FILE|DATASET")
@click.argument("month", required=False)
@options.flag("--dataset", help="Dataset of a FILE whose name does not tell.")
@options.origin
@options.flag("--head", type=click.IntRange(0, 20), default=3, show_default=True, help="Rows to show.")
@options.output
def command(what: str, month: str | None, dataset: str | None, output: str, *, quiet: bool, **flags: Any) -> None:  # noqa: ANN401 - as declared above
    """Look at a month's file as an ingest would, and write nothing.

    Shows its header, era, mapping, types, first rows, counts, and what would be refused, with the exit code that an
    ingest would end with. A FILE's name tells dataset and month; where it does not, name them: FILE MONTH --dataset.
    """
    with ending(what):
        environment = options.environment()
        found, which, location = _asked(what, month, dataset, environment.datasets, flags["location"])
        source = open_source(
            location, found, which, spool=environment.spool, form=flags["form"], cloud=environment.cloud
        )
        watch = watching(quiet=quiet)
        try:
            fetched = source.fetch(source.look(), lambda *_: None)
            seen = inspect(
                found,
                which,
                fetched,
                spool=environment.spool,
                watch=watch,
                strict=flags["strict"],
                max_rejects=flags["max_rejects"],
                rows=flags["head"],
            )
            fetched.release()  # an ingest that follows need not download it again
        finally:
            watch.end()
        if output != "json":
            click.echo(_text(seen))
        if form := {"json": _json, "kestra": _kestra}.get(output):
            click.echo(form(seen))
        if seen.refused is not None:
            fail(seen.refused)


def _asked(
    what: str, month: str | None, named: str | None, folders: Sequence[Path], location: str | None
) -> tuple[Dataset, Month, str | None]:
    """Return dataset, month and location that the words of the command mean."""
    is_file = Path(what).is_file() and not (what.endswith(".toml") and month is not None and named is None)
    if not is_file and "/" not in what and month is None:
        message = f"there is no file {what!r}, and a dataset needs a month"
        raise UsageError(message, next_step=f"engine inspect {what} 2019-01")
    if not is_file and month is not None and named is None:
        return catalog.find(what, folders), Month.parse(month), location
    if named is not None:
        found = catalog.find(named, folders)
        guess = month or _month_in(Path(what).name, found)
        if guess is not None:
            return found, Month.parse(guess), what
    for path in catalog.paths(folders):
        found = catalog.load(path)
        if named in (None, found.name) and (guess := _month_in(Path(what).name, found)) is not None:
            return found, Month.parse(month or guess), what
    message = f"the name of {what!r} does not tell dataset and month"
    raise UsageError(message, next_step=f"engine inspect {what} 2019-01 --dataset yellow")


def _month_in(name: str, dataset: Dataset) -> str | None:
    """Return the month that a file's name tells, if it is one of the dataset."""
    stem = dataset.file.removesuffix(".csv").format(dataset=dataset.name, month="\0")
    pattern = re.escape(stem).replace(re.escape("\0"), r"(\d{4}-\d{2})")
    match = re.match(rf"{pattern}(?!\w)", name)
    return match[1] if match else None


def _kestra(seen: Inspection) -> str:
    found = {"dataset": seen.dataset, "month": seen.month, "lines": seen.lines, "rows": seen.rows}
    return kestra.line(
        found | {"quarantined": seen.quarantined, "exit_code": seen.refused.exit_code if seen.refused else 0}
    )


def _json(seen: Inspection) -> str:
    data = dataclasses.asdict(dataclasses.replace(seen, refused=None))
    return json.dumps({**data, "refused": str(seen.refused or "")}, indent=2)


def _text(seen: Inspection) -> str:
    size = "" if seen.bytes is None else f", {seen.bytes:,} bytes"
    lines = [f"{seen.dataset} {seen.month}  {seen.file}"]
    if seen.form:
        lines.append(f"  {'format':<11} {seen.form}{size}")
        lines.append(f"  {'era':<11} {seen.era[0]} to {seen.era[1]}")
        lines += [f"  {'form':<11} {detail}" for detail in seen.details]
        lines += ["", _columns(seen), ""]
    if seen.refused and seen.first_lines:
        lines += [f"  {'line' if at else 'as it is':<11} {line[:_WIDTH]}" for at, line in enumerate(seen.first_lines)]
    if seen.lines:
        lines.append(f"  {'rows':<11} {seen.lines:,} lines = {seen.rows:,} rows + {seen.quarantined:,} to quarantine")
        counts = seen.counts
        lines += [f"  {'strays':<11} {counts.strays:,} outside the month"]
        lines += [f"  {'rounded':<11} {counts.rounded:,} amounts to the cent"] if counts.rounded else []
        lines += wrapped("unknown", [f"{name} {count:,}" for name, count in sorted(counts.outside.items())])
        lines += wrapped("nulls", [f"{name} {count:,}" for name, count in sorted(counts.nulls.items())])
        lines += [
            f"  {'bad':<11} line {r.line}{f', {r.column}' if r.column else ''}: {r.reason}" for r in seen.first_rejects
        ]
    verdict = "an ingest would refuse this file" if seen.refused else "an ingest would load this file"
    return "\n".join([*lines, f"  {'verdict':<11} {verdict}"])


def _columns(seen: Inspection) -> str:
    """Return the mapping as a table: the file's columns in its order, then those that come from others' texts."""
    mapped: list[Mapped] = [*seen.mapping, *seen.made]
    most = max((len(one.values) for one in mapped), default=0)
    head = ["#", "in the file", "stored as", "column", "type", *(f"row {n + 1}" for n in range(most))]
    rows = [
        [
            str(number) if one.name else "",
            one.name or ("" if number <= len(seen.mapping) else "(from a text)"),
            one.stored,
            one.column or "unknown",
            one.type,
            *(one.values or ("",) * most),
        ]
        for number, one in enumerate(mapped, 1)
    ]
    keep = [at for at in range(len(head)) if at != 2 or seen.form == "parquet"]  # noqa: PLR2004 - "stored as"
    return table([head[at] for at in keep], [[row[at] for at in keep] for row in rows], right=frozenset({0}))
