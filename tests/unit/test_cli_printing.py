"""Receipts, tables and progress as people read them."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from engine.cli import progress
from engine.cli.printing import receipt_text, table
from engine.cli.run import again, without_password
from engine.receipt import Counts, Receipt, Rows, SourceInfo, State

if TYPE_CHECKING:
    import pytest

RECEIPT = Receipt(
    load_id="0197c3",
    dataset="yellow",
    month="2019-01",
    state=State.LOADED,
    target="postgresql://me@/taxi?host=%2Fvar%2Frun",
    source=SourceInfo(url="https://example.org/yellow.csv.gz", bytes=2_000_000),
    rows=Rows(lines=1_000, loaded=900, present=90, quarantined=10, total=990),
    counts=Counts(strays=3, nulls={f"a_column_with_a_long_name_{n}": 1_000 + n for n in range(6)}),
    seconds={"total": 2.0},
)


def test_a_receipt_adds_up_on_one_line() -> None:
    """Lines and where they went stand on one line, thousands apart."""
    assert "  rows        1,000 lines = 900 loaded + 90 already there + 10 quarantined\n" in receipt_text(RECEIPT)


def test_a_receipt_stays_within_a_terminal() -> None:
    """Long lists of nulls are wrapped between columns, never between a column and its number."""
    lines = receipt_text(RECEIPT).splitlines()
    assert max(map(len, lines)) <= 100
    nulls = [line for line in lines if "a_column" in line]
    assert len(nulls) > 1
    assert all(re.fullmatch(r" +(nulls +)?(a_\w+ \d,\d{3},? ?)+", line) for line in nulls)


def test_a_receipt_shows_speed_of_loads_only() -> None:
    """A load has rows and megabytes a second; an unchanged month has none."""
    assert "500 rows/s, 1.0 MB/s" in receipt_text(RECEIPT)
    assert "rows/s" not in receipt_text(RECEIPT.with_(state=State.UNCHANGED))


def test_a_sockets_folder_is_readable() -> None:
    """Percent signs of a target are for machines."""
    assert "postgresql://me@/taxi?host=/var/run" in receipt_text(RECEIPT)


def test_tables_are_aligned() -> None:
    """Texts stand left, numbers right, and no line ends with blanks."""
    assert table(["a", "n"], [["x", "1"], ["long", "1,000"]], right=frozenset({1})) == (
        "a         n\nx         1\nlong  1,000"
    )


def test_lines_say_how_far_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal, a step says its name once, then every ten seconds rows, MB/s and the time that is left."""
    clock = itertools.count(0, 6)
    monkeypatch.setattr("engine.cli.progress.time.monotonic", lambda: next(clock))
    lines = progress.Lines()
    lines.step("load", 100_000_000)
    for done in (5_000_000, 24_000_000, 30_000_000):
        lines.progress(done, rows=1_000)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["engine: load 100.0 MB", "engine: load 1,000 rows, 2.0 MB/s, 38 s left"]


def test_a_command_is_repeated_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command in a message can be pasted into a shell, and shows no password."""
    words = ["engine", "ingest", "yellow", "2019-01", "--to", "postgresql://me:pw@host/db", "--from", "my files"]
    monkeypatch.setattr("sys.argv", words)
    assert again() == "engine ingest yellow 2019-01 --to 'postgresql://me:***@host/db' --from 'my files'"
    assert without_password("host=a password=pw") == "host=a password=***"
    assert without_password("a plain word") == "a plain word"
