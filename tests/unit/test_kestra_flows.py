"""The flows as files: what is committed is what the templates say, and nothing is said twice."""

from __future__ import annotations

import re

import pytest

from kestra.render import FLOWS, TEMPLATES, rendered

_ADDRESS = re.compile(r"(?<![\w.])(?:https?|postgresql)://|\b\d+\.\d+\.\d+\.\d+\b")


def test_flows_are_current() -> None:
    """Each committed flow is what its template renders, and there are no others."""
    assert {path.name: path.read_text() for path in FLOWS.glob("*.yaml")} == rendered()


@pytest.mark.parametrize("name", sorted(rendered()))
def test_a_flow_names_no_image_and_no_place(name: str) -> None:
    """Images, networks and URLs come from Kestra's environment, its KV store and its secrets."""
    text = rendered()[name]
    images = set(re.findall(r"containerImage: (.*)", text)) | set(re.findall(r"networkMode: (.*)", text))
    assert images <= {'"{{ envs.engine_image }}"', '"{{ envs.engine_network }}"'}
    assert not _ADDRESS.search(text)


@pytest.mark.parametrize("name", sorted(rendered()))
def test_a_container_has_limits(name: str) -> None:
    """Each task in a container has a timeout in ISO form, a memory limit, and a command that gets its signals."""
    tasks = rendered()[name].split("type: io.kestra.plugin.scripts.shell.Commands")[1:]
    for task in tasks:
        assert re.search(r"timeout: PT\d+[HM]\n", task)
        assert re.search(r"memory:\n +memory: \dGB\n", task)
        assert re.search(r"killGracePeriod: PT\d+S\n", task)
        assert re.search(r"commands:\n +- exec engine ", task)


def test_a_part_stands_in_one_file() -> None:
    """Every part that a template names exists, and every part is named."""
    texts = [path.read_text() for path in TEMPLATES.rglob("*.yaml")]
    named = {name for text in texts for name in re.findall(r"^ *#> (\w+)", text, re.MULTILINE)}
    assert named == {path.stem for path in (TEMPLATES / "parts").glob("*.yaml")}


def test_every_flow_and_input_is_documented() -> None:
    """docs/kestra.md has a row for each flow, which names exactly its inputs."""
    document = (FLOWS.parents[1] / "docs" / "kestra.md").read_text()
    rows = dict(
        re.findall(r"^\| `(\w+)` \|.*\| ?(.*?) ?\|$", document.split("## The flows")[1].split("\n## ")[0], re.MULTILINE)
    )
    for name, text in rendered().items():
        inputs = re.search(r"^inputs:\n(.*?)^\w", text, re.MULTILINE | re.DOTALL)
        found = re.findall(r"^  - id: (\w+)", inputs[1], re.MULTILINE) if inputs else []
        assert re.findall(r"`(\w+)`", rows.pop(name.removesuffix(".yaml"))) == found
    assert not rows
