"""Writing one realistic month, offline, of any length, in bounded memory: the CSV or the Parquet that was published.

Guarantees: the same arguments give the same bytes, and CSV and Parquet the same values; the file appears whole or not
at all; peak memory does not grow with the number of rows.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from isal import isal_zlib

from engine.errors import UsageError
from engine.sample import apps, columnar, hires, text, trips
from engine.sample import profile as profiles
from engine.sample.fields import Lexicon
from engine.sample.form import CsvForm, ParquetForm
from engine.sample.journeys import Stretch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from engine.contract import Form
    from engine.month import Month
    from engine.sample.profile import Profile

T = TypeVar("T")

_DRAW = {"taxi": trips.draw, "hire": hires.draw, "app": apps.draw}
# What one stretch holds in memory at a time: about 100 MB.
_STRETCH_ROWS = 131_072
# Row groups of official files are of this size; so many stretches are held before they are written.
_ROW_GROUP_ROWS = 1_048_576
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
    form: Form | None = None,
) -> Path:
    """Write a month that looks like a published one.

    Args:
        dataset: `yellow`, `green`, `fhv` or `fhvhv`.
        month: Any that was published; those to come look like the last.
        rows: Data lines, bad ones included.
        folder: Where to; made where it is missing.
        seed: Another seed is another month.
        dirty: Whether odd but legal rows are among them: other years, negative fares, empty fields.
        rejects: Share of rows that no contract can accept; exactly `bad_rows(rows, rejects)` of them. In Parquet they
            have a number that is not whole or too large: short rows, letters and other dates cannot be there.
        compress: A CSV as `.csv.gz`, else as `.csv`.
        form: The format; None: as the month was published, which is CSV up to 2021-07 and Parquet since.

    Returns:
        The file, `<dataset>_tripdata_<month>.csv.gz` or `.parquet`; one that stood there was replaced.

    Raises:
        UsageError: There is no profile for that, no such file was ever published, or a number makes no sense.

    """
    profile = profiles.find(dataset, month, form)
    if rows < 0 or seed < 0 or not 0 <= rejects <= 1:
        message = "a sample cannot be made of these numbers"
        raise UsageError(message, facts={"expected": "rows and seed of at least 0, rejects from 0 to 1"})
    folder.mkdir(parents=True, exist_ok=True)
    csv = isinstance(profile.form, CsvForm)
    ending = ("csv.gz" if compress else "csv") if csv else "parquet"
    path = folder / f"{dataset}_tripdata_{month}.{ending}"
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    drawn = _drawn(profile, month, rows=rows, seed=seed, dirty=dirty, rejects=rejects)
    try:
        with unfinished.open("wb") as file, ThreadPoolExecutor(1) as drawer:
            if isinstance(profile.form, CsvForm):
                _write_csv(file, _ahead(_blocks(profile, profile.form, drawn), drawer), compress=compress)
            else:
                _write_parquet(file, _ahead(_tables(profile, profile.form, drawn), drawer), profile.form)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def bad_rows(rows: int, rejects: float) -> int:
    """Return how many of the first `rows` rows are bad."""
    return round(rows * rejects)


# The columns of a stretch, and which of its rows are to be bad.
_Drawn = tuple["Mapping[str, npt.NDArray[Any]]", "npt.NDArray[np.int64]"]


def _drawn(profile: Profile, month: Month, *, rows: int, seed: int, dirty: bool, rejects: float) -> Iterator[_Drawn]:
    """Yield stretch after stretch, alike in every format."""
    for number, begin in enumerate(range(0, rows, _STRETCH_ROWS)):
        end = min(begin + _STRETCH_ROWS, rows)
        random = np.random.default_rng([seed, month.year, month.month, profile.salt, number])
        stretch = Stretch(month=month, begin=begin / rows, end=end / rows, rows=end - begin, dirty=dirty)
        columns = _DRAW[profile.kind](profile, stretch, random)
        bad = bad_rows(end, rejects) - bad_rows(begin, rejects)
        yield columns, random.permutation(end - begin)[:bad] if bad else np.empty(0, np.int64)


def _blocks(profile: Profile, form: CsvForm, drawn: Iterator[_Drawn]) -> Iterator[bytes]:
    """Yield the header, then the lines of each stretch."""
    yield form.header.encode()
    lexicon = Lexicon(profile)
    for number, (columns, bad) in enumerate(drawn):
        frame = text.table(form, columns, lexicon)
        frame = text.spoiled(frame, bad, form, profile.bad, first=number == 0) if len(bad) else frame
        yield text.lines(frame, form)


def _tables(profile: Profile, form: ParquetForm, drawn: Iterator[_Drawn]) -> Iterator[pa.Table]:
    lexicon = Lexicon(profile)
    for columns, bad in drawn:
        table = columnar.table(form, columns, lexicon)
        yield columnar.spoiled(table, bad, form, profile.bad) if len(bad) else table


def _ahead(parts: Iterator[T], drawer: ThreadPoolExecutor) -> Iterator[T]:
    """Yield parts while the next one is being drawn."""
    coming = drawer.submit(next, parts, None)
    while (part := coming.result()) is not None:
        coming = drawer.submit(next, parts, None)
        yield part


def _write_csv(file: IO[bytes], blocks: Iterator[bytes], *, compress: bool) -> None:
    if not compress:
        file.writelines(blocks)
        return
    squeezer = isal_zlib.compressobj(_COMPRESSION, isal_zlib.DEFLATED, _GZIP)
    for block in blocks:
        file.write(squeezer.compress(block))
    file.write(squeezer.flush())


def _write_parquet(file: IO[bytes], tables: Iterator[pa.Table], form: ParquetForm) -> None:
    """Write stretches as row groups of the official size."""
    with pq.ParquetWriter(file, columnar.schema(form), compression="zstd") as writer:
        held: list[pa.Table] = []
        for table in tables:
            held.append(table)
            if sum(one.num_rows for one in held) >= _ROW_GROUP_ROWS:
                writer.write_table(pa.concat_tables(held), _ROW_GROUP_ROWS)
                held = []
        if held:
            writer.write_table(pa.concat_tables(held), _ROW_GROUP_ROWS)
