"""The documents of a ledger in a bucket: `<prefix>/_engine/loads/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.google.bucket import Bucket


class BucketDocuments:
    """See `engine.ledger.documents.Documents`.

    Args:
        bucket: Where they are.
        prefix: Of the target: empty, or ends with a slash.

    """

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket, self._prefix = bucket, f"{prefix}_engine/loads/"

    @property
    def name(self) -> str:
        """Where they are, for people."""
        return f"gs://{self._bucket.name}/{self._prefix}"

    def read(self, name: str) -> str | None:
        """Return one text; None: there is none."""
        found = self._bucket.read(self._prefix + name)
        return found[0] if found else None

    def write(self, name: str, text: str) -> None:
        """Write or replace one text."""
        self._bucket.write(self._prefix + name, text)

    def under(self, prefix: str) -> Iterator[str]:
        """Yield the texts whose names begin so, in order of their names."""
        names = [stored.name for stored in self._bucket.under(self._prefix + prefix)]
        for text in self._bucket.read_all(names):
            if text is not None:
                yield text

    def any(self) -> bool:
        """Tell whether there is one."""
        return next(self._bucket.under(self._prefix), None) is not None
