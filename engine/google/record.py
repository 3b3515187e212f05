"""The record of a lease (`engine.lease`) as an object: its generation is its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lease import Held

if TYPE_CHECKING:
    from engine.google.bucket import Bucket


class ObjectRecord:
    """See `engine.lease.Record`.

    Args:
        bucket: Where it is.
        path: Name of the object.

    """

    def __init__(self, bucket: Bucket, path: str) -> None:
        self._bucket, self._path = bucket, path

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return f"gs://{self._bucket.name}/{self._path}"

    def read(self) -> Held | None:
        """Return the record; None: there is none."""
        found = self._bucket.read(self._path)
        return Held(holder=found[0], version=str(found[1])) if found else None

    def swap(self, seen: Held | None, holder: str) -> Held | None:
        """Write the record if it is still the one that was seen."""
        written = self._bucket.write(self._path, holder, generation=int(seen.version) if seen else 0)
        return Held(holder=holder, version=str(written.generation)) if written else None

    def remove(self, seen: Held) -> None:
        """Remove the record if it is still the one that was seen."""
        self._bucket.remove(self._path, int(seen.version))
