"""`engine psql`."""

from __future__ import annotations

import signal
import subprocess
import sys

import click

from engine.cli import options
from engine.cli.run import ending
from engine.embedded import program
from engine.targets import server


class Query(click.types.StringParamType):
    """The text of a query; a variable holds one, whatever blanks are in it."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return the whole text as one value."""
        return [rv]


@click.command("psql", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True})
@options.to
@options.flag("--command", "-c", "queries", type=Query(), multiple=True, metavar="SQL", help="Run a query and end.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(to: str | None, queries: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    """Open psql on the target's database, the embedded one included; more ARGUMENTS are psql's own."""
    with ending(), server(options.place(to), options.environment()) as url:
        asked = [word for query in queries for word in ("-c", query)]
        # Ctrl-C is psql's: it cancels a query and not the session. A handler, unlike "ignore", is not handed down.
        previous = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            done = subprocess.run([program("psql"), "-X", *([url] if url else []), *asked, *arguments], check=False)  # noqa: S603 - psql, with the user's own arguments
        finally:
            signal.signal(signal.SIGINT, previous)
    sys.exit(done.returncode)
