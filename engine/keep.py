"""The published file, kept in a bucket as it was downloaded, to be read again when its publisher is gone.

An object is written over only in the generation in which it was seen, and left alone where it holds these bytes.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from engine.errors import Busy, EngineError
from engine.google.bucket import Bucket, file_crc32c
from engine.google.failures import answering
from engine.targets.bucket import parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.google.bucket import Stored
    from engine.settings import Cloud


def keep(path: Path, url: str, cloud: Cloud, progress: Callable[[int], None] = lambda _: None) -> str:
    """Make sure that a bucket has a file, under its own name.

    Args:
        path: The file.
        url: `gs://BUCKET/PREFIX`.
        cloud: Who writes, and where that is.
        progress: Told the bytes that are sent.

    Returns:
        The object's URL.

    Raises:
        UsageError: There is no such bucket, or it is no such URL.
        Unreachable: The service does not answer, or does not let this account write.
        Busy: Somebody else writes the object at this moment.

    """
    name, prefix = parts(url)
    kept = f"gs://{name}/{quote(prefix + path.name)}"
    try:
        with answering(url), closing(Bucket(name, cloud)) as bucket:
            seen = bucket.find(prefix + path.name)
            if not _same(seen, path):
                generation = seen.generation if seen else 0
                written = bucket.upload(path, prefix + path.name, generation=generation, progress=progress)
                # Two engines may keep one file at once; it is the same whoever was first.
                if written is None and not _same(bucket.find(prefix + path.name), path):
                    raise _changed(kept)
    except EngineError as error:
        error.within(subject="the published file could not be kept")
        raise
    return kept


def _same(stored: Stored | None, path: Path) -> bool:
    return stored is not None and stored.size == path.stat().st_size and stored.crc32c == file_crc32c(path)


def _changed(kept: str) -> Busy:
    message = "somebody else wrote another file there at the same time"
    return Busy(message, facts={"object": kept}, next_step="see who else keeps files there, then run it again")
