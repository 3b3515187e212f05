"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def publish(work: Path, final: Path) -> None:
    """Move a finished file to its place so that it survives a crash of the machine, whole.

    POSIX `rename` replaces atomically; both the file and its folder are flushed, since either alone may be lost.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _flush(work)
    work.replace(final)
    _flush(final.parent)


def write_text(path: Path, text: str, *, work: Path) -> None:
    """Write a small file by way of `work`, whole or not at all."""
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_text(text, encoding="utf-8")
    publish(work, path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
