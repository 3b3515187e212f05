"""Realistic months, made offline and alike every time: for a first look, for tests and for benchmarks."""

from engine.sample.month_file import bad_rows, write_sample
from engine.sample.profile import known

__all__ = ["bad_rows", "known", "write_sample"]
