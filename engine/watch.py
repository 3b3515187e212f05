"""What a long step tells whoever watches: a progress bar, lines in a log, or nobody."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Somebody who watches."""

    def step(self, name: str, total_bytes: int | None = None) -> None:
        """A step begins; `total_bytes` is how much it will go through, where that is known."""

    def progress(self, bytes_done: int, rows: int = 0) -> None:
        """The step has come this far, both counted from its start."""

    def end(self) -> None:
        """The last step is over."""


class Nobody:
    """Watches nothing."""

    def step(self, name: str, total_bytes: int | None = None) -> None:
        """Do nothing."""

    def progress(self, bytes_done: int, rows: int = 0) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
