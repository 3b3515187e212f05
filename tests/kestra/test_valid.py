"""Flows and dashboards as files: Kestra's own parser and validator take them, and every property in them exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kestra.render import FLOWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kestra.kestra_engine import Kestra

DASHBOARDS = FLOWS.parent / "dashboards"
FILES = [*sorted(FLOWS.glob("*.yaml")), *sorted(DASHBOARDS.glob("*.yaml"))]
BAD = "id: bad\nnamespace: nyc.taxi\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: b, words: c}]\n"


def _name(path: Path) -> str:
    return path.name


def test_every_flow_is_valid(kestra: Kestra) -> None:
    """No constraint is violated, nothing is deprecated, nothing is warned about."""
    found = kestra.ask("validate", sources={path.name: path.read_text() for path in FLOWS.glob("*.yaml")})
    assert len(found) == len(list(FLOWS.glob("*.yaml")))
    for flow in found:
        assert not any(flow.get(key) for key in ("constraints", "deprecated", "warnings")), flow


def test_a_flow_with_an_unknown_property_is_not(kestra: Kestra) -> None:
    """The validator does see what is wrong."""
    (found,) = kestra.ask("validate", sources={"bad.yaml": BAD})
    assert "words" in found["constraints"]


def _typed(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - YAML
    """Yield every object that names a plugin."""
    match node:
        case dict():
            if str(node.get("type", "")).startswith("io.kestra."):
                yield node
            for one in node.values():
                yield from _typed(one)
        case list():
            for one in node:
                yield from _typed(one)


@pytest.fixture(scope="module")
def schemas(stage: Any) -> dict[str, Any]:  # noqa: ANN401 - a Stage; its class is conftest's
    """Give the JSON schema of each type's properties, as Kestra generates it from its plugins."""
    found = stage.kestra.ask("schemas")
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_every_property_exists(path: Path, kestra: Kestra, schemas: dict[str, Any]) -> None:
    """Types are plugins that Kestra knows, and their properties are in the plugin's schema."""
    found = list(_typed(kestra.ask("parse", yaml=path.read_text())))
    assert found
    for one in found:
        known = schemas[one["type"]]["properties"]
        assert set(one) <= set(known) | _of_all(one["type"]), one
        assert set(schemas[one["type"]].get("required", ())) <= set(one), one


def _of_all(kind: str) -> set[str]:
    """Return the properties that Kestra gives to all types of a kind, which a plugin's own schema leaves out."""
    if ".dashboard." in kind or ".runner." in kind:
        return {"id", "type", "version"}
    return {"id", "type", "version", "description", "timeout", "runIf", "allowFailure", "retry", "labels"}
