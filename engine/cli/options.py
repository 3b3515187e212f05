"""Flags that several commands have, each with its environment variable."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import click

from engine import settings
from engine.targets import Place

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


def flag(*names: str, **attributes: Any) -> Callable[[F], F]:  # noqa: ANN401 - click's own attributes
    """Return a click option whose variable is `ENGINE_` and the flag's name."""
    variable = "ENGINE_" + names[0].lstrip("-").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


to = flag(
    "--to",
    metavar="URL",
    help="Target: postgresql://…, gs://BUCKET/…, bigquery://PROJECT/DATASET, a folder. Default: PG*, else embedded.",
)
database_schema = flag("--schema", default="public", show_default=True, help="Schema in a database.")
location = flag(
    "--from", "location", metavar="LOCATION", help="File, folder, http(s) or gs:// base URL, or template with {month}."
)
form = flag("--format", "form", type=click.Choice(["csv", "parquet"]), help="Format where a place has both.")
strict = flag("--strict", is_flag=True, help="Quarantine amounts that are no whole cents, and unknown codes.")
form_of_stdout = flag(
    "--output",
    type=click.Choice(["text", "json", "kestra"]),
    default=lambda: "kestra" if settings.runs_in_kestra() else "text",
    show_default="text; in a task of Kestra, kestra",
    help="Form of stdout.",
)


_warehouse = [
    flag(
        "--staging", metavar="URL", help="gs://BUCKET/PREFIX that BigQuery loads from. Default: the file is sent to it."
    ),
    flag(
        "--method",
        type=click.Choice(["load", "write_api"]),
        default="load",
        show_default=True,
        help="How rows get into BigQuery: load jobs, or the Storage Write API.",
    ),
    flag("--max-bytes-billed", type=click.IntRange(1), help="What one query of BigQuery may read, in bytes."),
]


def target(function: F) -> F:
    """Add the flags that name a target."""
    return _all(
        [to, database_schema, flag("--table", help="Main table in a database. Default: the dataset's.")], function
    )


def origin(function: F) -> F:
    """Add the flags that say where a month comes from and how it is judged."""
    allowed = flag("--max-rejects", type=click.FloatRange(0, 1), help="Bad rows allowed, as a fraction of lines.")
    return _all([location, form, allowed, strict], function)


def published(function: F) -> F:
    """Add the flags that say where a month that is loaded comes from, and how its lines were judged."""
    return _all([location, form, strict], function)


def loading(function: F) -> F:
    """Add the flags that say how a month is loaded."""
    how = [
        flag(
            "--mode",
            type=click.Choice(["replace", "append"]),
            default="replace",
            show_default=True,
            help="Corrected bytes replace the month, or add the rows that it lacks.",
        ),
        flag("--force", is_flag=True, help="Load although the bytes are unchanged."),
        flag("--allow-shrink", is_flag=True, help="Replace a month by one with less than 90 % of its rows."),
        flag(
            "--lock-wait",
            type=click.FloatRange(0.1),
            default=30.0,
            show_default=True,
            help="Seconds to wait for readers of a month that is replaced.",
        ),
        flag(
            "--keep-source",
            metavar="URL",
            callback=_bucket,
            help="gs://BUCKET/PREFIX that the published file is kept under too.",
        ),
    ]
    return reduce(lambda f, add: add(f), reversed([*how, *_warehouse]), function)


def output(function: F) -> F:
    """Add the flags that say what is printed."""
    return _all([form_of_stdout, flag("--quiet", is_flag=True, help="No progress on stderr.")], function)


def _bucket(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no bucket before anything is downloaded."""
    if value and not value.startswith("gs://"):
        message = f"{value!r} is not gs://BUCKET/PREFIX"
        raise click.BadParameter(message)
    return value


def _all(flags: list[Callable[[F], F]], function: F) -> F:
    return reduce(lambda f, add: add(f), reversed(flags), function)


def place(url: str | None, schema: str = "public", table: str | None = None, **loading: Any) -> Place:  # noqa: ANN401 - a Place's fields
    """Return the target that the flags name."""
    return Place(url=url or None, schema=schema, table=table, **loading)


def environment() -> settings.Settings:
    """Return the settings of this process."""
    return settings.from_environment()
