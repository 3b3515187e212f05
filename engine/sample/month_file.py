"""Writing one realistic month of CSV, offline, of any length, in bounded memory.

Guarantees: the same arguments give the same bytes; the file appears whole or not at all; peak memory does not grow with
the number of rows.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING

import numpy as np
from isal import isal_zlib

from engine.errors import UsageError
from engine.sample import profile as profiles
from engine.sample import text
from engine.sample.trips import Stretch, draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.month import Month
    from engine.sample.profile import Profile

# What one stretch holds in memory at a time: about 100 MB.
_STRETCH_ROWS = 131_072
_COMPRESSION = 2
_GZIP = 31  # zlib's word for a gzip wrapper, whose time stamp is then 0


def write_sample(  # noqa: PLR0913 - keywords with defaults, each one word of what a month is
    dataset: str,
    month: Month,
    *,
    rows: int,
    folder: Path,
    seed: int = 0,
    dirty: bool = True,
    rejects: float = 0.0,
    compress: bool = True,
) -> Path:
    """Write a month that looks like a published one.

    Args:
        dataset: `yellow` or `green`.
        month: From 2019-01 to 2021-07.
        rows: Data lines, bad ones included.
        folder: Where to; made where it is missing.
        seed: Another seed is another month.
        dirty: Whether odd but legal rows are among them: other years, negative fares, empty fields.
        rejects: Share of rows that no contract can accept; exactly `bad_rows(rows, rejects)` of them.
        compress: As `.csv.gz`, else as `.csv`.

    Returns:
        The file, `<dataset>_tripdata_<month>.csv.gz`; one that stood there was replaced.

    Raises:
        UsageError: There is no profile for that, or a number makes no sense.

    """
    profile = profiles.find(dataset, month)
    if rows < 0 or seed < 0 or not 0 <= rejects <= 1:
        message = "a sample cannot be made of these numbers"
        raise UsageError(message, facts={"expected": "rows and seed of at least 0, rejects from 0 to 1"})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dataset}_tripdata_{month}.csv{'.gz' if compress else ''}"
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file, ThreadPoolExecutor(1) as drawer:
            blocks = _blocks(profile, month, rows=rows, seed=seed, dirty=dirty, rejects=rejects)
            _write(file, _ahead(blocks, drawer), compress=compress)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def bad_rows(rows: int, rejects: float) -> int:
    """Return how many of the first `rows` rows are bad."""
    return round(rows * rejects)


def _blocks(profile: Profile, month: Month, *, rows: int, seed: int, dirty: bool, rejects: float) -> Iterator[bytes]:
    """Yield the header, then stretch after stretch of lines."""
    yield (profile.header + text.LINE_END).encode()
    tables = text.Tables.make()
    fields = {field: name for name, field in profile.columns}
    for number, begin in enumerate(range(0, rows, _STRETCH_ROWS)):
        end = min(begin + _STRETCH_ROWS, rows)
        random = np.random.default_rng([seed, month.year, month.month, len(profile.columns), number])
        stretch = Stretch(month=month, begin=begin / rows, end=end / rows, rows=end - begin, dirty=dirty)
        frame = text.table(profile.columns, draw(profile, stretch, random), tables)
        if bad := bad_rows(end, rejects) - bad_rows(begin, rejects):
            frame = text.spoiled(frame, random.permutation(end - begin)[:bad], fields)
        yield text.lines(frame)


def _ahead(blocks: Iterator[bytes], drawer: ThreadPoolExecutor) -> Iterator[bytes]:
    """Yield blocks while the next one is being drawn."""
    coming = drawer.submit(next, blocks, None)
    while (block := coming.result()) is not None:
        coming = drawer.submit(next, blocks, None)
        yield block


def _write(file: IO[bytes], blocks: Iterator[bytes], *, compress: bool) -> None:
    if not compress:
        file.writelines(blocks)
        return
    squeezer = isal_zlib.compressobj(_COMPRESSION, isal_zlib.DEFLATED, _GZIP)
    for block in blocks:
        file.write(squeezer.compress(block))
    file.write(squeezer.flush())
