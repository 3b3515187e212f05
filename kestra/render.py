"""Renders the flows: `python -m kestra.render` writes `kestra/flows/` from `kestra/templates/`.

Kestra has no defaults for task runners since 2.0, and what a container needs would stand in every flow. A line
`#> part word=value ...` in a template becomes the lines of `templates/parts/part.yaml`, indented as the line was, with
`${word}` replaced by the value. Templates are YAML, and what is rendered is committed: Kestra needs no renderer.
"""

from __future__ import annotations

import shlex
import string
from pathlib import Path

HERE = Path(__file__).parent
FLOWS = HERE / "flows"
TEMPLATES = HERE / "templates"
_MARK = "#> "
_NOTE = "# Rendered from kestra/templates/{name} by `python -m kestra.render`.\n"


def rendered() -> dict[str, str]:
    """Return each flow's text by the name of its file."""
    return {path.name: _flow(path) for path in sorted(TEMPLATES.glob("*.yaml"))}


def write() -> None:
    """Write each flow, and remove those whose template is gone."""
    flows = rendered()
    FLOWS.mkdir(exist_ok=True)
    for path in FLOWS.glob("*.yaml"):
        if path.name not in flows:
            path.unlink()
    for name, text in flows.items():
        (FLOWS / name).write_text(text)


def _flow(path: Path) -> str:
    return _NOTE.format(name=path.name) + "".join(_lines(path.read_text()))


def _lines(text: str) -> list[str]:
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        indent, mark, call = line.partition(_MARK)
        if mark and not indent.strip():
            found.extend(indent + one if one.strip() else one for one in _part(call))
        else:
            found.append(line)
    return found


def _part(call: str) -> list[str]:
    """Return the lines of a part; a word without a value is an error, and so is a part that does not exist."""
    name, *words = shlex.split(call)
    values = dict(word.split("=", 1) for word in words)
    text = (TEMPLATES / "parts" / f"{name}.yaml").read_text()
    return _lines(string.Template(text).substitute(values))


if __name__ == "__main__":
    write()
