"""`engine psql`."""

from __future__ import annotations

import subprocess
import sys

import click

from engine.cli import options
from engine.cli.run import ending
from engine.embedded import program
from engine.targets import server


@click.command("psql", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True})
@options.to
@options.flag("--command", "-c", "query", metavar="SQL", help="Run one query and end.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(to: str | None, query: str | None, arguments: tuple[str, ...]) -> None:
    """Open psql on the target's database, the embedded one included; more ARGUMENTS are psql's own."""
    with ending(), server(options.place(to), options.environment()) as url:
        asked = ["-c", query] if query else []
        done = subprocess.run([program("psql"), "-X", *([url] if url else []), *asked, *arguments], check=False)  # noqa: S603 - psql, with the user's own arguments
    sys.exit(done.returncode)
