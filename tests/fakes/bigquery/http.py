"""The HTTP server: sockets, bodies in windows, faults, and a record of every request.

What a request means is not known here: a function answers it.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes import faults as wrong
from tests.fakes.bigquery.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.fakes.bigquery.names import Json

_WINDOW_BYTES = 1 << 20


class Cut(Exception):
    """The connection is to be closed without another word."""


@dataclass(kw_only=True, slots=True)
class Seen:
    """A request, as tests look at it afterwards.

    Attributes:
        service: "bigquery" or "grpc".
        method: HTTP method; over gRPC the name of the procedure.
        path: HTTP path with its query; over gRPC the full name of the procedure.
        bytes_in: Bytes of its body that arrived.
        bytes_out: Bytes of the answer's body that were sent.
        status: HTTP status; over gRPC 200, or that of the refusal; 0: nothing was answered.

    """

    service: wrong.Service
    method: str
    path: str
    bytes_in: int = 0
    bytes_out: int = 0
    status: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request on its way to whoever answers it.

    Attributes:
        method: HTTP method.
        path: Its path, decoded, without query.
        query: The first value of each parameter.
        headers: Header names in lower case.
        body: Gives the body in windows, once.

    """

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Callable[[], Iterator[bytes]]

    def json(self) -> Json:
        """Return the body as JSON; nothing is an empty object."""
        content = b"".join(self.body())
        if self.headers.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        try:
            found: Json = json.loads(content) if content else {}
        except ValueError as error:
            raise ApiError(400, f"Parse Error: {error}", "parseError") from error
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer; `body` None: an empty one."""

    status: int = 200
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """The server.

    Args:
        address: Where it listens, host and port; port 0: any.
        answer: Answers a request, or raises ApiError.
        faults: What goes wrong.
        requests: Where every request is noted.

    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[Call], Reply],
        faults: wrong.Faults,
        requests: list[Seen],
    ) -> None:
        super().__init__(address, _Handler)
        self._host = address[0]
        self.answer = answer
        self.faults = faults
        self.requests = requests
        self.numbers = itertools.count(1)
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[Any, threading.Thread] = {}
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://{self._host}:{self.server_address[1]}"

    def close(self) -> None:
        """Close all connections and wait for their threads."""
        self.ending.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._lock:
            still = list(self._open.items())
        for connection, thread in still:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base has it
        """Answer a connection in a thread of its own."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as the base has it
        """Close a connection."""
        super().shutdown_request(request)
        with self._lock:
            self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base has it
        """Say nothing about clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def handle_any(self) -> None:
        seen = Seen(service="bigquery", method=self.command, path=self.path)
        self.server.requests.append(seen)
        number = next(self.server.numbers)
        request = wrong.Request(service="bigquery", method=self.command, path=self.path, number=number)
        try:
            self._meet(request, seen)
        except Cut:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - as the base wants it

    def _meet(self, request: wrong.Request, seen: Seen) -> None:
        action = self.server.faults.meet(request)
        cut_after = action.after_bytes if isinstance(action, wrong.CutBody) else None
        body = _Body(self.rfile, int(self.headers.get("Content-Length") or 0), cut_after, seen)
        match action:
            case wrong.CutBefore():
                raise Cut
            case wrong.Answer():
                body.drain()
                self._send(*_refusal(action), action, seen)
                return
            case wrong.Call(before=before) if before is not None:
                _call(before, request)
        reply = self._reply(body)
        body.drain()
        match action:
            case wrong.Delay(seconds=seconds):
                self.server.ending.wait(seconds)
            case wrong.LoseAnswer() | wrong.CutBody():
                raise Cut
            case wrong.Call(after=after) if after is not None:
                _call(after, request)
        self._send(reply.status, reply.body, reply.headers, action, seen)

    def _reply(self, body: _Body) -> Reply:
        url = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=unquote(url.path),
            query={name: values[0] for name, values in parse_qs(url.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body.windows,
        )
        try:
            return self.server.answer(call)
        except ApiError as refused:
            return Reply(status=refused.status, body=refused.body())
        except Cut:
            raise
        except Exception as failed:  # noqa: BLE001 - a server answers whatever happens
            broken = ApiError(501, f"this fake failed: {failed!r}")
            return Reply(status=broken.status, body=broken.body())

    def _send(
        self, status: int, body: Json | None, headers: dict[str, str], action: wrong.Action | None, seen: Seen
    ) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        if isinstance(action, wrong.CorruptDownload) and len(content) > action.at_byte:
            at = action.at_byte
            content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=UTF-8", **headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        sent = content[: action.after_bytes] if isinstance(action, wrong.CutDownload) else content
        seen.status, seen.bytes_out = status, len(sent)
        with contextlib.suppress(OSError):  # the client has hung up
            self.end_headers()
            self.wfile.write(sent)
        if isinstance(action, wrong.CutDownload):
            raise Cut


class _Body:
    """The body of a request, read in windows; it may be cut on the way."""

    def __init__(self, file: Any, length: int, cut_after: int | None, seen: Seen) -> None:  # noqa: ANN401 - a socket's
        self._file = file
        self._left = length
        self._until_cut = cut_after
        self._seen = seen

    def windows(self) -> Iterator[bytes]:
        while self._left:
            if self._until_cut == 0:
                raise Cut
            wanted = min(self._left, _WINDOW_BYTES, self._until_cut or _WINDOW_BYTES)
            window: bytes = self._file.read(wanted)
            if not window:
                raise Cut
            self._left -= len(window)
            self._seen.bytes_in += len(window)
            if self._until_cut is not None:
                self._until_cut -= len(window)
            yield window
        if self._until_cut == 0:
            raise Cut

    def drain(self) -> None:
        for _ in self.windows():
            pass


def _refusal(action: wrong.Answer) -> tuple[int, Json, dict[str, str]]:
    error = ApiError(action.status, action.message or f"The service answers {action.status}.", action.reason)
    wait = action.retry_after_seconds
    return error.status, error.body(), {} if wait is None else {"Retry-After": str(wait)}


def _call(callback: Callable[[wrong.Request], object], request: wrong.Request) -> None:
    try:
        callback(request)
    except Exception as error:
        raise Cut from error
