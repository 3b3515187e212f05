"""The store: buckets and the live objects in them, each change under one lock that is never held while bytes move.

An object appears whole or not at all, and the next listing shows it. The file of an object that was replaced or deleted
goes away, but whoever has opened it reads on.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from tests.fakes.gcs.calls import Refusal
from tests.fakes.gcs.conditions import Conditions
from tests.fakes.gcs.records import Bucket, Record, merged, writable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.gcs.access import Access
    from tests.fakes.gcs.content import Content, Shelf

ANY = Conditions()


class Store:
    """All buckets.

    Args:
        shelf: Where content lies.
        access: Asked where the answer depends on what exists.

    """

    def __init__(self, shelf: Shelf, access: Access) -> None:
        self.shelf = shelf
        self._access = access
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._generation = 0

    # --- buckets

    def buckets(self) -> list[Bucket]:
        """Return all buckets by name."""
        with self._lock:
            return [self._buckets[name] for name in sorted(self._buckets)]

    def bucket(self, name: str, conditions: Conditions = ANY) -> Bucket:
        """Return a bucket."""
        with self._lock:
            bucket = self._bucket(name)
            conditions.check_read(bucket)
            return bucket

    def create_bucket(self, name: str, settings: Mapping[str, Any]) -> Bucket:
        """Create a bucket, whose resource keeps all that was sent."""
        with self._lock:
            if name in self._buckets:
                message = "Your previous request to create the named bucket succeeded and you already own it."
                raise Refusal(409, "conflict", message)
            self._buckets[name] = bucket = Bucket(name=name, settings=dict(settings))
            return bucket

    def change_bucket(
        self, name: str, changes: Mapping[str, Any], conditions: Conditions, *, replace: bool = False
    ) -> Bucket:
        """Merge changes into a bucket's resource, or replace it."""
        with self._lock:
            bucket = self._bucket(name)
            conditions.check_write(bucket)
            bucket.settings = dict(changes) if replace else merged(bucket.settings, changes)
            bucket.metageneration += 1
            bucket.updated = time.time()
            return bucket

    def delete_bucket(self, name: str, conditions: Conditions) -> None:
        """Delete an empty bucket."""
        with self._lock:
            bucket = self._bucket(name)
            conditions.check_write(bucket)
            if bucket.objects:
                raise Refusal(409, "conflict", "The bucket you tried to delete is not empty.")
            del self._buckets[name]

    # --- objects

    def objects(self, bucket: str) -> list[Record]:
        """Return the live objects of a bucket in the order of their names' UTF-8 bytes."""
        with self._lock:
            objects = self._bucket(bucket).objects
            return [objects[name] for name in sorted(objects, key=str.encode)]

    def find(self, bucket: str, name: str, *, generation: int | None = None, conditions: Conditions = ANY) -> Record:
        """Return a live object."""
        with self._lock:
            record = self._find(bucket, name, generation)
            conditions.check_read(record)
            return record

    def open(
        self, bucket: str, name: str, *, generation: int | None = None, conditions: Conditions = ANY
    ) -> tuple[Record, BinaryIO]:
        """Return a live object and its bytes, which stay readable whatever happens to it."""
        with self._lock:
            record = self._find(bucket, name, generation)
            conditions.check_read(record)
            return record, record.content.path.open("rb", buffering=0)

    def check(self, bucket: str, name: str, conditions: Conditions) -> None:
        """Refuse what could not be published now."""
        with self._lock:
            conditions.check_write(self._bucket(bucket).objects.get(name))

    def publish(
        self,
        bucket: str,
        name: str,
        content: Content,
        attributes: Mapping[str, Any],
        conditions: Conditions,
        *,
        trusted: bool = False,
    ) -> Record:
        """Make content the live object of a name; it goes away where that is refused.

        Replacing an object needs the permission to delete it, unless the caller is trusted.
        """
        try:
            with self._lock:
                objects = self._bucket(bucket).objects
                old = objects.get(name)
                conditions.check_write(old)
                if old is not None and not trusted:
                    self._access.require("storage.objects.delete")
                now = time.time()
                objects[name] = record = Record(
                    bucket=bucket,
                    name=name,
                    generation=self._next_generation(),
                    content=content,
                    attributes=writable(attributes),
                    created=now,
                    updated=now,
                )
        except Refusal:
            content.path.unlink()
            raise
        if old is not None:
            old.content.path.unlink()
        return record

    def change(
        self, bucket: str, name: str, changes: Mapping[str, Any], conditions: Conditions, *, replace: bool = False
    ) -> Record:
        """Merge changes into an object's metadata, or replace it; the content stays."""
        with self._lock:
            old = self._find(bucket, name, None)
            conditions.check_write(old)
            attributes = writable(changes) if replace else writable(merged(old.attributes, changes))
            record = dataclasses.replace(
                old, attributes=attributes, metageneration=old.metageneration + 1, updated=time.time()
            )
            self._bucket(bucket).objects[name] = record
            return record

    def delete(self, bucket: str, name: str, conditions: Conditions, *, generation: int | None = None) -> None:
        """Delete a live object."""
        with self._lock:
            record = self._find(bucket, name, generation)
            conditions.check_write(record)
            del self._bucket(bucket).objects[name]
        record.content.path.unlink()

    def copy(
        self, bucket: str, name: str, conditions: Conditions, *, generation: int | None = None
    ) -> tuple[Record, Content]:
        """Return a live object, and its content once more for `publish`."""
        with self._lock:
            record = self._find(bucket, name, generation)
            conditions.check_write(record)
            return record, self.shelf.link(record.content)

    # --- the lock is held

    def _bucket(self, name: str) -> Bucket:
        try:
            return self._buckets[name]
        except KeyError:
            raise Refusal(404, "notFound", "The specified bucket does not exist.") from None

    def _find(self, bucket: str, name: str, generation: int | None) -> Record:
        record = self._bucket(bucket).objects.get(name)
        if record is None or generation not in (None, record.generation):
            raise self._access.missing(bucket, name)
        return record

    def _next_generation(self) -> int:
        self._generation = max(self._generation + 1, time.time_ns() // 1000)
        return self._generation
