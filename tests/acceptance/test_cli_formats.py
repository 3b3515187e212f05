"""The same month as CSV and as Parquet: the same ids for the same values, whichever way a month was converted."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Engine


def loaded(engine: Engine, month: str, source: Path, to: str) -> dict[str, object]:
    """Load a green month and return what its receipt says of the rows."""
    found = engine.call("ingest", "green", month, "--from", source, "--to", to, "--output", "json")
    assert found.code == 0, found.err
    receipt = found.object
    return {"rows": receipt["rows"], "ids": receipt["id_checksum"], "counts": receipt["counts"]}


@pytest.mark.parametrize("floats", [True, False], ids=["as-official", "as-small-ints"])
def test_a_csv_month_converted_to_parquet(engine: Engine, shared_data: Path, tmp_path: Path, *, floats: bool) -> None:
    """A complete real month of CSV, written as Parquet with drifting types, has the same ids row by row."""
    source = shared_data / "green" / "green_tripdata_2020-05.csv.gz"
    frame = pl.read_csv(
        io.BytesIO(gzip.decompress(source.read_bytes())), infer_schema_length=None, try_parse_dates=True
    )
    whole = [name for name, kind in frame.schema.items() if kind.is_integer()]
    frame = frame.with_columns(pl.col(whole).cast(pl.Float64 if floats else pl.Int32))
    frame.write_parquet(tmp_path / "green_tripdata_2020-05.parquet", row_group_size=10_000)
    csv = loaded(engine, "2020-05", source, "csv")
    assert loaded(engine, "2020-05", tmp_path / "green_tripdata_2020-05.parquet", "parquet") == csv


@pytest.mark.parametrize("month", ["2021-01", "2023-02"])
def test_a_parquet_month_converted_to_csv(engine: Engine, shared_data: Path, tmp_path: Path, month: str) -> None:
    """A complete official Parquet month, written as CSV, has the same ids row by row."""
    source = shared_data / "parquet" / f"green_tripdata_{month}.parquet"
    frame = pl.from_arrow(pq.read_table(source))
    assert isinstance(frame, pl.DataFrame)
    text = frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S", line_terminator="\r\n")
    (tmp_path / f"green_tripdata_{month}.csv").write_bytes(text.encode())
    parquet = loaded(engine, month, source, "parquet")
    assert loaded(engine, month, tmp_path / f"green_tripdata_{month}.csv", "csv") == parquet


def test_a_loaded_month_keeps_its_format(engine: Engine, shared_data: Path, tmp_path: Path) -> None:
    """A month that came from a dataset's Parquet stays with it when a CSV appears; a flag changes its mind."""
    places = tmp_path / "csv", tmp_path / "parquet"
    for place in places:
        place.mkdir()
    official = shared_data / "parquet" / "green_tripdata_2021-01.parquet"
    (places[1] / official.name).write_bytes(official.read_bytes())
    text = (shared_data.parents[0] / "data" / "heads").parent  # the folder is read only to know that it is there
    assert text.is_dir()
    shipped = engine.call("datasets", "show", "green", "--toml").out
    urls = [line for line in shipped.splitlines() if line.startswith("url = ")]
    for line, place in zip(urls, places, strict=True):
        suffix = ".parquet" if "cloudfront" in line else ".csv"
        shipped = shipped.replace(line, f'url = "{place}/{{dataset}}_tripdata_{{month}}{suffix}"')
    (engine.folder / "green.toml").write_text(shipped)
    words = ("ingest", "./green.toml", "2021-01", "--to", "out", "--output", "json")
    first = engine.call(*words)
    assert first.code == 0, first.err
    assert first.object["source"]["url"].endswith(".parquet")
    frame = pl.from_arrow(pq.read_table(official))
    assert isinstance(frame, pl.DataFrame)
    frame.write_csv(places[0] / "green_tripdata_2021-01.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    assert engine.call(*words).object["state"] == "unchanged"
    (places[1] / official.name).unlink()
    gone = engine.call(*words)
    assert (gone.code, gone.object["state"]) == (10, "not_published")
    told = engine.call(*words, "--format", "csv")
    assert told.code == 0, told.err
    assert told.object["source"]["url"].endswith(".csv")
    assert told.object["id_checksum"] == first.object["id_checksum"]
