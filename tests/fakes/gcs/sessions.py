"""Resumable uploads: sessions that outlive connections, as the JSON API has them.

https://cloud.google.com/storage/docs/performing-resumable-uploads: bytes are kept in multiples of 256 KiB, 308 tells
how many; preconditions hold at the start and again at the end; a session that has ended well answers with its object
from then on, so that a client that missed the answer finds it.
"""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes.gcs.calls import Refusal, Reply, invalid, json_reply
from tests.fakes.gcs.conditions import of_query
from tests.fakes.gcs.content import Expected
from tests.fakes.gcs.records import Record
from tests.fakes.gcs.uploads import object_name

if TYPE_CHECKING:
    from tests.fakes.gcs.calls import Body, Call
    from tests.fakes.gcs.conditions import Conditions
    from tests.fakes.gcs.objects import Store

QUANTUM = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenUpload:
    """An upload that was begun and has neither ended nor been cancelled.

    Attributes:
        kind: Of the JSON or of the XML API.
        upload_id: Its id.
        bucket: Where its object is to be.
        name: The name that its object is to have.
        received: Bytes that are kept.

    """

    kind: Literal["resumable", "multipart"]
    upload_id: str
    bucket: str
    name: str
    received: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Range:
    """What one request brings.

    Attributes:
        start: Offset of its first byte; None: it asks for the state.
        total: Bytes of the whole object; None: not known.
        is_all: Whether nothing follows, though nobody knows how much it is.

    """

    start: int | None
    total: int | None
    is_all: bool = False


class Session:
    """One upload; its lock is its own.

    Args:
        store: Where the object goes.
        bucket: Its bucket.
        name: Its name.
        attributes: The resource as sent at the start.
        conditions: Preconditions, checked again at the end.

    """

    def __init__(
        self, store: Store, bucket: str, name: str, attributes: dict[str, Any], conditions: Conditions
    ) -> None:
        self.id = uuid.uuid4().hex
        self._store = store
        self._bucket = bucket
        self._name = name
        self._attributes = attributes
        self._conditions = conditions
        self._incoming = store.shelf.begin()
        self._outcome: Record | Refusal | None = None
        self._lock = threading.Lock()

    def state(self) -> OpenUpload | None:
        """Return what is known of it; None: it has ended."""
        if self._outcome is not None:
            return None
        return OpenUpload(
            kind="resumable",
            upload_id=self.id,
            bucket=self._bucket,
            name=self._name,
            received=self._incoming.size,
        )

    def cancel(self) -> Reply:
        """End it without an object."""
        with self._lock:
            if self._outcome is None:
                self._incoming.discard()
                self._outcome = Refusal(410, "gone", "The upload was cancelled.")
        return Reply(status=499)

    def receive(self, call: Call) -> Record | None:
        """Take a chunk or a question; return the object if that was all, None if more is to come."""
        with self._lock:
            if isinstance(self._outcome, Record):
                call.body.drain()
                return self._outcome
            if self._outcome is not None:
                raise self._outcome
            asked = _content_range(call)
            if asked.start is not None:
                self._append(call.body, asked.start)
            complete = asked.is_all or asked.total == self._incoming.size
            return self._finish(call) if complete else None

    def unfinished(self) -> Reply:
        """Return 308 (Resume Incomplete) with the range that is kept."""
        kept = {"Range": f"bytes=0-{self._incoming.size - 1}"} if self._incoming.size else {}
        return Reply(status=308, headers={**kept, "X-GUploader-UploadID": self.id})

    def discard(self) -> None:
        """Forget what was received."""
        if self._outcome is None:
            self._incoming.discard()

    def _append(self, body: Body, start: int) -> None:
        """Append what is not there yet; of a connection that breaks, whole multiples of 256 KiB stay."""
        if start > self._incoming.size:
            message = (
                f"Invalid request. According to the Content-Range header, the upload offset is {start} byte(s), "
                f"which exceeds already uploaded size of {self._incoming.size} byte(s)."
            )
            raise Refusal(503, "backendError", message)
        known, rest = self._incoming.size - start, b""
        for window in body.windows():  # where it raises, what is held as `rest` is dropped
            fresh = rest + window[known:]
            known = max(known - len(window), 0)
            whole = max(len(fresh) - (self._incoming.size + len(fresh)) % QUANTUM, 0)
            if whole:
                self._incoming.write(fresh[:whole])
            rest = fresh[whole:]
        if rest:
            self._incoming.write(rest)

    def _finish(self, call: Call) -> Record:
        content = self._incoming.finish()
        try:
            try:
                Expected.of(self._attributes, call.headers).check(content)
            except Refusal:
                content.path.unlink()
                raise
            record = self._store.publish(self._bucket, self._name, content, self._attributes, self._conditions)
        except Refusal as refusal:
            self._outcome = refusal
            raise
        self._outcome = record
        return record


class Sessions:
    """All resumable uploads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def start(self, call: Call, bucket: str, base_url: str) -> Reply:
        """Begin a session, and tell where it is."""
        resource = call.json()
        name, conditions = object_name(call, resource), of_query(call)
        self._store.check(bucket, name, conditions)
        attributes = {"contentType": call.headers.get("X-Upload-Content-Type"), **resource}
        session = Session(self._store, bucket, name, attributes, conditions)
        with self._lock:
            self._sessions[session.id] = session
        location = f"{base_url}{call.target}&upload_id={session.id}"
        return Reply(headers={"Location": location, "X-GUploader-UploadID": session.id})

    def go_on(self, call: Call, base_url: str) -> Reply:
        """Answer a request to a session."""
        with self._lock:
            session = self._sessions.get(call.value("upload_id") or "")
        if session is None:
            raise Refusal(404, "notFound", "Not Found")
        if call.method == "DELETE":
            return session.cancel()
        record = session.receive(call)
        return session.unfinished() if record is None else json_reply(record.resource(base_url))

    def open(self) -> list[OpenUpload]:
        """Return those that have not ended."""
        with self._lock:
            states = [session.state() for session in self._sessions.values()]
        return [state for state in states if state is not None]

    def close(self) -> None:
        """Forget what unfinished ones received."""
        with self._lock:
            for session in self._sessions.values():
                session.discard()


def _content_range(call: Call) -> _Range:
    """Read Content-Range (RFC 9110, 14.4); without one, the body is the whole object."""
    length = call.body.length
    text = call.headers.get("Content-Range")
    if text is None:
        return _Range(start=0, total=length, is_all=True)
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None:
        raise invalid(f"Failed to parse Content-Range header: {text}")
    total = None if found[3] == "*" else int(found[3])
    if found[1] is None:
        return _Range(start=None, total=total)
    start, end = int(found[1]), int(found[2]) + 1
    if length is not None and end - start != length:
        raise invalid(f"The Content-Range {text} does not fit a body of {length} bytes.")
    if end != total and (end - start) % QUANTUM:
        message = (
            f"Invalid request.  The number of bytes uploaded is required to be equal or greater than {QUANTUM}, "
            f"except for the final request (it's recommended to be the exact multiple of {QUANTUM}).  "
            f"The received request contained {end - start} bytes, which does not meet this requirement."
        )
        raise invalid(message)
    return _Range(start=start, total=total)
