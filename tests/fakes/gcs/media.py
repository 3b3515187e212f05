"""Downloads: an object's bytes, whole or a range of them, with the headers that clients check."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.fakes.gcs.calls import Refusal, Reply, Slice

if TYPE_CHECKING:
    from tests.fakes.gcs.calls import Call
    from tests.fakes.gcs.conditions import Conditions
    from tests.fakes.gcs.objects import Store
    from tests.fakes.gcs.records import Record

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_HEADERS = {
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
    "contentEncoding": "Content-Encoding",
    "contentLanguage": "Content-Language",
}


def download(store: Store, call: Call, bucket: str, name: str, conditions: Conditions) -> Reply:
    """Return an object's bytes, or those that Range asks for (RFC 9110, 14.2)."""
    generation = call.value("generation")
    record, file = store.open(bucket, name, generation=int(generation) if generation else None, conditions=conditions)
    try:
        _check_tags(call, record)
        asked = _range(call.headers.get("Range", ""), record.size)
    except Refusal:
        file.close()
        raise
    headers = described(record)
    begin, end = asked or (0, record.size)
    if asked:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{record.size}"
    part = Slice(file=file, start=begin, length=end - begin)
    return Reply(status=206 if asked else 200, headers=headers, body=part)


def described(record: Record) -> dict[str, str]:
    """Return what the headers of a download say of an object."""
    hashes = f"crc32c={record.crc32c}" + (f",md5={record.md5}" if record.md5 else "")
    known = {
        "Content-Type": record.content_type,
        "Accept-Ranges": "bytes",
        "ETag": f'"{record.etag}"',
        "Last-Modified": formatdate(record.updated, usegmt=True),
        "X-Goog-Generation": str(record.generation),
        "X-Goog-Metageneration": str(record.metageneration),
        "X-Goog-Stored-Content-Length": str(record.size),
        "X-Goog-Stored-Content-Encoding": str(record.attributes.get("contentEncoding", "identity")),
        "X-Goog-Hash": hashes,
        "X-Goog-Storage-Class": str(record.attributes.get("storageClass", "STANDARD")),
    }
    own = {f"X-Goog-Meta-{key}": value for key, value in record.metadata.items()}
    chosen = {header: str(record.attributes[key]) for key, header in _HEADERS.items() if key in record.attributes}
    return {**known, **own, **chosen}


def _check_tags(call: Call, record: Record) -> None:
    wanted, unwanted = call.headers.get("If-Match"), call.headers.get("If-None-Match")
    if wanted not in (None, "*", f'"{record.etag}"'):
        raise Refusal(412, "conditionNotMet", "Precondition Failed", location="If-Match")
    if unwanted in ("*", f'"{record.etag}"'):
        raise Refusal(304, "notModified", "Not Modified")


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Return first and after-last byte; None: no range, or one that is not understood, which means the whole."""
    found = _RANGE.fullmatch(text)
    if found is None or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    begin = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if begin >= end:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Refusal(416, "requestedRangeNotSatisfiable", "Request range not satisfiable", headers=headers)
    return begin, end
