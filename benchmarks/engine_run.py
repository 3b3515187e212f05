"""The engine as its users run it: one process a month, its own receipt as the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.database import SCHEMA
from benchmarks.place import MONTH, engine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.measure import Run
    from benchmarks.place import Workplace


def ingest(
    work: Workplace,
    folder: Path,
    target: str,
    dataset: str = "yellow",
    month: str = MONTH,
    *,
    variables: Mapping[str, str] | None = None,
) -> Run:
    """Run `engine ingest` on the month in `folder`; the time inside is the receipt's, after imports."""
    command = [*engine(), "ingest", dataset, month, "--from", str(folder), "--to", target]
    schema = ["--schema", SCHEMA] if target.startswith("postgresql:") else []
    return measure.run([*command, *schema, "--output", "json", "--quiet"], {**work.environment, **(variables or {})})
