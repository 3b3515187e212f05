"""How the months of a dataset look: one small TOML file each, beside this module."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import UsageError
from engine.month import Month

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

_FOLDER = Path(__file__).parent
_DRAWS = 1 << 16
_ZONES = 265


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a dataset's months have in common.

    Attributes:
        dataset: Its name.
        since: First month whose files have this header.
        until: Last such month.
        columns: Header name and field of `engine.sample.trips`, in the order of the file.
        hours: Relative weight of each hour of a day.
        weekdays: Relative weight of each day of a week, Monday first.
        draws: By field, 65,536 values in proportion to their weights: a random uint16 draws one.
        zones: The rest of [zones].
        trip: [trip]: lengths and speeds.
        money: [money]: cents and shares.
        dirty: [dirty]: shares of odd rows.

    """

    dataset: str
    since: Month
    until: Month
    columns: tuple[tuple[str, str], ...]
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    draws: Mapping[str, npt.NDArray[np.int32]]
    zones: Mapping[str, Any]
    trip: Mapping[str, Any]
    money: Mapping[str, Any]
    dirty: Mapping[str, float]

    @property
    def header(self) -> str:
        """The first line of a file, without its end."""
        return ",".join(name for name, _ in self.columns)


def known() -> list[str]:
    """Return the names of the datasets that have a profile."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def find(dataset: str, month: Month) -> Profile:
    """Return the profile of a dataset.

    Raises:
        UsageError: There is none, or it does not cover that month.

    """
    if dataset not in known():
        message = f"there is no profile to make a sample of {dataset!r}"
        raise UsageError(message, facts={"known": ", ".join(known())}, next_step="name one of these")
    profile = _load(_FOLDER / f"{dataset}.toml")
    if not profile.since <= month <= profile.until:
        message = f"samples of {dataset} {month} cannot be made"
        raise UsageError(message, facts={"expected": f"{profile.since} to {profile.until}"}, next_step="name another")
    return profile


def _load(path: Path) -> Profile:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    zones = data["zones"]
    draws = {name: _proportional(weights) for name, weights in data["weights"].items()}
    for end in ("pickup", "dropoff"):
        draws[f"{end}_zone"] = _proportional(_zipf(zones["busiest"], **zones[end]))
    return Profile(
        dataset=data["dataset"],
        since=Month.parse(data["since"]),
        until=Month.parse(data["until"]),
        columns=tuple((name, field) for name, field in data["columns"]),
        hours=tuple(data["hours"]),
        weekdays=tuple(data["weekdays"]),
        draws=draws,
        zones=zones,
        trip=data["trip"],
        money=data["money"],
        dirty=data["dirty"],
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
