"""The floors of the package: imports go down only, edges stay strangers, and no module becomes a drawer of odds."""

from __future__ import annotations

import ast
import graphlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "engine").rglob("*.py"))
MOST_LINES = 300

# Lowest first. What stands on one floor may import each other without circles, edges excepted.
FLOORS = {
    "words": [
        "errors",
        "month",
        "logical",
        "contract",
        "receipt",
        "settings",
        "compiled",
        "memory",
        "files",
        "load",
        "timing",
        "idset",
        "spill",
        "watch",
        "lease",
    ],
    "declarations": ["catalog"],
    "pure": ["identity", "decode", "sample"],
    "drivers": ["postgres", "google"],
    "edges": ["sources", "sinks", "ledger", "embedded"],
    "flow": [
        "inspect",
        "targets",
        "request",
        "pipeline",
        "rehearsal",
        "ingest",
        "keep",
        "setup",
        "verify",
        "backfill",
        "status",
        "plan",
        "proof",
        "warm",
    ],
    "surface": ["cli", "__main__"],
}
FLOOR = {part: number for number, parts in enumerate(FLOORS.values()) for part in parts}
EDGES = set(FLOORS["edges"])
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "base", "manager", "handler"}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path) for path in MODULES}


def _part(module: str) -> str:
    """Return the package or module directly below `engine`; empty for `engine` itself."""
    return module.split(".")[1] if "." in module else ""


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _imports(path: Path, *, types: bool) -> Iterator[str]:
    """Yield the engine's modules that a module imports, inside functions too.

    Args:
        path: The module's file.
        types: Whether imports for type checkers count.

    """
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if _is_for_types(node) and not types:
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "engine")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if (source := node.module or "").split(".")[0] == "engine":
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    yield inner if inner in NAMES else source


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_go_down(path: Path) -> None:
    """A module imports from its own floor or from lower ones, type annotations included."""
    part = _part(_name(path))
    if not part:
        return
    assert part in FLOOR, f"engine.{part} has no floor: give it one in FLOORS"
    for imported in _imports(path, types=True):
        below = _part(imported)
        assert not below or FLOOR[below] <= FLOOR[part], f"{_name(path)} imports {imported} from a higher floor"


@pytest.mark.parametrize("path", [p for p in MODULES if _part(_name(p)) in EDGES], ids=_name)
def test_edges_never_import_one_another(path: Path) -> None:
    """Sources, sinks, ledgers and the embedded server do not know of each other."""
    strangers = EDGES - {_part(_name(path))}
    assert not [module for module in _imports(path, types=True) if _part(module) in strangers]


def test_imports_have_no_circle() -> None:
    """There is an order in which every module comes after all that it imports at run time."""
    graph = defaultdict(set)
    for path in MODULES:
        graph[_name(path)].update(set(_imports(path, types=False)) - {_name(path)})
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_has_one_subject(path: Path) -> None:
    """No module is longer than can be read in one sitting, none is a drawer, and each says what it is for."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert not DRAWERS & set(_name(path).split("."))
    assert ast.get_docstring(ast.parse(text)), "a module opens with a docstring"


def test_environment_is_read_in_one_file() -> None:
    """Only `engine.settings` looks at the environment."""
    readers = {_name(path) for path in MODULES if "os.environ" in path.read_text() or "os.getenv" in path.read_text()}
    assert readers <= {"engine.settings"}
