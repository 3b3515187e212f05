"""`engine setup URL [DATASET...]`."""

from __future__ import annotations

import dataclasses
import json

import click

from engine import catalog
from engine.cli import kestra, options
from engine.cli.run import ending, without_password
from engine.setup import Asked, Standing, Thing, set_up

_WIDTH = max(len(state) for state in Standing if state is not Standing.HINT)


@click.command("setup")
@click.argument("url", metavar="URL")
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@options.database_schema
@options.flag(
    "--location", metavar="PLACE", help="Where a bucket or a BigQuery dataset has to be. Default of new ones: US."
)
@options.flag("--dry-run", is_flag=True, help="Say what would be done and change nothing.")
@options.form_of_stdout
def command(
    url: str, datasets: tuple[str, ...], schema: str, location: str | None, output: str, *, dry_run: bool
) -> None:
    """Make what a target needs, and say what is there.

    URL is what --to takes: gs://BUCKET/PREFIX, bigquery://PROJECT/DATASET, postgresql://USER@HOST/DATABASE, a folder.
    Tables are made for each DATASET, or for all of `engine datasets`. What is there stays; run it as often as you like.
    """
    things: list[Thing] = []
    shown = without_password(url)
    form = {"json": _json, "kestra": _kestra}.get(output)
    with ending(shown, (lambda error: form(shown, things, str(error))) if form else None):
        environment = options.environment()
        names = datasets or tuple(dict.fromkeys(path.stem for path in catalog.paths(environment.datasets)))
        asked = Asked(
            place=options.place(url, schema),
            datasets=tuple(catalog.find(name, environment.datasets) for name in names),
            location=location or None,
            dry_run=dry_run,
        )
        for thing in set_up(asked, environment):
            if output != "json":
                click.echo(_text(thing, things[-1:]))
            things.append(thing)
        if form:
            click.echo(form(shown, things))


def _text(thing: Thing, before: list[Thing]) -> str:
    if thing.state is not Standing.HINT:
        return f"{thing.state.value:<{_WIDTH}}  {thing.what}{f': {thing.detail}' if thing.detail else ''}"
    head = [] if [thing.detail] == [one.detail for one in before] else ["", f"-- for {thing.detail}"]
    return "\n".join([*head, thing.what])


def _kestra(url: str, things: list[Thing], error: str = "") -> str:
    states = {state.name.lower(): sum(thing.state is state for thing in things) for state in Standing}
    return kestra.line({"target": url, "state": "failed" if error else "ready", "things": states})


def _json(url: str, things: list[Thing], error: str = "") -> str:
    found = [dataclasses.asdict(thing) for thing in things]
    return json.dumps({"target": url, "things": found, "error": error}, indent=2)
