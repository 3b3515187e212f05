"""One dataset file, read and checked key by key, so that the floors below can trust a `Dataset`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from engine.catalog.columns import check_columns, column, month, named, only
from engine.contract import Contract, Dataset, Fault, Identity, Origin, Policy, Span, UnknownPolicy
from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Column

IDENTITY_VERSION = "row-v1"
_STATUSES = range(400, 500)


def read(data: dict[str, Any], path: str) -> Dataset:
    """Make a dataset of a parsed file.

    Args:
        data: The file.
        path: Its path, for messages.

    Raises:
        UsageError: Something in it makes no sense.

    """
    only(data, "")
    head = data["dataset"]
    only(head, "dataset")
    columns = tuple(column(entry) for entry in data["columns"])
    name = named(head["name"], "dataset name")
    table = named(head.get("table", f"{name}_tripdata"), "table")
    check_columns(columns)
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
            faults=tuple(_fault(entry) for entry in data.get("faults", ())),
        ),
        defined_in=path,
    )


def _identity(entry: dict[str, Any], columns: Sequence[Column]) -> Identity:
    only(entry, "identity")
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
    only(entry, "policy")
    policy = Policy(unknown=entry.get("unknown", "freeze"), max_rejects=float(entry.get("max_rejects", 0.001)))
    if policy.unknown not in get_args(UnknownPolicy):
        message = f"policy.unknown {policy.unknown!r} is not known"
        raise UsageError(message, facts={"expected": ", ".join(get_args(UnknownPolicy))})
    if not 0 <= policy.max_rejects <= 1:
        message = f"policy.max_rejects {policy.max_rejects} is not a fraction"
        raise UsageError(message, facts={"expected": "0 to 1"})
    return policy


def _origin(entry: dict[str, Any]) -> Origin:
    only(entry, "sources")
    if (form := entry.get("format", "csv")) not in ("csv", "parquet"):
        message = f"source format {form!r} is not known"
        raise UsageError(message, facts={"expected": "csv, parquet"})
    missing = entry.get("missing", [])
    if not isinstance(missing, list) or not all(isinstance(code, int) and code in _STATUSES for code in missing):
        message = f"a source's missing {missing!r} is no list of HTTP statuses"
        raise UsageError(message, facts={"expected": "[403]: of 400 to 499"})
    return Origin(
        format=form,
        url=_template(entry["url"]),
        since=month(entry.get("since")),
        until=month(entry.get("until")),
        missing=tuple(missing),
    )


def _fault(entry: dict[str, Any]) -> Fault:
    only(entry, "faults")
    fault = Fault(
        span=Span(since=month(entry.get("since")), until=month(entry.get("until"))),
        header_end=str(entry.get("header_end", "")),
        spaced=bool(entry.get("spaced", False)),
        quoted=bool(entry.get("quoted", False)),
        padded=tuple(str(name) for name in entry.get("padded", ())),
        unnamed_fields=int(entry.get("unnamed_fields", 0)),
    )
    if fault.header_end.strip("\r\n") or fault.unnamed_fields < 0:
        message = "a fault's header_end is made of line ends, and its unnamed_fields are a count"
        raise UsageError(message, facts={"found": f"{fault.header_end!r}, {fault.unnamed_fields}"})
    return fault


def _template(text: str) -> str:
    try:
        text.format(dataset="d", month="m")
    except (KeyError, IndexError, ValueError) as error:
        message = f"template {text!r} is wrong: {error}"
        raise UsageError(message, facts={"expected": "only {dataset} and {month} in braces"}) from error
    return text
