"""A folder of Parquet files: the folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from engine.errors import TargetUnreachable
from engine.setup.thing import Standing, Thing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.setup.thing import Asked


def steps(asked: Asked) -> Iterator[Thing]:
    """Make the folder, and below it one for each dataset and one for the engine."""
    url = asked.url
    root = Path(unquote(urlsplit(url).path) if url.startswith("file:") else url).absolute()
    for folder in (root, root / "_engine", *(root / dataset.name for dataset in asked.datasets)):
        yield Thing(what=f"folder {folder}", state=_made(folder, asked))


def _made(folder: Path, asked: Asked) -> Standing:
    try:
        if folder.is_dir():
            return Standing.THERE
        if not asked.dry_run:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = "the target folder cannot be made"
        raise TargetUnreachable(
            message,
            facts={"folder": str(folder), "reason": str(error)},
            state="what was made before this stays",
            next_step="see to its rights, or name another folder",
        ) from error
    return asked.made()
