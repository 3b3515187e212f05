"""SQL lives in named `.sql` files; identifiers are quoted here and nowhere else, values are always parameters."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from pathlib import Path


def quoted(*parts: str) -> sql.Identifier:
    """Return an identifier, qualified where it has several parts, that is quoted whatever its text."""
    return sql.Identifier(*parts)


class Statements:
    """The statements of one folder.

    Args:
        folder: Folder of `NAME.sql` files with `{placeholders}` for identifiers and `%(name)s` for values.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str, **parts: sql.Composable) -> sql.Composed:
        """Return the statement of that name with its identifiers filled in."""
        return sql.SQL(_read(self._folder / f"{name}.sql")).format(**parts)


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
