"""`engine sample DATASET MONTH`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli import options
from engine.cli.run import ending
from engine.month import Month


@click.command("sample")
@click.argument("dataset")
@click.argument("month")
@options.flag("--rows", type=click.IntRange(1), default=1_000_000, show_default=True, help="How many.")
@options.flag("--out", type=click.Path(path_type=Path), default=Path(), help="Folder. Default: this one.")
@options.flag("--seed", type=int, default=1, show_default=True, help="Equal seeds write equal bytes.")
@options.flag("--rejects", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of bad rows.")
def command(dataset: str, month: str, rows: int, out: Path, seed: int, rejects: float) -> None:
    """Write a realistic month as a gz CSV, made up on this machine.

    Zones, hours, fares and dirty values are distributed like those of real months.
    """
    from engine.sample import write_sample  # noqa: PLC0415 - NumPy and Polars only where they are used

    with ending():
        path = write_sample(dataset, Month.parse(month), rows=rows, folder=out, seed=seed, rejects=rejects)
        click.echo(str(path))
