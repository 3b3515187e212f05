"""Datasets by name: the ones that ship with the engine, and a user's own TOML files.

A name is looked up as a path (`./bikes.toml`), then in the folders of `ENGINE_DATASETS`, then among `engine/datasets`.
Everything in a file is checked here, so that the floors below can trust a `Dataset`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from engine.contract import (
    RESERVED,
    Column,
    Contract,
    Dataset,
    Identity,
    Origin,
    Policy,
    UnknownPolicy,
    is_name,
    normalised,
)
from engine.errors import UsageError
from engine.logical import Logical
from engine.month import Month

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHIPPED = Path(__file__).parent / "datasets"
IDENTITY_VERSION = "row-v1"

_KEYS = {
    "": {"dataset", "sources", "columns", "identity", "policy"},
    "dataset": {"name", "table", "file", "time", "description"},
    "sources": {"format", "url", "since", "until"},
    "columns": {"name", "type", "nullable", "aliases", "since", "until", "format", "description"},
    "identity": {"version", "columns"},
    "policy": {"unknown", "max_rejects"},
}


def find(name: str, folders: Sequence[Path] = ()) -> Dataset:
    """Return the dataset of that name or path.

    Args:
        name: A dataset's name, or the path of a TOML file (it ends in `.toml`).
        folders: Folders or files to look in before the shipped ones (`ENGINE_DATASETS`).

    Raises:
        UsageError: There is no such dataset, or its file is wrong.

    """
    if name.endswith(".toml"):
        return load(Path(name))
    known: dict[str, Path] = {}
    for path in paths(folders):
        known.setdefault(path.stem, path)
    if name not in known:
        message = f"there is no dataset {name!r}"
        raise UsageError(
            message,
            facts={"known": ", ".join(sorted(known))},
            next_step="name one of these, give the path of a TOML file, or set ENGINE_DATASETS to its folder",
        )
    return load(known[name])


def paths(folders: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield every dataset file, a user's own before the shipped ones."""
    for place in [*folders, SHIPPED]:
        yield from [place] if place.suffix == ".toml" else sorted(place.glob("*.toml"))


def load(path: Path) -> Dataset:
    """Read and check one dataset file.

    Raises:
        UsageError: It cannot be read, or says something that makes no sense; names the file and the key.

    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"dataset file cannot be read: {error}"
        raise UsageError(message, facts={"file": str(path)}) from error
    try:
        return _dataset(data, str(path))
    except UsageError as error:
        raise error.within(subject="dataset file", file=str(path)) from None
    except (KeyError, TypeError, AttributeError) as error:
        message = f"dataset file: a key is missing or of the wrong type: {error}"
        raise UsageError(message, facts={"file": str(path)}) from error


def _dataset(data: dict[str, Any], path: str) -> Dataset:
    _only(data, "")
    head = data["dataset"]
    _only(head, "dataset")
    columns = tuple(_column(entry) for entry in data["columns"])
    name = _named(head["name"], "dataset name")
    table = _named(head.get("table", f"{name}_tripdata"), "table")
    _check_names(columns)
    time = head.get("time")
    if time is not None and time not in {c.name for c in columns if c.type.kind in ("datetime", "date")}:
        message = f"dataset.time {time!r} is no datetime or date column"
        raise UsageError(message)
    return Dataset(
        name=name,
        table=table,
        file=_template(head.get("file", "{dataset}_tripdata_{month}.csv")),
        time=time,
        description=str(head.get("description", "")),
        origins=tuple(_origin(entry) for entry in data.get("sources", ())),
        contract=Contract(
            columns=columns,
            identity=_identity(data.get("identity", {}), columns),
            policy=_policy(data.get("policy", {})),
        ),
        defined_in=path,
    )


def _column(entry: dict[str, Any]) -> Column:
    _only(entry, "columns")
    name = _named(entry["name"], "column")
    if name in RESERVED or name.startswith("_engine"):
        message = f"column name {name!r} is reserved"
        raise UsageError(message, facts={"reserved": ", ".join(sorted(RESERVED))})
    return Column(
        name=name,
        type=Logical.parse(entry["type"]),
        nullable=bool(entry.get("nullable", True)),
        aliases=tuple(normalised(alias) for alias in entry.get("aliases", ())),
        since=_month(entry.get("since")),
        until=_month(entry.get("until")),
        format=str(entry.get("format", "")),
        description=str(entry.get("description", "")),
    )


def _check_names(columns: Sequence[Column]) -> None:
    """Refuse two columns that could both claim one header name in one month."""
    if not columns:
        raise UsageError("a dataset needs at least one column")  # noqa: EM101 - nothing to add
    seen: dict[str, Column] = {}
    for column in columns:
        if column.name in seen and seen[column.name].name == column.name:
            message = f"column {column.name!r} is declared twice"
            raise UsageError(message)
        for label in (column.name, *column.aliases):
            if label in seen:
                message = f"{label!r} names both {seen[label].name!r} and {column.name!r}"
                raise UsageError(message)
            seen[label] = column


def _identity(entry: dict[str, Any], columns: Sequence[Column]) -> Identity:
    _only(entry, "identity")
    names = {c.name for c in columns}
    chosen = tuple(entry.get("columns", sorted(names)))
    if (version := entry.get("version", IDENTITY_VERSION)) != IDENTITY_VERSION:
        message = f"identity version {version!r} is not known"
        raise UsageError(message, facts={"expected": IDENTITY_VERSION})
    if not chosen or not names.issuperset(chosen) or len(set(chosen)) < len(chosen):
        message = f"identity.columns must name columns, each once: {', '.join(map(str, chosen)) or 'none'}"
        raise UsageError(message)
    return Identity(version=version, columns=chosen)


def _policy(entry: dict[str, Any]) -> Policy:
    _only(entry, "policy")
    policy = Policy(unknown=entry.get("unknown", "freeze"), max_rejects=float(entry.get("max_rejects", 0.001)))
    if policy.unknown not in get_args(UnknownPolicy):
        message = f"policy.unknown {policy.unknown!r} is not known"
        raise UsageError(message, facts={"expected": ", ".join(get_args(UnknownPolicy))})
    if not 0 <= policy.max_rejects <= 1:
        message = f"policy.max_rejects {policy.max_rejects} is not a fraction"
        raise UsageError(message, facts={"expected": "0 to 1"})
    return policy


def _origin(entry: dict[str, Any]) -> Origin:
    _only(entry, "sources")
    if (form := entry.get("format", "csv")) not in ("csv", "parquet"):
        message = f"source format {form!r} is not known"
        raise UsageError(message, facts={"expected": "csv, parquet"})
    return Origin(
        format=form,
        url=_template(entry["url"]),
        since=_month(entry.get("since")),
        until=_month(entry.get("until")),
    )


def _only(entry: dict[str, Any], table: str) -> None:
    if unknown := set(entry) - _KEYS[table]:
        message = f"key {min(unknown)!r} is not known in [{table or 'file'}]"
        raise UsageError(message, facts={"expected": ", ".join(sorted(_KEYS[table]))})


def _named(text: str, what: str) -> str:
    if not is_name(text):
        message = f"{text!r} cannot be a {what}"
        raise UsageError(message, facts={"expected": "a to z, 0 to 9 and _, at most 55, not starting with a digit"})
    return text


def _month(text: str | None) -> Month | None:
    return None if text is None else Month.parse(text)


def _template(text: str) -> str:
    try:
        text.format(dataset="d", month="m")
    except (KeyError, IndexError, ValueError) as error:
        message = f"template {text!r} is wrong: {error}"
        raise UsageError(message, facts={"expected": "only {dataset} and {month} in braces"}) from error
    return text
