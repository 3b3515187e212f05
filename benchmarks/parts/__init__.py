"""One file for each question that the benchmarks answer."""

from benchmarks.parts.part import Contestant, Ground, Part, UnequalWorkError

__all__ = ["Contestant", "Ground", "Part", "UnequalWorkError"]
