"""The logical types a contract can name, independent of CSV, Parquet, Arrow or any database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.errors import UsageError

TYPE_NAMES = "int16, int32, int64, decimal(precision,scale), float64, datetime, date, bool, text"

Kind = Literal["int", "decimal", "float", "datetime", "date", "bool", "text"]

# Cents are computed from the nearest double and hashed as int64: beyond 18 digits neither is exact.
_MAX_PRECISION = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Logical:
    """A column's type.

    Attributes:
        kind: What it holds. `datetime` is a local wall-clock time in microseconds, without a zone.
        bits: Width of an `int`; 0 for others.
        precision: Decimal digits in all, 1 to 18, of a `decimal`; 0 for others.
        scale: Decimal digits after the point of a `decimal`; 0 for others.

    """

    kind: Kind
    bits: int = 0
    precision: int = 0
    scale: int = 0

    @classmethod
    def parse(cls, text: str) -> Logical:
        """Read a type as contracts write it, such as `int16` or `decimal(10,2)`.

        Raises:
            UsageError: There is no such type.

        """
        match re.fullmatch(r"([a-z]+)(16|32|64)?(?:\(\s*(\d+)\s*,\s*(\d+)\s*\))?", text.strip()):
            case re.Match() as m if m[1] == "int" and m[2] and not m[3]:
                return cls(kind="int", bits=int(m[2]))
            case re.Match() as m if m[1] == "float" and m[2] == "64" and not m[3]:
                return cls(kind="float")
            case re.Match() as m if m[1] == "decimal" and m[3] and int(m[4]) <= int(m[3]) and not m[2]:
                if 1 <= int(m[3]) <= _MAX_PRECISION:
                    return cls(kind="decimal", precision=int(m[3]), scale=int(m[4]))
            case re.Match() as m if m[1] in ("datetime", "date", "bool", "text") and not (m[2] or m[3]):
                return cls(kind=m[1])
        msg = f"there is no type {text!r}"
        raise UsageError(msg, facts={"expected": TYPE_NAMES})

    def __str__(self) -> str:
        match self.kind:
            case "int":
                return f"int{self.bits}"
            case "float":
                return "float64"
            case "decimal":
                return f"decimal({self.precision},{self.scale})"
            case _:
                return self.kind
