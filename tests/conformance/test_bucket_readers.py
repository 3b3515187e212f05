"""A bucket as others read it: DuckDB, Polars and pyarrow find the months, once, with types and partition key."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow.dataset as ds
import pytest

from engine.month import Month
from tests.conformance.world import lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.bucket_world import BucketWorld

# Unset, gcsfs asks the real service for a minute before its first answer.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

pytestmark = pytest.mark.parametrize("world", ["gcs"], indirect=True)


@pytest.fixture
def filled(world: BucketWorld) -> BucketWorld:
    """Give a bucket with two months, one of them loaded twice."""
    world.write(lines(*range(5)))
    world.load()
    world.write(lines(*range(10)))
    world.load()
    february = [line.replace("2019-01-", "2019-02-") for line in lines(*range(20))]
    world.write(february, Month(2019, 2))
    world.load(Month(2019, 2))
    return world


@pytest.fixture
def files(filled: BucketWorld) -> Iterator[Any]:
    """Give gcsfs on the bucket's server."""
    gcsfs = pytest.importorskip("gcsfs")
    found = gcsfs.GCSFileSystem(token="anon", endpoint_url=filled.fake.url, skip_instance_cache=True)  # noqa: S106 - nobody's
    yield found
    found.clear_instance_cache()


def test_nothing_but_data_lies_there(filled: BucketWorld) -> None:
    """Below the dataset there are the months' objects; ledger and quarantine lie apart, and no lease is left."""
    below = filled.names("trips/")
    assert [name.removeprefix("some/prefix/") for name in below] == [
        "trips/month=2019-01/data.parquet",
        "trips/month=2019-02/data.parquet",
    ]
    others = {name.split("/")[3] for name in filled.names("_engine/")}
    assert others == {"loads"}
    assert filled.fake.open_uploads() == []


def test_polars(filled: BucketWorld) -> None:
    """Polars scans all months with the path's key beside the file's columns."""
    frame = pl.scan_parquet(
        "gs://lake/some/prefix/trips/**/*.parquet",
        hive_partitioning=True,
        credential_provider=None,
        storage_options={
            "google_base_url": filled.fake.url,
            "google_skip_signature": "true",
            "allow_http": "true",
        },
    )
    counted = dict(frame.group_by("month").len().collect().rows())
    assert counted == {"2019-01": 10, "2019-02": 20}
    assert frame.select(pl.col("unique_row_id").n_unique()).collect().item() == 30
    assert frame.select(pl.col("source_month").unique().sort()).collect().to_series().to_list() == [
        dt.date(2019, 1, 1),
        dt.date(2019, 2, 1),
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_duckdb(filled: BucketWorld, files: Any) -> None:  # noqa: ANN401 - gcsfs has no types
    """DuckDB reads one month of the table by the path's key, and its types are those of the contract."""
    duckdb = pytest.importorskip("duckdb")
    del filled
    connection = duckdb.connect()
    connection.register_filesystem(files)
    table = "read_parquet('gcs://lake/some/prefix/trips/*/*.parquet', hive_partitioning = true)"
    counted = f"""SELECT count(*), sum(fare), min("at"), typeof(any_value(unique_row_id)) FROM {table}"""  # noqa: S608 - our own words
    rows = connection.execute(f"{counted} WHERE month = '2019-02'").fetchone()
    connection.close()
    assert rows == (20, 30, dt.datetime(2019, 2, 1, 10), "BLOB")  # noqa: DTZ001 - trips have no zone


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_pyarrow(filled: BucketWorld, files: Any) -> None:  # noqa: ANN401 - gcsfs has no types
    """Arrow sees one dataset, and its metadata says how many rows there are without reading them."""
    del filled
    found = ds.dataset("lake/some/prefix/trips", format="parquet", partitioning="hive", filesystem=files)
    assert found.count_rows() == 30
    assert found.count_rows(filter=ds.field("month") == "2019-01") == 10
