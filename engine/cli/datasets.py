"""`engine datasets [NAME]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine import catalog
from engine.cli import options
from engine.cli.printing import table
from engine.cli.run import ending

if TYPE_CHECKING:
    from engine.contract import Dataset


@click.command("datasets")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the datasets, or print the contract of one."""
    with ending():
        folders = options.environment().datasets
        if name is not None:
            with open(catalog.find(name, folders).defined_in, encoding="utf-8") as file:  # noqa: PTH123 - a path's text
                click.echo(file.read().rstrip())
            return
        found: dict[str, Dataset] = {}
        for path in catalog.paths(folders):
            dataset = catalog.load(path)
            found.setdefault(dataset.name, dataset)
        rows = [[d.name, d.table, str(len(d.contract.columns)), d.description] for d in found.values()]
        click.echo(table(["dataset", "table", "columns", "description"], rows, right=frozenset({2})))
