"""Results as JSON with every single run, as a Markdown table, and as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import measure, picture
from benchmarks.place import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measure import Figure, Run
    from benchmarks.parts import Part

SCHEMA_VERSION = 1
_MEDIANS = ("wall_seconds", "inside_seconds", "cpu_seconds", "peak_mb")


def result(
    machine: Mapping[str, Any], parts: Mapping[str, Part], runs: Mapping[str, Mapping[str, Sequence[Run]]]
) -> dict[str, Any]:
    """Return everything that is known, as JSON has it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "machine": dict(machine),
        "figures": [_figure(f) for name, part in parts.items() for f in part.figures(runs[name])],
        "medians": {name: {contestant: _medians(done) for contestant, done in of.items()} for name, of in runs.items()},
        "runs": {
            name: {contestant: [asdict(run) for run in done] for contestant, done in of.items()}
            for name, of in runs.items()
        },
    }


def write(found: Mapping[str, Any], path: Path | None) -> None:
    """Write the JSON file, and table and picture beside it.

    Args:
        found: The result.
        path: The JSON file; None: `benchmarks/results/<rows>.json`.

    """
    path = path or ROOT / "results" / f"{found['machine']['rows']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Where the checkout lies is nobody's business and in no committed file.
    here = f"{Path(__file__).resolve().parents[1]}/"
    path.write_text(json.dumps(found, indent=1).replace(here, "") + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(found), encoding="utf-8")
    path.with_suffix(".svg").write_text(picture.bars(found), encoding="utf-8")


def markdown(found: Mapping[str, Any]) -> str:
    """Return the figures, the medians and the machine as Markdown."""
    machine = found["machine"]
    lines = [f"# {machine['rows']:,} rows of generated yellow taxi trips, medians of {machine['rounds']}", ""]
    lines += ["| figure | value | target | met |", "|---|---:|---:|:--|"]
    lines += [f"| {f['name']}{_note(f)} | {_value(f)} | {f['target']} | {_met(f['met'])} |" for f in found["figures"]]
    lines += [
        "",
        "| part | contestant | wall s | inside s | cpu s | peak MB | million rows/s |",
        "|---|---|" + "---:|" * 5,
    ]
    for part, contestants in found["medians"].items():
        for name, m in contestants.items():
            rate = m["rows"] / m["wall_seconds"] / 1e6
            lines.append(
                f"| {part} | {name} | {m['wall_seconds']:.2f} | {m['inside_seconds']:.2f} | {m['cpu_seconds']:.2f} "
                f"| {m['peak_mb']:.0f} | {rate:.2f} |"
            )
    lines += ["", "Wall: the whole process; inside: after imports; cpu and peak: the process, servers not included."]
    lines += ["", ", ".join(f"{key} {value}" for key, value in machine.items() if key != "rows"), ""]
    return "\n".join(lines)


def _figure(figure: Figure) -> dict[str, Any]:
    value = None if figure.value is None else round(figure.value, 3)
    return {
        "name": figure.name,
        "value": value,
        "unit": figure.unit.strip(),
        "target": figure.target,
        "met": figure.met,
        "note": figure.note,
    }


def _medians(done: Sequence[Run]) -> dict[str, float]:
    known = {field: measure.median(getattr(run, field) for run in done) or 0.0 for field in _MEDIANS}
    return {**known, "rows": done[-1].rows, "runs": len(done)}


def _note(figure: Mapping[str, Any]) -> str:
    return f" ({figure['note']})" if figure["note"] else ""


def _value(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    unit = f" {figure['unit']}" if figure["unit"] else " x"
    return f"{figure['value']:,.2f}{unit}"


def _met(met: bool | None) -> str:  # noqa: FBT001 - three answers, one argument
    return {True: "yes", False: "no", None: ""}[met]
