"""Files that appear whole or not at all, and folders that are gone when they are no longer needed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def publish(work: Path, final: Path) -> None:
    """Move a finished file to its place so that it survives a crash of the machine, whole.

    POSIX `rename` replaces atomically; both the file and its folder are flushed, since either alone may be lost. So is
    every folder that gets a new one.
    """
    missing = [folder for folder in final.parents if not folder.exists()]
    final.parent.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        _flush(folder.parent)
    _flush(work)
    work.replace(final)
    _flush(final.parent)


class EarlyFlush:
    """Brings a growing file to the disk while more is written, so that the flush of `publish` finds little to do.

    It is no flush itself: nothing waits, and nothing is promised. Linux begins to write pages out when it is told that
    nobody needs them (posix_fadvise(2), POSIX_FADV_DONTNEED); those that are not on the disk yet stay in memory. Where
    the system has no such call, nothing happens.

    Args:
        path: The file; it exists.

    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._done = 0

    def begin(self) -> None:
        """Have what was appended since the last call written out."""
        end = os.fstat(self._handle).st_size
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._handle, self._done, end - self._done, os.POSIX_FADV_DONTNEED)
        self._done = end

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)


def write_text(path: Path, text: str, *, work: Path) -> None:
    """Write a small file by way of `work`, whole or not at all."""
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_text(text, encoding="utf-8")
    publish(work, path)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a small JSON file at once: a reader sees the old one or the new one."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(data), encoding="utf-8")
    beside.replace(path)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Make a folder for temporary files and remove it, with all that is in it, at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_scratch(parent: Path) -> Iterator[Path]:
    """Make a folder for temporary files of this process alone, gone at its end; those of dead processes go too.

    Its lock dies with the process, so a folder whose lock is free is a dead one's.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for lock in parent.glob("*.lock"):
        # Its owner may end, and remove it, between our look and our hand.
        with suppress(BlockingIOError, FileNotFoundError), lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    folder = parent / uuid.uuid4().hex
    with folder.with_suffix(".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
