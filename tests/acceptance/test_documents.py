"""The documents are true: their commands run, their links lead somewhere, and what exists is documented."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import pytest

from engine import catalog
from engine.catalog.columns import KEYS
from engine.cli.main import COMMANDS, main
from engine.receipt import State
from tests.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Engine

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS_DOCUMENT = (ROOT / "docs" / "commands.md").read_text()

_BLOCK = re.compile(r"(?:<!-- shown: (?P<reason>[^>]+) -->\n)?```(?:console|sh)\n(?P<body>.*?)```", re.DOTALL)
_FILE = re.compile(r"<!-- file: (?P<name>[\w.]+) -->\n```\w+\n(?P<body>.*?)```", re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# Whose home the README's real output shows; it is the sandbox here.
_HOME = "/home/you"
_FEW_ROWS = "2000"


@dataclass(frozen=True, kw_only=True)
class Block:
    """Commands of one fenced block; with a reason where some of it can only be shown."""

    reason: str
    commands: tuple[str, ...]

    @property
    def runs(self) -> bool:
        """Whether the engine's commands can run here."""
        return "needs" not in self.reason


def _blocks(path: Path) -> Iterator[Block]:
    for found in _BLOCK.finditer(path.read_text()):
        lines = (line.removeprefix("$ ") for line in found["body"].splitlines() if line.startswith("$ "))
        yield Block(reason=found["reason"] or "", commands=tuple(lines))


WITH_COMMANDS = [path for path in DOCUMENTS if any(block.commands for block in _blocks(path))]


def _words(command: str, sandbox: Path) -> list[str]:
    """Return a command's words with few rows and the sandbox as home."""
    words = [word.replace(_HOME, str(sandbox)) for word in shlex.split(command, comments=True)]
    return [_FEW_ROWS if before == "--rows" else word for before, word in zip(["", *words], words, strict=False)]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _commands() -> dict[str, click.Command]:
    assert isinstance(main, click.Group)
    found = {name: main.get_command(click.Context(main), name) for name in COMMANDS}
    return {name: command for name, command in found.items() if command is not None}


def _options(command: click.Command) -> list[click.Option]:
    """Return the flags of a command and of the commands below it."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    params = [*command.params, *(param for one in below for param in one.params)]
    return [param for param in params if isinstance(param, click.Option)]


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=_name)
def test_commands_of_a_document_run(path: Path, engine: Engine) -> None:
    """Every engine command of a document, run from top to bottom in an empty folder, ends with 0."""
    for file in _FILE.finditer(path.read_text()):
        (engine.folder / file["name"]).write_text(file["body"])
    ran = 0
    for command in (c for block in _blocks(path) if block.runs for c in block.commands):
        words = _words(command, engine.home)
        if words[0] == "python":
            subprocess.run([sys.executable, *words[1:]], cwd=engine.folder, check=True)  # noqa: S603 - the document's
        if words[0] != "engine":
            continue
        found = engine.run(*words[1:])
        assert found.code == 0, f"{command}\n{found.err}"
        ran += 1
    assert ran


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=_name)
def test_commands_that_cannot_run_here_can_be_read(path: Path, tmp_path: Path) -> None:
    """A command that needs the internet or a server is at least one that the command line understands."""
    commands = _commands()
    for block in _blocks(path):
        for command in block.commands if not block.runs else ():
            _, name, *rest = _words(command, tmp_path)
            commands[name].make_context(name, rest)


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=_name)
def test_only_commands_with_a_reason_are_not_run(path: Path) -> None:
    """What is no engine command stands in a block that says why."""
    for block in _blocks(path):
        for command in block.commands:
            assert block.reason or command.startswith("engine "), command


def test_readme_shows_what_make_run_prints() -> None:
    """The commands in the README's output of `make run` are those that the Makefile runs."""
    shown = [command for block in _blocks(ROOT / "README.md") for command in block.commands if "git" in block.reason]
    kinds = [" ".join(command.split()[:4]) for command in shown[2:]]
    assert kinds == [
        "engine sample yellow 2019-01",
        "engine ingest yellow 2019-01",
        "engine ingest yellow 2019-01",
        "engine verify yellow 2019-01",
        "engine status",
    ]
    recipe = (ROOT / "Makefile").read_text().split("\nrun: setup", 1)[1].split("\ntest:", 1)[0]
    assert re.findall(r"show (sample|ingest|verify|status)", recipe) == [kind.split()[1] for kind in kinds]


def test_every_command_and_flag_is_documented() -> None:
    """docs/commands.md has a row for each command, and for each flag with its variable and its commands."""
    rows = [line.split("|")[1:-1] for line in COMMANDS_DOCUMENT.replace(r"\|", "/").splitlines() if line[:2] == "| "]
    listed = [row[0] for row in rows if len(row) == 2]
    flags = {cells[1].strip(" `"): cells for cells in rows if len(cells) == 4}
    seen = set()
    for name, command in _commands().items():
        assert any(cell.startswith(f" `engine {name}") for cell in listed), name
        for option in _options(command):
            cells = flags[str(option.envvar)]
            seen.add(str(option.envvar))
            assert all(f"`{each}" in cells[0] for each in option.opts), option.opts
            assert name in cells[2].replace(",", " ").split(), (name, option.opts)
            assert len(cells[2].split(",")) == sum(
                any(str(p.envvar) == option.envvar for p in _options(other)) for other in _commands().values()
            )
    assert set(flags) - seen == {"variable"}


def test_every_exit_code_state_and_dataset_is_documented() -> None:
    """Codes, states and datasets that the code has stand in docs/commands.md; the help lists the same codes."""
    codes = set(re.findall(r"^\| (\d+) \|", COMMANDS_DOCUMENT, flags=re.MULTILINE))
    assert codes == {"0", "1", "2", "10", "11", "12", "13", "20", "21", "30", "130", "143"}
    text = main.help or ""
    assert all(re.search(rf"\b{code}\b", text) for code in codes)
    states = COMMANDS_DOCUMENT.split("### States", 1)[1].split("\n#", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", states, flags=re.MULTILINE)) == {state.value for state in State}
    for path in catalog.paths():
        assert f"`{path.stem}`" in COMMANDS_DOCUMENT


def test_the_documented_dataset_is_one(tmp_path: Path) -> None:
    """The TOML file in docs/own-data.md can be loaded, and it names every key that there is."""
    text = (ROOT / "docs" / "own-data.md").read_text().split("```toml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "bikes.toml").write_text(text)
    assert catalog.load(tmp_path / "bikes.toml").table == "bike_trips"
    for table, keys in KEYS.items():
        for key in keys if table else ():
            assert re.search(rf"\b{key}\b", text), f"{table}.{key}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(path: Path) -> None:
    """A link to a file leads to a file, and one to a heading to a heading."""
    for link in _LINK.findall(path.read_text()):
        place, _, heading = link.partition("#")
        if "://" in place:
            continue
        target = (path.parent / place).resolve() if place else path
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, link


def test_tests_that_the_guarantees_name_exist() -> None:
    """Each promise names tests, and each of them is there."""
    text = (ROOT / "docs" / "guarantees.md").read_text()
    for promise in text.split("\n## ")[1:]:
        assert _TEST.search(promise), promise.splitlines()[0]
    for file, name in _TEST.findall(text):
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"
