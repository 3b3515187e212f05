"""What the drawn numbers of a field mean: how a text, or a value, is made of them by looking them up.

Cents become dollars here, points become degrees, codes become texts; nothing is computed row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from engine.sample.hires import base_texts
from engine.sample.journeys import MOST_HUNDREDTHS, NULL
from engine.sample.places import coordinates
from engine.sample.trips import MOST_CENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from engine.sample.profile import Profile

Kind = Literal["time", "money", "miles", "longitude", "latitude", "base", "code", "number"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("pickup", "dropoff", "request", "on_scene"), "time"),
    **dict.fromkeys(("fare", "extra", "tax", "tip", "tolls", "improvement", "total", "congestion"), "money"),
    **dict.fromkeys(("airport", "cbd", "fund", "pay"), "money"),
    **dict.fromkeys(("pickup_longitude", "dropoff_longitude"), "longitude"),
    **dict.fromkeys(("pickup_latitude", "dropoff_latitude"), "latitude"),
    **dict.fromkeys(("base", "affiliated", "originating", "second_base"), "base"),
    "distance": "miles",
}
_FLAG = {0: "N", 1: "Y"}
_TEXTS = {
    **dict.fromkeys(("flag", "shared_request", "shared_match", "wav_request", "wav_match"), _FLAG),
    "access_a_ride": {**_FLAG, 2: " "},
    "app": {2: "HV0002", 3: "HV0003", 4: "HV0004", 5: "HV0005"},
}
_MOST_NUMBER = 999


class Lexicon:
    """The texts and values of all fields of a month; each table is made when it is first asked for."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._codes: dict[str, dict[int, str]] = _TEXTS | {name: dict(known) for name, known in profile.form.texts}
        self._tables: dict[str, pl.Series] = {}
        self._degrees: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None

    def kind(self, field: str) -> Kind:
        """Return what the numbers of a field are."""
        return "code" if field in self._codes else _KINDS.get(field, "number")

    def texts(self, field: str, numbers: npt.NDArray[Any]) -> pl.Series:
        """Return numbers as texts, null where one is `NULL`; times as times.

        Args:
            field: Whose numbers.
            numbers: As drawn.

        """
        kind = self.kind(field)
        if kind == "time":
            return times(numbers)
        key = field if kind == "code" else kind
        if key not in self._tables:
            self._tables[key] = pl.Series([None, *self._made(kind, field)], dtype=pl.String)
        texts, offset = self._tables[key], MOST_CENTS if kind == "money" else 0
        places = np.where(numbers == NULL, 0, np.clip(numbers, -offset, len(texts) - 2 - offset) + offset + 1)
        return texts.gather(pl.Series(places.astype(np.uint32)))

    def doubles(self, field: str, numbers: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return numbers as the doubles nearest to what their texts say; any double where one is `NULL`."""
        match self.kind(field):
            case "money":
                doubles: npt.NDArray[np.float64] = np.clip(numbers, -MOST_CENTS, MOST_CENTS) / 100
            case "miles":
                doubles = np.clip(numbers, 0, MOST_HUNDREDTHS) / 100
            case "longitude" | "latitude" as kind:
                doubles = self._points(kind)[np.maximum(numbers, 0)]
            case _:
                doubles = numbers.astype(np.float64)
        return doubles

    def _made(self, kind: Kind, field: str) -> list[str | None]:
        digits = getattr(self._profile.form, "digits", "shortest")
        match kind:
            case "money":
                money: Callable[[int], str] = _money if digits == "shortest" else _double
                return [money(cents) for cents in range(-MOST_CENTS, MOST_CENTS + 1)]
            case "miles":
                miles = _distance if digits == "shortest" else _double
                return [miles(number) for number in range(MOST_HUNDREDTHS + 1)]
            case "longitude" | "latitude":
                degrees = self._points(kind)
                if getattr(self._profile.form, "coordinates", "double") == "float":
                    degrees = degrees.astype(np.float32).astype(np.float64)
                return [f"{degree:.17g}" for degree in degrees.tolist()]
            case "base":
                return list(base_texts(self._profile))
            case "code":
                known = self._codes[field]
                return [known.get(number) for number in range(max(known) + 1)]
        return [str(number) for number in range(_MOST_NUMBER + 1)]

    def _points(self, kind: Kind) -> npt.NDArray[np.float64]:
        if self._degrees is None:
            self._degrees = coordinates(self._profile.zones)
        return self._degrees[kind == "latitude"]


def times(numbers: npt.NDArray[Any]) -> pl.Series:
    """Return seconds since 1970 as times, null where one is `NULL`."""
    series = pl.Series(numbers * 1_000_000, dtype=pl.Int64).cast(pl.Datetime("us"))
    absent = numbers == NULL
    return series.set(pl.Series(absent), None) if absent.any() else series


def _money(cents: int) -> str:
    """Write dollars without needless zeros: `7`, `0.5`, `-16.35`."""
    whole, part = divmod(abs(cents), 100)
    return ("-" if cents < 0 else "") + (f"{whole}.{part:02d}".rstrip("0").rstrip("."))


def _distance(hundredths: int) -> str:
    """Write miles with two decimals and no leading zero: `1.50`, `.60`."""
    whole, part = divmod(hundredths, 100)
    return f"{whole or ''}.{part:02d}"


def _double(hundredths: int) -> str:
    """Write the nearest double with 17 significant digits: `8.9000000000000004`, `12.1`, `7`."""
    return f"{hundredths / 100:.17g}"
