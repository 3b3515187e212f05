"""Files of this machine: read where they are, never copied, never changed.

A file that changes while it is read fails the month: its version (size and time of change) is compared before and after
the checksum is taken, and once more by the flow when everything is decoded (`Fetched.verify_unchanged`).
"""

from __future__ import annotations

import dataclasses
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import NotPublished, SourceUnreachable, UsageError
from engine.receipt import SourceInfo
from engine.sources.source import Fetched, changed, sha256, version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.sources.source import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A month in a folder, or a file named by its path.

    Attributes:
        place: The folder or the file.
        names: What the month's file may be called in a folder, the preferred name first.
        named_by_month: Whether `place` came from a template: then its absence is a month that is not published, and not
            a mistyped path.

    """

    place: Path
    names: Sequence[str]
    named_by_month: bool = False

    @property
    def urls(self) -> tuple[str, ...]:
        """What `look` may say of where the file is."""
        return tuple(str(_whole(path)) for path in (self.place, *(self.place / name for name in self.names)))

    def look(self) -> SourceInfo:
        """Tell what is there, for one stat a candidate."""
        path, status = self._find()
        if not stat.S_ISREG(status.st_mode):
            message = "this is neither a file nor a folder"
            raise UsageError(message, facts={"path": str(path)})
        return _info(path, status)

    def fetch(self, seen: SourceInfo, progress: Progress) -> Fetched:
        """Read the file once for its checksum; nothing is copied."""
        path = Path(seen.url)
        try:
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                digest = sha256(file, progress, before.st_size)
            after = path.stat()
        except FileNotFoundError as error:
            raise changed(path) from error
        except PermissionError as error:
            raise _unreadable(path, error) from error
        except OSError as error:
            raise SourceUnreachable(f"the file cannot be read: {error.strerror}", facts={"file": str(path)}) from error
        if version(before) != version(after):
            raise changed(path)
        return Fetched(path=path, info=dataclasses.replace(_info(path, before), sha256=digest), temporary=False)

    def _find(self) -> tuple[Path, os.stat_result]:
        if (status := _stat(self.place)) is None:
            raise self._missing()
        if not stat.S_ISDIR(status.st_mode):
            return _whole(self.place), status
        for name in self.names:
            if (found := _stat(self.place / name)) is not None:
                return _whole(self.place / name), found
        message = "the folder has no such month"
        raise NotPublished(message, facts={"folder": str(self.place), "looked": ", ".join(self.names)})

    def _missing(self) -> NotPublished | UsageError:
        if self.named_by_month and self.place.parent.is_dir():
            return NotPublished("there is no file for this month", facts={"file": str(self.place)})
        return UsageError(
            "there is no such file or folder",
            facts={"path": str(self.place)},
            next_step="check --from",
        )


def _whole(path: Path) -> Path:
    """Return the absolute path links in its folders resolved; a link's own name stays: it says the format."""
    return path.parent.resolve() / path.name


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UsageError:
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"this cannot be read: {reason}", facts={"path": str(path)})


def _info(path: Path, status: os.stat_result) -> SourceInfo:
    return SourceInfo(url=str(path), bytes=status.st_size, etag=version(status))
