"""How the months of a dataset look: one small TOML file each, beside this module."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from engine.errors import UsageError
from engine.sample.form import LAST_CSV, CsvForm, ParquetForm, csv_form, parquet_form, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from engine.contract import Form
    from engine.month import Month

_FOLDER = Path(__file__).parent
_DRAWS = 1 << 16
_ZONES = 265
# Tables that an era may change, entry by entry.
_TABLES = ("zones", "trip", "money", "dirty", "bases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the trips of a dataset have in common in one month.

    Attributes:
        dataset: Its name.
        kind: What is drawn: taxis with a meter, hired cars, or the apps' cars.
        salt: Its part of the seed.
        form: How the month's file is written.
        hours: Relative weight of each hour of a day.
        weekdays: Relative weight of each day of a week, Monday first.
        draws: By field, 65,536 values in proportion to their weights: a random uint16 draws one.
        zones: The rest of [zones].
        trip: [trip]: lengths and speeds, and what is not written down.
        money: [money]: cents and shares.
        dirty: [dirty]: shares of odd rows.
        bases: [bases]: who sends the cars.
        bad: Field in which a bad row has no number.

    """

    dataset: str
    kind: Literal["taxi", "hire", "app"]
    salt: int
    form: CsvForm | ParquetForm
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    draws: Mapping[str, npt.NDArray[np.int32]]
    zones: Mapping[str, Any]
    trip: Mapping[str, Any]
    money: Mapping[str, Any]
    dirty: Mapping[str, Any]
    bases: Mapping[str, Any]
    bad: str


def known() -> list[str]:
    """Return the names of the datasets that have a profile."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def find(dataset: str, month: Month, form: Form | None = None) -> Profile:
    """Return the profile of a dataset in a month.

    Args:
        dataset: Its name.
        month: The month.
        form: Of the file; None: as the month was published, which is CSV up to 2021-07 and Parquet since.

    Raises:
        UsageError: There is none, or no file of that month and format was published.

    """
    if dataset not in known():
        message = f"there is no profile to make a sample of {dataset!r}"
        raise UsageError(message, facts={"known": ", ".join(known())}, next_step="name one of these")
    data = tomllib.loads((_FOLDER / f"{dataset}.toml").read_text(encoding="utf-8"))
    csv = form == "csv" or (form is None and month <= LAST_CSV)
    return _profile(data, month, csv_form(data, month) if csv else parquet_form(data, month))


def _profile(data: Mapping[str, Any], month: Month, form: CsvForm | ParquetForm) -> Profile:
    weights, tables = data["weights"], {name: data.get(name, {}) for name in _TABLES}
    for era in data["eras"]:
        if span(era).covers(month):
            weights = weights | era.get("weights", {})
            tables = {name: table | era.get(name, {}) for name, table in tables.items()}
    zones = tables["zones"]
    draws = {name: _proportional(entry) for name, entry in weights.items()}
    for end in ("pickup", "dropoff"):
        draws[f"{end}_zone"] = _proportional(_zipf(zones["busiest"], **zones[end]))
    return Profile(
        dataset=data["dataset"],
        kind=data["kind"],
        salt=data["salt"],
        form=form,
        hours=tuple(data["hours"]),
        weekdays=tuple(data["weekdays"]),
        draws=draws,
        bad=data["bad"],
        **tables,
    )


def _zipf(busiest: Sequence[int], *, flatness: float, steepness: float) -> dict[int, float]:
    """Return every zone's weight; zones that are not listed follow in an order that scatters them."""
    others = sorted(set(range(1, _ZONES + 1)) - set(busiest), key=lambda zone: zone * 7919 % 271)
    return {zone: (place + flatness) ** -steepness for place, zone in enumerate([*busiest, *others])}


def _proportional(weights: Mapping[Any, float]) -> npt.NDArray[np.int32]:
    """Return 65,536 keys, each as often as its weight says, and at least once."""
    keys = np.array([int(key) for key in weights], dtype=np.int32)
    shares = np.array(list(weights.values())) / sum(weights.values())
    counts = np.maximum(1, np.floor(shares * _DRAWS)).astype(int)
    counts[np.argmax(counts)] += _DRAWS - counts.sum()
    return np.repeat(keys, counts)
