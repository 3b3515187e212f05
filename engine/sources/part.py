"""The part of a download that has arrived, and what it is a part of.

Bytes of two versions never mix: a part is emptied before the validators of another version are written beside it, so
whatever moment a process dies at, the validators on file are those of the bytes on file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from typing import TYPE_CHECKING

from engine import files
from engine.errors import EngineError
from engine.receipt import SourceInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from engine.sources.source import Fetched
    from engine.sources.spool import Entry

_WINDOW_BYTES = 1 << 20


class Part:
    """The bytes that have arrived, with their running checksum; a context manager, so that they are on file at its end.

    Args:
        entry: A locked entry.

    Raises:
        EngineError: The disk is full or fails; so do all methods.

    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.path = entry.folder / f"{entry.name}.part"
        self._record = entry.folder / f"{entry.name}.json"
        self._digest = hashlib.sha256()
        self.size = 0
        self.info: SourceInfo | None = None
        self.validator: str | None = None
        with _on_disk(self.path):
            self._take_up()
            self._file = self.path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _on_disk(self.path):
            self._file.close()

    def _take_up(self) -> None:
        """Go on with what an earlier run left; bytes whose version nobody knows are thrown away."""
        try:
            data = json.loads(self._record.read_text(encoding="utf-8"))
            self.info, self.validator = SourceInfo(**data["info"]), data["validator"]
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            while window := file.read(_WINDOW_BYTES):
                self._digest.update(window)
                self.size += len(window)

    def empty(self) -> None:
        """Forget everything: the next request asks for the whole file."""
        with _on_disk(self.path):
            self._file.truncate(0)
            self._record.unlink(missing_ok=True)
        self._digest, self.size, self.info, self.validator = hashlib.sha256(), 0, None, None

    def restart(self, info: SourceInfo, validator: str | None) -> None:
        """Begin a version of the file.

        Args:
            info: Its size and validators.
            validator: The strong one of them that `If-Range` may use; None: it cannot be continued after a cut.

        """
        self.empty()
        with _on_disk(self._record):
            files.write_json(self._record, {"info": dataclasses.asdict(info), "validator": validator})
        self.info, self.validator = info, validator

    def append(self, chunk: bytes) -> None:
        """Add bytes that arrived."""
        with _on_disk(self.path):
            self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> Fetched:
        """Make the complete part a file of the spool, safe against a power cut."""
        if self.info is None:
            message = "a part without validators is not complete"
            raise ValueError(message)
        info = dataclasses.replace(self.info, bytes=self.size, sha256=self._digest.hexdigest())
        with _on_disk(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            fetched = self._entry.keep(self.path, info)
            self._record.unlink(missing_ok=True)
        return fetched


@contextlib.contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    """Name the disk in what it fails with."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"the download cannot be written: {error.strerror}",
            facts={"file": str(path)},
            state="what has arrived stays in the spool",
            next_step="free space, or set ENGINE_HOME to a larger disk, then run the same command again",
        ) from error
