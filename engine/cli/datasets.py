"""`engine datasets` and `engine datasets show NAME`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from engine import catalog
from engine.cli import options
from engine.cli.printing import table
from engine.cli.run import ending

if TYPE_CHECKING:
    from engine.contract import Column, Dataset


@click.group("datasets", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the datasets, or show the contract of one."""
    if context.invoked_subcommand is not None:
        return
    with ending():
        found: dict[str, Dataset] = {}
        for path in catalog.paths(options.environment().datasets):
            dataset = catalog.load(path)
            found.setdefault(dataset.name, dataset)
        rows = [[d.name, d.table, str(len(d.contract.columns)), d.description] for d in found.values()]
        click.echo(table(["dataset", "table", "columns", "description"], rows, right=frozenset({2})))


@command.command("show")
@click.argument("name")
@options.flag("--toml", is_flag=True, help="Print the file that declares it, as it stands.")
def show(name: str, *, toml: bool) -> None:
    """Print the contract of one dataset: sources, columns, their months and names, identity, known faults."""
    with ending():
        dataset = catalog.find(name, options.environment().datasets)
        if toml:
            with open(dataset.defined_in, encoding="utf-8") as file:  # noqa: PTH123 - a path's text
                click.echo(file.read().rstrip())
        else:
            click.echo(_contract(dataset))


def _contract(dataset: Dataset) -> str:
    contract = dataset.contract
    facts = [
        ("table", dataset.table),
        ("files", dataset.file),
        *(("source", f"{o.format} {_months(o.since, o.until)}: {o.url}") for o in dataset.origins),
        ("identity", f"{contract.identity_label} over {len(contract.identity.columns)} columns, marked *"),
        ("unknown", f"{contract.policy.unknown}; at most {100 * contract.policy.max_rejects:g} % of lines may be bad"),
        ("declared", dataset.defined_in),
    ]
    head = [f"{dataset.name}  {dataset.description}", *(f"  {label:<11} {text}" for label, text in facts)]
    rows = [[c.name + "*" * (c.name in contract.identity.columns), *_column(c)] for c in contract.columns]
    columns = table(["column", "type", "CSV", "Parquet", "other names", "allowed"], rows)
    faults = [[_months(f.span.since, f.span.until), ", ".join(f.words())] for f in contract.faults]
    known = ["", "Faults of form that are accepted in these months only:", table(["months", "fault"], faults)]
    return "\n".join([*head, "", columns, *(known if faults else [])])


def _column(column: Column) -> list[str]:
    csv = _months(column.since, column.until) + (", may lack" if column.optional else "")
    parquet = _months(column.parquet.since, column.parquet.until) if column.parquet else csv
    names = [*column.aliases, *(f"{a.label} ({_months(a.span.since, a.span.until)})" for a in column.dated)]
    kind = str(column.type) + ("" if column.nullable else " not null")
    return [kind, csv, parquet, ", ".join(names), str(column.allowed or "")]


def _months(since: object, until: object) -> str:
    """Return months as people write a span of them."""
    if since is None and until is None:
        return "all"
    return f"from {since}" if until is None else f"to {until}" if since is None else f"{since} to {until}"
