"""`engine`: what a person types and what Kestra runs.

A command's module, and with it Polars or a driver, is imported only when that command runs, so that `engine --help`
answers at once. Results go to stdout, everything else to stderr; exit codes are those of `engine.errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from engine import __version__
from engine.cli.run import ending, leave, uncollected

# name -> module under engine.cli and one line of help
COMMANDS = {
    "ingest": ("ingest", "Load one month: every row once, or nothing."),
    "backfill": ("backfill", "Load a range of months, one after the other."),
    "plan": ("plan", "Say which months are due: published by now, and not in the target."),
    "status": ("status", "List the months that the target has, with their counts."),
    "verify": ("verify", "Prove that a month in the target is what was published."),
    "inspect": ("inspect", "Look at a month's file as an ingest would, and write nothing."),
    "datasets": ("datasets", "List the datasets, or show one."),
    "sample": ("sample", "Write a realistic month to try things with, offline."),
    "setup": ("setup", "Make what a target needs, and say what is there."),
    "psql": ("psql", "Open a shell, or run one query, on the target's database."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run, not when they are listed."""

    def main(self, *given: Any, **extra: Any) -> Any:  # noqa: ANN401 - click's own
        """Run; where this process is the command, it ends at once when that is done (`engine.cli.run.leave`)."""
        try:
            return super().main(*given, **extra)
        except SystemExit as end:
            if not given and extra.get("args") is None:
                leave(end.code if isinstance(end.code, int) else 1 if end.code else 0)
            raise

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Run one command; also what its import meets, Ctrl-C included, ends in order."""
        with ending():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people need them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        with uncollected():
            command = import_module(f"engine.cli.{COMMANDS[cmd_name][0]}").command
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="engine")
def main() -> None:
    """Bring monthly files into a warehouse: every row exactly once, and provably.

    Without --to, rows go to an embedded PostgreSQL that starts by itself.

    \b
    Exit codes:
      0  loaded, unchanged or verified      12  too many bad rows
      1  unexpected                         13  file or table do not match the contract
      2  usage                              20  target or source unreachable
      10 not published yet                  21  busy: loaded by another, or held by readers
      11 bad input                          30  verify found differences
      130, 143  interrupted by Ctrl-C, SIGTERM

    Every flag has an environment variable: ENGINE_ and its name, such as ENGINE_TO. ENGINE_HOME says where the spool
    and the embedded database live, ENGINE_DATASETS where your own datasets are; PG* variables count as in psql.
    """  # noqa: D301 - the backspace is how click knows a verbatim paragraph
