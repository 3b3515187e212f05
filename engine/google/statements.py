"""SQL lives in named `.sql` files; names are quoted by whoever fills them in, values are parameters."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Statements:
    """The statements of one folder.

    Args:
        folder: Folder of `NAME.sql` files with `{placeholders}` for names and `@name` for values.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str, **parts: str) -> str:
        """Return the statement of that name with its placeholders filled in."""
        return _read(self._folder / f"{name}.sql").format(**parts)


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
