"""The words between a connection and an API: a call, its body as it streams in, a reply, a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Mapping
    from email.message import Message

WINDOW = 1 << 20  # bytes that a transfer holds at a time
_BODYLESS = (204, 304)


class ConnectionLost(Exception):
    """The client, or a fault, ended the connection before the body was complete."""


class Refusal(Exception):
    """An answer that is not a success.

    Attributes:
        status: HTTP status.
        reason: The JSON API's word for it.
        message: The text for people.
        location: Which header or parameter is to blame; empty: none.
        headers: More headers of the answer.

    """

    def __init__(
        self, status: int, reason: str, message: str, *, location: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.location = location
        self.headers = dict(headers or {})


def invalid(message: str) -> Refusal:
    """Return the refusal of a request that makes no sense."""
    return Refusal(400, "invalid", message)


class Body:
    """The body of a request, to be read once.

    Args:
        stream: Where it comes from.
        length: Its bytes as announced; None: it comes in chunks (RFC 9112, 7.1).
        cut_after: End as if the connection broke after so many bytes; None: do not.

    """

    def __init__(self, stream: io.BufferedIOBase, length: int | None, cut_after: int | None = None) -> None:
        self.length = length
        self.received = 0
        self._stream = stream
        self._cut_after = cut_after
        self._window = bytearray(min(WINDOW, WINDOW if length is None else length))
        self._segments = self._lengths()
        self._left = 0

    def windows(self) -> Iterator[bytes]:
        """Yield what has not been read yet, at most `WINDOW` bytes at a time.

        Raises:
            ConnectionLost: It ended too early; what had arrived was yielded before.

        """
        while self._left or (left := next(self._segments, 0)):
            self._left = self._left or left
            want = min(self._left, WINDOW)
            if self._cut_after is not None:
                want = min(want, self._cut_after - self.received)
            window = self._fill(want)
            self._left -= len(window)
            self.received += len(window)
            if window:
                yield window
            if len(window) < want or self.received == self._cut_after:
                raise ConnectionLost

    def read(self) -> bytes:
        """Return all that is left, for bodies that are known to be small."""
        return b"".join(self.windows())

    def drain(self) -> None:
        """Read what is left and forget it, so that the connection can serve the next request."""
        for _ in self.windows():
            pass

    def _fill(self, want: int) -> bytes:
        view, filled = memoryview(self._window), 0
        while filled < want:
            try:
                count = self._stream.readinto1(view[filled:want])
            except OSError:
                break
            if not count:
                break
            filled += count
        return bytes(view[:filled])

    def _lengths(self) -> Iterator[int]:
        if self.length is not None:
            yield self.length
            return
        while length := int(self._stream.readline().partition(b";")[0] or b"0", 16):
            yield length
            self._stream.readline()
        while self._stream.readline().strip():
            pass  # trailers


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request as an API sees it.

    Attributes:
        method: HTTP method.
        target: Path and query as sent.
        headers: Header fields; names in any case are found.
        body: Its body.

    """

    method: str
    target: str
    headers: Message[str, str]
    body: Body

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    def values(self, name: str) -> list[str]:
        """Return all values of a query parameter."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True).get(name, [])

    def value(self, name: str) -> str | None:
        """Return the first value of a query parameter; None: it is not there."""
        return next(iter(self.values(name)), None)

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object; an empty body is an empty one."""
        try:
            content = json.loads(self.body.read() or b"{}")
        except ValueError as error:
            raise Refusal(400, "parseError", "Parse Error") from error
        if not isinstance(content, dict):
            raise Refusal(400, "parseError", "Parse Error")
        return content


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """A part of an open file, which the connection sends and closes."""

    file: BinaryIO
    start: int
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer; `body` may be a part of a file, which is never in memory."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Slice = b""

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.body.length if isinstance(self.body, Slice) else len(self.body)

    @property
    def has_body(self) -> bool:
        """Whether a body, also an empty one, belongs to this status."""
        return self.status not in _BODYLESS


def json_reply(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply of JSON."""
    head = {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}
    return Reply(status=status, headers=head, body=json.dumps(content).encode())


def json_refusal(refusal: Refusal) -> Reply:
    """Return a refusal as the JSON API words it."""
    if refusal.status == 304:
        return Reply(status=304, headers=refusal.headers)
    detail = {"message": refusal.message, "domain": "global", "reason": refusal.reason}
    if refusal.location:
        detail |= {"locationType": "header", "location": refusal.location}
    error = {"code": refusal.status, "message": refusal.message, "errors": [detail]}
    return json_reply({"error": error}, status=refusal.status, headers=refusal.headers)
