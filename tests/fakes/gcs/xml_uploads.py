"""Multipart uploads of the XML API (https://cloud.google.com/storage/docs/multipart-uploads).

Parts come in any order and at the same time; the object appears when they are put together. As at Google, such a
request knows no preconditions, and the object has no MD5.
"""

from __future__ import annotations

import base64
import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.gcs.calls import Refusal, Reply, invalid
from tests.fakes.gcs.conditions import Conditions, of_headers
from tests.fakes.gcs.content import Expected, windows_of
from tests.fakes.gcs.sessions import OpenUpload
from tests.fakes.gcs.xml_words import completed, initiated

if TYPE_CHECKING:
    from tests.fakes.gcs.calls import Call
    from tests.fakes.gcs.content import Content
    from tests.fakes.gcs.objects import Store

_LEAST_PART = 5 << 20  # but for the last
_MOST_PARTS = 10_000
_PART = re.compile(r"<PartNumber>\s*(\d+)\s*</PartNumber>")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Upload:
    bucket: str
    name: str
    attributes: dict[str, Any]
    parts: dict[int, Content] = field(default_factory=dict)


class MultipartUploads:
    """All multipart uploads; the lock guards the tables, never a transfer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}

    def start(self, call: Call, bucket: str, name: str, attributes: dict[str, Any]) -> Reply:
        """Begin an upload."""
        _refuse_conditions(call)
        self._store.bucket(bucket)
        upload_id = uuid.uuid4().hex
        with self._lock:
            self._uploads[upload_id] = _Upload(bucket=bucket, name=name, attributes=attributes)
        return initiated(bucket, name, upload_id)

    def part(self, call: Call) -> Reply:
        """Keep a part; one that comes again replaces the one before."""
        self._find(call)
        number = int(call.value("partNumber") or 0)
        if not 1 <= number <= _MOST_PARTS:
            raise invalid(f"Part number must be an integer between 1 and {_MOST_PARTS}, inclusive.")
        content = self._store.shelf.keep(call.body.windows())
        try:
            Expected.of({}, call.headers).check(content)
            with self._lock:
                upload = self._uploads.get(call.value("uploadId") or "")
                if upload is None:
                    raise _gone()
                old = upload.parts.get(number)
                upload.parts[number] = content
        except Refusal:
            content.path.unlink()
            raise
        if old is not None:
            old.path.unlink()
        return Reply(headers={"ETag": _etag(content), "X-Goog-Hash": f"crc32c={content.crc32c},md5={content.md5}"})

    def complete(self, call: Call) -> Reply:
        """Put the parts that the request names together, in its order, and publish the object."""
        _refuse_conditions(call)
        upload = self._find(call)
        numbers = [int(number) for number in _PART.findall(call.body.read().decode())]
        if not numbers or numbers != sorted(set(numbers)) or not set(numbers) <= set(upload.parts):
            raise Refusal(400, "InvalidPart", "One or more of the specified parts could not be found.")
        parts = [upload.parts[number] for number in numbers]
        if any(part.size < _LEAST_PART for part in parts[:-1]):
            raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum object size.")
        content = self._store.shelf.keep(windows_of(part.path for part in parts), with_md5=False)
        record = self._store.publish(upload.bucket, upload.name, content, upload.attributes, Conditions())
        self.abort(call)
        return completed(record)

    def abort(self, call: Call) -> Reply:
        """Forget an upload and its parts."""
        with self._lock:
            upload = self._uploads.pop(call.value("uploadId") or "", None)
        if upload is None:
            raise _gone()
        for part in upload.parts.values():
            part.path.unlink()
        return Reply(status=204)

    def open(self) -> list[OpenUpload]:
        """Return those that have not ended."""
        with self._lock:
            return [
                OpenUpload(
                    kind="multipart",
                    upload_id=upload_id,
                    bucket=upload.bucket,
                    name=upload.name,
                    received=sum(part.size for part in upload.parts.values()),
                )
                for upload_id, upload in self._uploads.items()
            ]

    def _find(self, call: Call) -> _Upload:
        with self._lock:
            upload = self._uploads.get(call.value("uploadId") or "")
        if upload is None:
            raise _gone()
        return upload


def _refuse_conditions(call: Call) -> None:
    if of_headers(call.headers).given:
        raise Refusal(400, "invalid", "Preconditions are not supported for XML multipart uploads.")


def _gone() -> Refusal:
    return Refusal(404, "NoSuchUpload", "The requested upload was not found.")


def _etag(content: Content) -> str:
    return f'"{base64.b64decode(content.md5 or "").hex()}"'
