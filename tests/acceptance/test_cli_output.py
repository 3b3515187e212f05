"""What commands print and where: one object on stdout, everything else on stderr; flags and their variables."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from engine.cli.main import COMMANDS, main
from engine.month import Month
from engine.receipt import Counts, Receipt, Rows, SourceInfo
from engine.sample import write_sample
from tests.command_line import COMMAND, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Engine

DOCUMENT = ROOT / "docs" / "commands.md"

# Pinned by hand: whoever changes one of these changes what scripts and dashboards read.
RECEIPT = {
    "schema_version", "load_id", "dataset", "month", "state", "target", "mode",
    "source", "source.url", "source.bytes", "source.sha256", "source.etag", "source.last_modified",
    "source.kept",
    "rows", "rows.lines", "rows.loaded", "rows.present", "rows.quarantined", "rows.total",
    "counts", "counts.strays", "counts.rounded", "counts.nulls", "counts.outside",
    "seconds", "id_checksum", "identity", "contract", "extras", "engine_version", "started_at", "finished_at", "error",
    "job", "bytes_billed",
}  # fmt: skip
FINDINGS = {
    "dataset", "month", "state", "rows", "expected_rows", "id_checksum", "expected_checksum", "counts", "first",
    "against_source", "deep", "error",
}  # fmt: skip


def _keys(data: dict[str, Any]) -> set[str]:
    """Return the keys of an object, those of its fixed parts with their parent's name."""
    inner = {f"{part}.{key}" for part in ("source", "rows", "counts") if part in data for key in data[part]}
    return set(data) | inner


def _documented(heading: str) -> set[str]:
    """Return the keys in the first column of the table below a heading of docs/commands.md."""
    section = DOCUMENT.read_text().split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    return set(re.findall(r"^\| `([a-z0-9_.]+)` \|", section, flags=re.MULTILINE))


def _flags() -> list[tuple[str, click.Option]]:
    assert isinstance(main, click.Group)
    commands = [(name, main.get_command(click.Context(main), name)) for name in COMMANDS]
    return [
        (n, each) for n, command in commands if command for each in command.params if isinstance(each, click.Option)
    ]


def test_receipt_keys_are_those_that_are_documented(engine: Engine, months: Path) -> None:
    """A receipt has exactly the pinned keys, loaded or failed, and the document lists each of them."""
    loaded = engine.call("ingest", "yellow", "2019-01", "--from", months, "--to", "out", "--output", "json").object
    missing = engine.call("ingest", "yellow", "2019-02", "--from", months, "--to", "out", "--output", "json").object
    unknown = engine.call("ingest", "blue", "2019-02", "--output", "json").object
    assert _keys(loaded) == _keys(missing) == _keys(unknown) == RECEIPT
    assert next(iter(loaded)) == "schema_version"
    assert _documented("### The receipt") == RECEIPT
    fields = {f.name for kind in (Receipt, SourceInfo, Rows, Counts) for f in dataclasses.fields(kind)}
    assert fields == {key.rpartition(".")[2] for key in RECEIPT}


def test_verify_keys_are_those_that_are_documented(engine: Engine, months: Path) -> None:
    """What verify prints has exactly the documented keys, with and without a month to verify."""
    assert engine.call("ingest", "yellow", "2019-01", "--from", months, "--to", "out").code == 0
    found = engine.call("verify", "yellow", "2019-01", "--to", "out", "--output", "json").object
    nothing = engine.call("verify", "yellow", "2019-02", "--to", "out", "--output", "json").object
    assert set(found) == set(nothing) == FINDINGS == _documented("### What verify found")
    assert (found["state"], nothing["state"]) == ("verified", "failed")


@pytest.mark.parametrize(
    "words",
    [
        ("ingest", "yellow", "2019-13"),
        ("ingest", "yellow", "2019-01", "--from", "nowhere", "--to", "out"),
        ("ingest", "yellow", "2019-01", "--to", "postgresql://me@127.0.0.1:1/x"),
        ("backfill", "yellow", "2019-02", "2019-01"),
        ("backfill", "yellow", "2019-01", "2019-02", "--to", "s3://x"),
        ("verify", "yellow", "2019-01", "--to", "out"),
        ("status", "--to", "postgresql://me@127.0.0.1:1/x"),
    ],
)
def test_json_also_where_it_fails(engine: Engine, words: tuple[str, ...]) -> None:
    """A failed command prints one JSON object with the message in it, and the message on stderr."""
    found = engine.call(*words, "--output", "json")
    assert found.code not in (0, 1)
    errors = [found.object["error"], *(receipt["error"] for receipt in found.object.get("receipts", ()))]
    first = max(errors, key=len).splitlines()[0]
    assert first
    assert first in found.err


def test_progress_goes_to_stderr_only(engine: Engine, months: Path) -> None:
    """Stdout has the receipt alone; progress is lines on stderr where that is no terminal, and none with --quiet."""
    loud = engine.run("ingest", "yellow", "2019-01", "--from", months, "--to", "out")
    quiet = engine.run("ingest", "yellow", "2019-01", "--from", months, "--to", "other", "--quiet")
    assert [line.split()[1] for line in loud.err.splitlines()] == ["look", "fetch", "load", "publish"]
    assert loud.out.startswith("yellow 2019-01  loaded")
    assert "engine:" not in loud.out
    assert quiet.err == ""


def test_a_terminal_gets_a_bar(engine: Engine) -> None:
    """On a terminal, progress is a bar with rows, megabytes and MB/s, which is gone at the end; stdout is as ever."""
    write_sample("yellow", Month(2019, 1), rows=400_000, folder=engine.folder)
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - the command under test
        [*COMMAND, "ingest", "yellow", "2019-01", "--from", ".", "--to", "out"],
        cwd=engine.folder,
        env=engine.environment(TERM="xterm", COLUMNS="120"),
        stdout=subprocess.PIPE,
        stderr=other_end,
        text=True,
    )
    os.close(other_end)
    shown = ""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while piece := os.read(terminal, 1 << 16):
            shown += piece.decode()
    out, _ = process.communicate(timeout=60)
    os.close(terminal)
    assert out.startswith("yellow 2019-01  loaded")
    assert re.search(r"[\d,]{6,} rows  [\d.]+ of [\d.]+ MB  [\d.]+ MB/s", shown)
    assert "engine: load" not in shown


@pytest.mark.parametrize(("name", "option"), _flags(), ids=lambda value: getattr(value, "name", value))
def test_every_flag_has_its_variable(name: str, option: click.Option) -> None:
    """The variable of a flag is ENGINE_ and the flag's own name, whatever the code calls it."""
    longest = max(option.opts, key=len)
    assert option.envvar == "ENGINE_" + longest.lstrip("-").replace("-", "_").upper(), name
    assert option.help
    assert option.show_envvar


def test_variables_stand_for_flags_and_flags_win(engine: Engine, months: Path) -> None:
    """ENGINE_FROM, ENGINE_TO and ENGINE_OUTPUT do what the flags do; a flag that is given beats its variable."""
    variables = {"ENGINE_FROM": str(months), "ENGINE_TO": "by-variable", "ENGINE_OUTPUT": "json"}
    first = engine.run("ingest", "yellow", "2019-01", **variables)
    assert first.object["target"].endswith("/by-variable")
    second = engine.run("ingest", "yellow", "2019-01", "--to", "by-flag", **variables)
    assert second.object["target"].endswith("/by-flag")
    assert sorted(path.name for path in engine.folder.iterdir()) == ["by-flag", "by-variable"]


def test_a_switch_by_variable(engine: Engine, months: Path) -> None:
    """A flag without a value is on where its variable says so."""
    found = engine.run("ingest", "yellow", "2019-01", "--from", months, "--to", "out", ENGINE_DRY_RUN="1")
    assert "would be loaded" in found.out
    assert not (engine.folder / "out").exists()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["sample", "--help"]])
def test_help_needs_no_engine_room(words: list[str]) -> None:
    """Help and version answer without importing Polars, numba, pyarrow or a driver."""
    heavy = ["polars", "numba", "pyarrow", "psycopg", "httpx", "rich"]
    script = (
        "import sys\n"
        "from engine.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
    assert "Usage" in done.stdout or "engine, version" in done.stdout


def test_help_of_every_command(engine: Engine) -> None:
    """Every command that is listed exists and explains itself."""
    listed = engine.call("--help").out
    for name in COMMANDS:
        found = engine.call(name, "--help")
        assert found.code == 0
        assert f"Usage: engine {name}" in found.out
        assert f"\n  {name} " in listed


def test_status_as_text_and_json(engine: Engine, months: Path) -> None:
    """Status lists each month once, in both forms, and an empty target says so."""
    assert engine.call("status", "--to", "out").out == "nothing is loaded here yet\n"
    assert engine.call("status", "--to", "out", "--output", "json").object == {"receipts": [], "error": ""}
    engine.call("backfill", "yellow", "2019-01", "2019-03", "--from", months, "--to", "out")
    head, *lines = engine.call("status", "--to", "out").out.splitlines()
    assert head.split()[:5] == ["dataset", "month", "state", "rows", "quarantined"]
    assert [line.split()[:4] for line in lines] == [
        ["yellow", "2019-01", "loaded", "2,000"],
        ["yellow", "2019-03", "loaded", "2,000"],
    ]
    receipts = engine.call("status", "--to", "out", "--output", "json").object["receipts"]
    assert [_keys(receipt) for receipt in receipts] == [RECEIPT, RECEIPT]
    assert engine.call("status", "green", "--to", "out").out == "nothing is loaded here yet\n"


def test_backfill_goes_on_after_a_month_that_fails(engine: Engine, months: Path) -> None:
    """One month is missing and one is bad: the others are loaded, and the code is that of the bad one."""
    for path in months.iterdir():
        (engine.folder / path.name).write_bytes(path.read_bytes())
    (engine.folder / "yellow_tripdata_2019-04.csv").write_text("<html></html>\n")
    words = ("backfill", "yellow", "2019-01", "2019-04", "--from", ".", "--to", "out")
    found = engine.call(*words, "--output", "json")
    assert found.code == 11
    states = [receipt["state"] for receipt in found.object["receipts"]]
    assert states == ["loaded", "not_published", "loaded", "failed"]
    assert "engine: 2 of 4 months: 2019-02 not_published, 2019-04 failed" in found.err
    (engine.folder / "yellow_tripdata_2019-04.csv").unlink()
    again = engine.call(*words)
    assert again.code == 10
    assert [line.split()[1] for line in again.out.splitlines()[1:]] == [
        "unchanged",
        "not_published",
        "unchanged",
        "not_published",
    ]


def test_datasets_are_listed_and_shown(engine: Engine) -> None:
    """The list names table and columns of each dataset; one dataset prints its contract."""
    listed = engine.call("datasets").out
    assert re.search(r"^green +green_tripdata +\d+ ", listed, flags=re.MULTILINE)
    assert re.search(r"^yellow +yellow_tripdata +\d+ ", listed, flags=re.MULTILINE)
    shown = engine.call("datasets", "show", "green", "--toml")
    assert shown.out == (ROOT / "engine" / "datasets" / "green.toml").read_text()


def test_ids_do_not_depend_on_the_target(engine: Engine, months: Path, database_url: str) -> None:
    """A folder and a database end with the same checksum of ids for the same file."""
    objects = [
        engine.call("ingest", "yellow", "2019-01", "--from", months, "--to", to, "--output", "json").object
        for to in ("out", database_url)
    ]
    assert len({json.dumps([each["id_checksum"], each["rows"], each["counts"]]) for each in objects}) == 1


def test_differing_rows_show_their_ids_in_one_form(engine: Engine, months: Path) -> None:
    """An id is hexadecimal beside a row and in it, and what to run next names the same source."""
    write_sample("yellow", Month(2019, 1), rows=2_000, folder=engine.folder / "other", seed=9)
    assert engine.call("ingest", "yellow", "2019-01", "--from", months, "--to", "out").code == 0
    words = ("verify", "yellow", "2019-01", "--to", "out", "--from", "other", "--against-source")
    found = engine.call(*words, "--output", "json")
    assert found.code == 30
    rows = found.object["first"]
    assert rows
    assert all(one["row"].get("unique_row_id", one["unique_row_id"]) == one["unique_row_id"] for one in rows)
    assert "engine ingest yellow 2019-01 --to out --from other --force" in found.err
