"""A scan as sinks drain it: any query, once, to its end or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import polars as pl
import pytest

from engine.decode import Quarantine, Report, batches, draining, read_layout, scan
from engine.decode.blocks import Stopped
from engine.errors import EngineError, TornInput
from tests.unit.decoded import GOOD, HEADER, MONTH, dataset


def test_errors_arrive_as_they_were_raised_through_any_query(tmp_path: Path) -> None:
    """A sink that drains the frame itself gets the scan's error, not the one Polars makes of it."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 2 + b"1,2")
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    with pytest.raises(TornInput), draining(report):
        lazy.with_columns(pl.col("n") + 1).sink_parquet(tmp_path / "out.parquet")


def test_a_scan_can_be_drained_once(tmp_path: Path) -> None:
    """Counting lines twice is refused."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    assert sum(b.height for b in batches(lazy, report)) == 1
    with pytest.raises(EngineError, match="once"):
        list(batches(lazy, report))


def readers() -> list[threading.Thread]:
    """Return the reader threads that are alive."""
    return [t for t in threading.enumerate() if t.name == "engine-decode-reader"]


def test_stopping_early_ends_the_reader_and_closes_the_file(tmp_path: Path) -> None:
    """A consumer that goes away leaves no thread and no open file behind."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 200_000)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"), block_bytes=10_000)
    rows = batches(lazy, report, rows=100)
    assert next(rows).height
    rows.close()
    assert not report.complete
    for thread in readers():
        thread.join(5)
        assert not thread.is_alive()
    links = Path("/proc/self/fd")
    if links.exists():
        assert str(path) not in {str(p.readlink()) for p in links.iterdir() if p.is_symlink()}


def test_projection_and_filter_leave_the_counts_alone(tmp_path: Path) -> None:
    """What a query needs does not change what the file is found to be."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD + GOOD.replace(b"1", b"7", 1) + GOOD.replace(b"1", b"x", 1))
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    found = pl.concat(batches(lazy.filter(pl.col("n") > 1).select("flag", "n"), report))
    assert found.rows() == [("N", 7)]
    assert (report.lines, report.rows, report.quarantined) == (3, 2, 1)


def test_counting_needs_no_column(tmp_path: Path) -> None:
    """The number of rows is right where no column is asked for."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 3)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"))
    assert pl.concat(batches(lazy.select(pl.len()), report)).item() == 3


def test_a_stopped_scan_never_looks_like_a_whole_file(tmp_path: Path) -> None:
    """Whoever still drains a scan that was stopped gets an error, not a short frame."""
    path, report = tmp_path / "f", Report()
    path.write_bytes(HEADER + GOOD * 50_000)
    layout = read_layout(path, dataset(), MONTH, name="f.csv")
    lazy = scan(path, layout, strict=False, report=report, quarantine=Quarantine(tmp_path / "q"), block_bytes=10_000)

    def stop(frame: pl.DataFrame) -> pl.DataFrame:
        assert report.stop is not None
        report.stop()
        return frame

    with pytest.raises(Stopped):
        lazy.map_batches(stop, streamable=True).sink_parquet(tmp_path / "out.parquet")
    assert not report.complete
