"""Where dataset files are.

A name is looked up as a path (`./bikes.toml`), then in the folders of `ENGINE_DATASETS`, then among `engine/datasets`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from engine.catalog.declaration import read
from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.contract import Dataset

SHIPPED = Path(__file__).parents[1] / "datasets"


def find(name: str, folders: Sequence[Path] = ()) -> Dataset:
    """Return the dataset of that name or path.

    Args:
        name: A dataset's name, or the path of a TOML file (it ends in `.toml`).
        folders: Folders or files to look in before the shipped ones (`ENGINE_DATASETS`).

    Raises:
        UsageError: There is no such dataset, or its file is wrong.

    """
    if name.endswith(".toml"):
        return load(Path(name))
    known: dict[str, Path] = {}
    for path in paths(folders):
        known.setdefault(path.stem, path)
    if name not in known:
        message = f"there is no dataset {name!r}"
        raise UsageError(
            message,
            facts={"known": ", ".join(sorted(known))},
            next_step="name one of these, give the path of a TOML file, or set ENGINE_DATASETS to its folder",
        )
    return load(known[name])


def paths(folders: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield every dataset file, a user's own before the shipped ones."""
    for place in [*folders, SHIPPED]:
        yield from [place] if place.suffix == ".toml" else sorted(place.glob("*.toml"))


def load(path: Path) -> Dataset:
    """Read and check one dataset file.

    Raises:
        UsageError: It cannot be read, or says something that makes no sense; names the file and the key.

    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"dataset file cannot be read: {error}"
        raise UsageError(message, facts={"file": str(path)}) from error
    try:
        return read(data, str(path))
    except UsageError as error:
        raise error.within(subject="dataset file", file=str(path)) from None
    except (KeyError, TypeError, AttributeError) as error:
        message = f"dataset file: a key is missing or of the wrong type: {error}"
        raise UsageError(message, facts={"file": str(path)}) from error
