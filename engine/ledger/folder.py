"""The documents of a ledger in a folder: `<root>/_engine/loads/`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from engine import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FolderDocuments:
    """See `engine.ledger.documents.Documents`.

    Args:
        root: Folder of the target.

    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "_engine" / "loads"
        self._work = root / "_engine" / "work"

    @property
    def name(self) -> str:
        """Where they are, for people."""
        return str(self._folder)

    def read(self, name: str) -> str | None:
        """Return one text; None: there is none, or another engine replaces it at this moment."""
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / name).read_text(encoding="utf-8")
        return None

    def write(self, name: str, text: str) -> None:
        """Write or replace one text."""
        dataset, month, file = name.split("/")
        # The sink clears the month's work files by what their names begin with.
        files.write_text(self._folder / name, text, work=self._work / f"{dataset}-{month}-{file}")

    def under(self, prefix: str) -> Iterator[str]:
        """Yield the texts whose names begin so, in order of their names."""
        for path in sorted((self._folder / prefix).glob("**/*.json")):
            if (text := self.read(str(path.relative_to(self._folder)))) is not None:
                yield text

    def any(self) -> bool:
        """Tell whether there is one, or was."""
        return self._folder.exists()
