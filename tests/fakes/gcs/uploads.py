"""Uploads in one request: the bare content, or a multipart body of an object's resource and its content."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.fakes.gcs.calls import Refusal
from tests.fakes.gcs.conditions import of_query
from tests.fakes.gcs.content import Expected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.gcs.calls import Call
    from tests.fakes.gcs.objects import Store
    from tests.fakes.gcs.records import Record

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_MOST_METADATA = 1 << 20


def upload_media(store: Store, call: Call, bucket: str) -> Record:
    """Publish the body of `uploadType=media`."""
    attributes: dict[str, Any] = {"contentType": call.headers.get("Content-Type")}
    return _publish(store, call, bucket, attributes, call.body.windows())


def upload_multipart(store: Store, call: Call, bucket: str) -> Record:
    """Publish the second part of `uploadType=multipart`, with the resource that is the first (RFC 2387)."""
    boundary = boundary_of(call)
    windows = call.body.windows()
    head = b""
    while (found := _second_part(head)) is None:
        window = next(windows, b"")
        head += window
        if not window or len(head) > _MOST_METADATA + len(window):
            raise Refusal(400, "invalid", "Malformed multipart body.")
    resource, media_headers, content = found
    attributes = {"contentType": _content_type(media_headers), **resource}
    return _publish(store, call, bucket, attributes, _until(boundary, content, windows))


def boundary_of(call: Call) -> bytes:
    """Return the boundary of a multipart body."""
    found = _BOUNDARY.search(call.headers.get("Content-Type", ""))
    if found is None:
        raise Refusal(400, "invalid", "Multipart body without a boundary.")
    return found[1].encode()


def object_name(call: Call, resource: dict[str, Any]) -> str:
    """Return the name of the object to be; the query wins."""
    name = call.value("name") or resource.get("name")
    if not name:
        raise Refusal(400, "required", "Required object name.")
    return str(name)


def _publish(store: Store, call: Call, bucket: str, attributes: dict[str, Any], windows: Iterator[bytes]) -> Record:
    name, conditions = object_name(call, attributes), of_query(call)
    store.check(bucket, name, conditions)
    if encoding := call.value("contentEncoding"):
        attributes["contentEncoding"] = encoding
    content = store.shelf.keep(windows)
    try:
        Expected.of(attributes, call.headers).check(content)
    except Refusal:
        content.path.unlink()
        raise
    return store.publish(bucket, name, content, attributes, conditions)


def _second_part(head: bytes) -> tuple[dict[str, Any], str, bytes] | None:
    """Return the resource, the second part's headers, and what follows them; None: not all of it is there yet."""
    parts = _EMPTY_LINE.split(head, maxsplit=2)
    if len(parts) < 3:
        return None
    _, between, content = parts
    document, _, headers = between.decode().rstrip().partition("\n--")
    try:
        resource = json.loads(document)
    except ValueError as error:
        raise Refusal(400, "parseError", "Parse Error") from error
    return resource, headers, content


def _content_type(headers: str) -> str | None:
    found = re.search(r"^content-type:\s*(.+?)\s*$", headers, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else None


def _until(boundary: bytes, start: bytes, windows: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what comes before the closing boundary, which only the last bytes of the body can be."""
    keep = len(boundary) + 16
    held = start
    for window in windows:
        if len(window) <= keep:
            held += window
            continue
        yield held
        yield window[:-keep]
        held = window[-keep:]
    content, closing, _ = held.rpartition(b"--" + boundary + b"--")
    if not closing:
        raise Refusal(400, "invalid", "Malformed multipart body.")
    yield re.sub(rb"\r?\n\Z", b"", content, count=1)
