"""Faults that fake servers commit when told: what goes wrong, at which request, and how often.

A server asks `Faults.meet` once for each request, before it reads the body, and commits the action that it gets. The
first fault whose condition holds and which has not fired as often as it may is the one; None is a good answer. All of
this is thread-safe, and one `Faults` may serve several servers.

What an action means for a server over gRPC: `Answer` is the status of the same meaning, every cut an UNAVAILABLE of the
channel, "body" and "download" the messages of a stream.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable

Service = Literal["gcs", "bigquery", "grpc"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request as it arrives.

    Attributes:
        service: Who was asked.
        method: HTTP method; over gRPC the name of the procedure, such as `AppendRows`.
        path: HTTP path with its query, as sent; over gRPC the full name of the procedure.
        number: Running number within one server, from 1.

    """

    service: Service
    method: str
    path: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Answer a status instead of doing anything.

    Attributes:
        status: HTTP status.
        reason: The API's word for it, such as `rateLimitExceeded`; empty: the usual one of this status.
        message: A text for people; empty: a usual one.
        retry_after_seconds: Sent as Retry-After; None: not sent.

    """

    status: int
    reason: str = ""
    message: str = ""
    retry_after_seconds: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CutBefore:
    """Close the connection before anything is done, without an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CutBody:
    """Close the connection when so many bytes of the request's body have arrived; they count as received."""

    after_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LoseAnswer:
    """Do what the request asks, then close the connection without an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delay:
    """Do what the request asks and answer well, but stay silent before that answer."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CutDownload:
    """Close the connection when so many bytes of the answer's body have been sent."""

    after_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CorruptDownload:
    """Change one byte of the answer's body; a body that is shorter passes unchanged."""

    at_byte: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Let something else happen exactly here. A callback that raises cuts the connection.

    Attributes:
        before: Called before the request is handled.
        after: Called when it has been handled, before the answer.

    """

    before: Callable[[Request], object] | None = None
    after: Callable[[Request], object] | None = None


Action = Answer | CutBefore | CutBody | LoseAnswer | Delay | CutDownload | CorruptDownload | Call


def any_request(_: Request) -> bool:
    """Hold for every request."""
    return True


def on(method: str, part: str = "") -> Callable[[Request], bool]:
    """Return a condition: this method, and this text somewhere in the decoded path with its query."""
    return lambda request: request.method == method and part in unquote(request.path)


@dataclass(kw_only=True, slots=True, eq=False)
class Fault:
    """An action at the requests for which a condition holds.

    Attributes:
        when: The condition.
        do: The action.
        times: How often it fires at most; None: always.
        fired: How often it has fired.

    """

    do: Action
    when: Callable[[Request], bool] = any_request
    times: int | None = 1
    fired: int = field(default=0, init=False)


class Faults:
    """The faults of one or several servers, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Add a fault, and return it so that `fired` can be read."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults; what they counted stays."""
        with self._lock:
            self._faults.clear()

    def meet(self, request: Request) -> Action | None:
        """Return what is to be done to a request, counting it as fired; None: answer it well."""
        with self._lock:
            for fault in self._faults:
                if (fault.times is None or fault.fired < fault.times) and fault.when(request):
                    fault.fired += 1
                    return fault.do
        return None
