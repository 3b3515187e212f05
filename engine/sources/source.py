"""What every source can do, and what it hands over.

A `Fetched` file holds the bytes as they were published (compressed where they are), all of them, and its `SourceInfo`
their size and checksum: what the ledger records is what was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.errors import BadInput

if TYPE_CHECKING:
    import os
    from pathlib import Path
    from typing import BinaryIO

    from engine.receipt import SourceInfo

# Called with the bytes so far and with the total, None where the server does not say.
Progress = Callable[[int, int | None], None]

# So much of the file at a time: small enough for a smooth progress bar, and large enough that it does not matter if
# another thread runs Python and lets go of the interpreter's lock only every 5 ms (`sys.getswitchinterval`).
_WINDOW_BYTES = 8 << 20


class Source(Protocol):
    """One month's file, wherever it is."""

    def look(self) -> SourceInfo:
        """Tell what is there, without reading it: one HEAD request or one stat.

        Returns:
            `url`, and `bytes`, `etag` and `last_modified` where they are known; no `sha256`.

        Raises:
            NotPublished: The place is there and has no such month.
            SourceUnreachable: The server did not answer as it should.
            UsageError: The place itself does not exist or cannot be read.

        """
        ...

    def fetch(self, seen: SourceInfo, progress: Progress) -> Fetched:
        """Make it a local file.

        Args:
            seen: What `look` of this source returned.
            progress: Called as bytes arrive or are read.

        Raises:
            NotPublished: It has gone since it was seen.
            SourceUnreachable: The server did not deliver it.
            BadInput: Its bytes are not the announced ones, or it changed while it was read.

        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A local file to read.

    Attributes:
        path: The file.
        info: What it is, with `bytes` and `sha256`.
        temporary: Whether it lies in the spool and `discard` removes it; a user's own file is never removed.
        on_done: Ends its use; its argument tells whether the file is still wanted.

    """

    path: Path
    info: SourceInfo
    temporary: bool
    on_done: Callable[[bool], None] | None = None

    def discard(self) -> None:
        """Remove the spooled file, unless another engine reads it; a user's own file stays. Can be called twice."""
        if self.on_done is not None:
            self.on_done(False)  # noqa: FBT003 - the one argument of the callable

    def release(self) -> None:
        """End its use and leave it in the spool, for a next try without a download."""
        if self.on_done is not None:
            self.on_done(True)  # noqa: FBT003 - the one argument of the callable

    def verify_unchanged(self) -> None:
        """Make sure, after the file was decoded, that it is still the one whose checksum was taken.

        Raises:
            BadInput: It was changed, replaced or removed in the meantime.

        """
        if self.temporary:
            return  # nobody else writes in the spool
        try:
            now = version(self.path.stat())
        except OSError as error:
            raise changed(self.path) from error
        if now != self.info.etag:
            raise changed(self.path)


def version(status: os.stat_result) -> str:
    """Return what tells two versions of a local file apart, as an ETag does: size and time of change, in hex."""
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"


def changed(path: Path) -> BadInput:
    """Return the error for a file that did not stay the same while it was read."""
    return BadInput(
        "the file changed while it was read",
        facts={"file": str(path)},
        next_step="wait until whatever writes it is done, then run the same command again",
    )


def sha256(file: BinaryIO, progress: Progress, total: int | None) -> str:
    """Return the hex digest of the rest of a file, in bounded memory."""
    digest, done = hashlib.sha256(), 0
    window = memoryview(bytearray(_WINDOW_BYTES))
    while count := file.readinto(window):  # type: ignore[attr-defined]  # typeshed's BinaryIO lacks it
        digest.update(window[:count])
        done += count
        progress(done, total)
    return digest.hexdigest()
