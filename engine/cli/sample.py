"""`engine sample DATASET MONTH`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli import options
from engine.cli.run import ending
from engine.month import Month

if TYPE_CHECKING:
    from engine.contract import Form


@click.command("sample")
@click.argument("dataset")
@click.argument("month")
@options.flag("--rows", type=click.IntRange(1), default=1_000_000, show_default=True, help="How many.")
@options.flag("--out", type=click.Path(path_type=Path), default=Path(), help="Folder. Default: this one.")
@options.flag("--seed", type=int, default=1, show_default=True, help="Equal seeds write equal bytes.")
@options.form
@options.flag("--rejects", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of bad rows.")
def command(dataset: str, month: str, rows: int, out: Path, seed: int, form: Form | None, rejects: float) -> None:
    """Write a realistic month as it was published, made up on this machine.

    That is a gz CSV up to 2021-07, in the form of its time with all faults, and Parquet since; --format parquet asks
    for the Parquet of an older month, with the same values. Zones, hours, fares and dirty values are distributed like
    those of real months. Bad rows of a Parquet have a number that is not whole or too large.
    """
    from engine.sample import write_sample  # noqa: PLC0415 - NumPy and Polars only where they are used

    with ending():
        when = Month.parse(month)
        path = write_sample(dataset, when, rows=rows, folder=out, seed=seed, rejects=rejects, form=form)
        click.echo(str(path))
