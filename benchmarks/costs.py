"""`python -m benchmarks.costs`: what months cost in BigQuery and Cloud Storage, from generated months and list prices.

Bytes are those that BigQuery bills: the logical size of values by their type, not what they take compressed
(cloud.google.com/bigquery/pricing, "Data size calculation"). They are counted over a generated month with the real
distributions; a dry run's estimate counts in the same way. `docs/costs.md` has the prices' date and this table.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.place import MONTH, Workplace, engine
from engine.contract import ID

if TYPE_CHECKING:
    from collections.abc import Sequence

_MIB, _GIB, _TIB = 1 << 20, 1 << 30, 1 << 40
_GB = 10**9
# US dollars, us-central1.
QUERY_PER_TIB = 6.25
WRITE_API_PER_GIB = 0.025
READ_API_PER_TIB = 1.10
TABLE_PER_GIB_MONTH = 0.02
OBJECT_PER_GB_MONTH = 0.02
REQUESTS_PER_THOUSAND = 0.005
# A query bills whole MiB of each table and at least ten.
_LEAST_BILLED = 10 * _MIB
# Requests to Cloud Storage for one month, all counted as of the dearer class (`make bench ARGS="--only cloud"`).
REQUESTS = 28
# Queries of the ledger's table for one load, counted in the jobs of a load (`docs/costs.md`).
LEDGER_QUERIES = 4
# Yellow trips of 2019, 2020 and 2021, in millions, as the TLC published them.
YEARS = {2019: 84.6, 2020: 24.6, 2021: 30.9}
ONE_MONTH = 7_667_792
# Bytes that a value takes; texts and bytes take their length and two more.
_WIDTH = 8
_NUMERIC = 16
_EXTRA = 2
# Share of a corrected month that is new.
_NEW = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class PerRow:
    """What one row takes, in bytes.

    Attributes:
        table: In the main table, all columns, as BigQuery bills it.
        ids: Its id alone.
        parquet: In the Parquet object.
        csv: In the published CSV, not compressed.
        gz: In the published file.

    """

    table: float
    ids: float
    parquet: float
    csv: float
    gz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a way of loading costs once, in US dollars, and how many bytes it has queries read."""

    way: str
    queried: float
    dollars: float


def measured(work: Workplace, rows: int) -> PerRow:
    """Load a generated month into a folder and count what its rows take."""
    file = work.sample(rows) / f"yellow_tripdata_{MONTH}.csv.gz"
    root = work.folder / "costs"
    command = [*engine(), "ingest", "yellow", MONTH, "--from", str(file), "--to", str(root), "--allow-shrink"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the engine itself
    path = root / "yellow" / f"month={MONTH}" / "data.parquet"
    frame = pl.read_parquet(path, hive_partitioning=False)
    with gzip.open(file) as lines:
        csv = sum(map(len, iter(lambda: lines.read(_MIB), b"")))
    sizes = {
        "table": sum(logical_bytes(frame[name]) for name in frame.columns),
        "ids": logical_bytes(frame[ID]),
        "parquet": path.stat().st_size,
        "csv": csv,
        "gz": file.stat().st_size,
    }
    return PerRow(**{name: round(size / frame.height, 1) for name, size in sizes.items()})


def logical_bytes(values: pl.Series) -> int:
    """Return what a column's values take as BigQuery bills them; a null takes nothing."""
    there = values.drop_nulls()
    match values.dtype:
        case pl.String:
            return int(there.str.len_bytes().sum()) + _EXTRA * len(there)
        case pl.Binary:
            return int(there.bin.size().sum()) + _EXTRA * len(there)
        case pl.Decimal():
            return _NUMERIC * len(there)
        case _:
            return _WIDTH * len(there)


def costs(per_row: PerRow, months: Sequence[float]) -> list[Cost]:
    """Return what each way costs for months of so many rows, loaded in order into an empty table."""
    rows, count = sum(months), len(months)
    before = list(accumulate(months, initial=0.0))[:-1]
    ledger = count * LEDGER_QUERIES * _LEAST_BILLED
    objects = count * REQUESTS / 1000 * REQUESTS_PER_THOUSAND
    written = per_row.table * rows / _GIB * WRITE_API_PER_GIB
    read_ids = per_row.ids * rows / _TIB * READ_API_PER_TIB
    read_all = per_row.table * rows / _TIB * READ_API_PER_TIB
    # The MERGE of an append reads the rows that are new, and ids and `source_month` of the month alone.
    append = sum(_billed(per_row.table * month) for month in months)
    more = sum(_billed(per_row.table * month * _NEW) + _billed((per_row.ids + _WIDTH) * month) for month in months)
    # The course's flow reads the CSV to make a month's table, then the ids of all months in its MERGE.
    made = sum(_billed(per_row.csv * month) + _billed(per_row.table * month) for month in months)
    course = made + sum(_billed(per_row.ids * earlier) for earlier in before)
    course_again = made + count * _billed(per_row.ids * rows)
    return [
        _cost("replace, load jobs", ledger),
        _cost("replace, by a bucket (`--staging`)", ledger, objects),
        _cost("replace, `--method write_api`", ledger, written),
        _cost("append", ledger + append),
        _cost("append, 1 % of the rows are new", ledger + more, read_ids),
        _cost("the same bytes again, any mode", count * _LEAST_BILLED),
        _cost("verify", count * _LEAST_BILLED, read_ids),
        _cost("verify --deep", count * _LEAST_BILLED, read_all),
        _cost("the course's flow", course, objects),
        _cost("the course's flow again", course_again, objects),
    ]


def _cost(way: str, queried: float, more: float = 0.0) -> Cost:
    return Cost(way=way, queried=queried, dollars=queried / _TIB * QUERY_PER_TIB + more)


def kept(per_row: PerRow, rows: float) -> list[tuple[str, float, float]]:
    """Return what is kept, its bytes, and what it costs a month in US dollars."""
    table, parquet, source = (rows * one for one in (per_row.table, per_row.parquet, per_row.gz))
    return [
        ("rows in BigQuery", table, table / _GIB * TABLE_PER_GIB_MONTH),
        ("Parquet in Cloud Storage", parquet, parquet / _GB * OBJECT_PER_GB_MONTH),
        ("published files (`--keep-source`)", source, source / _GB * OBJECT_PER_GB_MONTH),
    ]


def backfill() -> list[float]:
    """Return the rows of each month of 2019 to 2021, a year's rows spread evenly over its months."""
    return [millions * 1e6 / 12 for millions in YEARS.values() for _ in range(12)]


def report(per_row: PerRow) -> str:
    """Return the tables of docs/costs.md."""
    one, many = costs(per_row, [ONE_MONTH]), costs(per_row, backfill())
    lines = ["| way | a month: queries read | costs | 2019 to 2021: queries read | costs |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {a.way} | {_size(a.queried)} | {_money(a.dollars)} | {_size(b.queried)} | {_money(b.dollars)} |"
        for a, b in zip(one, many, strict=True)
    ]
    lines += ["", "| kept | a month | costs a month | 2019 to 2021 | costs a month |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {what} | {_size(size)} | {_money(dollars)} | {_size(size_all)} | {_money(dollars_all)} |"
        for (what, size, dollars), (_, size_all, dollars_all) in zip(
            kept(per_row, ONE_MONTH), kept(per_row, sum(backfill())), strict=True
        )
    ]
    return "\n".join(lines)


def _billed(size: float) -> float:
    """Return what a query is billed for one table."""
    return max(_LEAST_BILLED, -(-size // _MIB) * _MIB) if size else 0.0


def _size(size: float) -> str:
    if not size:
        return "-"
    return (
        f"{size / _TIB:.2f} TiB"
        if size >= _TIB
        else f"{size / _GIB:.1f} GiB"
        if size >= _GIB
        else f"{size / _MIB:.0f} MiB"
    )


def _money(dollars: float) -> str:
    return "free" if not dollars else f"${dollars:.2f}" if dollars >= 0.01 else f"${dollars:.4f}"  # noqa: PLR2004 - a cent


def main() -> None:
    """Print bytes a row and both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/work"))
    asked = parser.parse_args()
    per_row = measured(Workplace(asked.work.absolute()), asked.rows)
    print(per_row)
    print(report(per_row))


if __name__ == "__main__":
    main()
