"""A folder of Parquet files as everybody else reads it: one dataset for Polars, DuckDB and pyarrow, honest footers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from engine import catalog
from engine.ingest import Request, ingest
from engine.month import Month
from engine.receipt import Receipt
from engine.sample import write_sample
from engine.targets import Place
from engine.watch import Nobody
from tests.conformance.world import settings_in

if TYPE_CHECKING:
    from pathlib import Path

MONTHS = (Month(2019, 1), Month(2019, 2))
ROWS = 3000


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Receipt]]:
    """Give a folder with two generated months of yellow trips, and their receipts."""
    folder = tmp_path_factory.mktemp("yellow")
    dataset = catalog.find("yellow")
    receipts = []
    for month in MONTHS:
        write_sample("yellow", month, rows=ROWS, folder=folder / "in")
        request = Request(dataset=dataset, month=month, to=Place(url=str(folder / "out")), location=str(folder / "in"))
        result = ingest(request, settings_in(folder), Nobody())
        assert result.error is None
        receipts.append(result.receipt)
    return folder / "out", receipts


def _total(receipts: list[Receipt]) -> int:
    return sum(receipt.rows.total for receipt in receipts)


def test_polars_reads_it_as_one(loaded: tuple[Path, list[Receipt]]) -> None:
    """Polars scans the folder with the path key `month` beside the columns."""
    root, receipts = loaded
    frame = pl.scan_parquet(root / "yellow", hive_partitioning=True).collect()
    assert len(frame) == _total(receipts)
    assert set(frame["month"].cast(pl.String).str.head(7)) == {"2019-01", "2019-02"}
    assert frame["source_month"].unique().sort().to_list() == [dt.date(2019, 1, 1), dt.date(2019, 2, 1)]
    assert frame["unique_row_id"].n_unique() == len(frame)


def test_duckdb_reads_it_as_one(loaded: tuple[Path, list[Receipt]]) -> None:
    """DuckDB reads the folder with the path key `month`, and by it only the files it needs."""
    root, receipts = loaded
    files = "read_parquet(?, hive_partitioning=true)"
    query = f"SELECT month::text, source_month, count(*) FROM {files} GROUP BY ALL ORDER BY 1"  # noqa: S608 - no input
    rows = duckdb.connect().execute(query, [f"{root}/yellow/**/*.parquet"]).fetchall()
    assert [(row[0][:7], row[1], row[2]) for row in rows] == [
        (receipt.month, Month.parse(receipt.month).first_day, receipt.rows.total) for receipt in receipts
    ]


def test_arrow_reads_it_as_one(loaded: tuple[Path, list[Receipt]]) -> None:
    """A pyarrow dataset over the folder has the path key and all rows."""
    root, receipts = loaded
    dataset = ds.dataset(root / "yellow", format="parquet", partitioning="hive")
    assert dataset.count_rows() == _total(receipts)
    assert dataset.count_rows(filter=ds.field("month") == "2019-02") == receipts[1].rows.total


def test_a_glob_sees_data_only(loaded: tuple[Path, list[Receipt]]) -> None:
    """Below the dataset's folder stand data files of a fixed name and nothing else."""
    root, _ = loaded
    files = sorted(str(path.relative_to(root)) for path in (root / "yellow").rglob("*") if path.is_file())
    assert files == [f"yellow/month={month}/data.parquet" for month in MONTHS]


def test_the_footer_carries_receipt_and_identity(loaded: tuple[Path, list[Receipt]]) -> None:
    """A data file says in its footer what it is: the receipt of its load and how its ids were computed."""
    root, receipts = loaded
    for receipt in receipts:
        metadata = pq.read_metadata(root / "yellow" / f"month={receipt.month}" / "data.parquet")
        inside = Receipt.from_json(metadata.metadata[b"engine.receipt"].decode())
        assert (inside.load_id, inside.rows, inside.id_checksum) == (
            receipt.load_id,
            receipt.rows,
            receipt.id_checksum,
        )
        assert metadata.metadata[b"engine.identity"].decode() == receipt.identity
        assert metadata.num_rows == receipt.rows.total


def test_ids_are_sixteen_plain_bytes(loaded: tuple[Path, list[Receipt]]) -> None:
    """`unique_row_id` is a fixed array of 16 bytes without compression and dictionary; all else is compressed."""
    root, _ = loaded
    metadata = pq.read_metadata(root / "yellow" / "month=2019-01" / "data.parquet")
    group = metadata.row_group(0)
    columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    schema = {metadata.schema.column(n).name: metadata.schema.column(n) for n in range(len(metadata.schema))}
    ids = columns.pop("unique_row_id")
    assert (ids.physical_type, schema["unique_row_id"].length) == ("FIXED_LEN_BYTE_ARRAY", 16)
    assert ids.compression == "UNCOMPRESSED"
    assert "RLE_DICTIONARY" not in ids.encodings
    assert "PLAIN_DICTIONARY" not in ids.encodings
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert all(column.is_stats_set for column in columns.values())
