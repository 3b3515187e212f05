"""Sockets: connections that stay open, bodies that stream, faults that are committed, and what was counted.

What is asked for is none of this module's business: it hands calls to a `Site` and sends what comes back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

from tests.fakes import faults
from tests.fakes.gcs.calls import WINDOW, Body, Call, ConnectionLost, Refusal, Reply, Slice
from tests.fakes.gcs.tally import Exchange, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_USUAL = {
    401: ("authError", "Invalid Credentials"),
    403: ("forbidden", "Forbidden"),
    408: ("requestTimeout", "Request Timeout"),
    429: ("rateLimitExceeded", "The object exceeded the rate limit for object mutation operations."),
    500: ("backendError", "We encountered an internal error. Please try again."),
    503: ("backendError", "Backend Error"),
}


class Site(Protocol):
    """What a server is about."""

    def answer(self, call: Call) -> Reply:
        """Do what a call asks; raises only `ConnectionLost`."""

    def refuse(self, call: Call, refusal: Refusal) -> Reply:
        """Word a refusal as the API of this call does."""


class Listener(ThreadingHTTPServer):
    """A server in a thread of its own, with one more for each connection; `close` ends them all.

    Args:
        address: Where to listen, host and port; port 0: any.
        planned: Faults to commit.

    """

    daemon_threads = True
    request_queue_size = 128
    site: Site

    def __init__(self, address: tuple[str, int], planned: faults.Faults) -> None:
        super().__init__(address, _Connection)
        self.url = f"http://{address[0]}:{self.server_address[1]}"
        self.planned = planned
        self.tally = Tally()
        self.closing = threading.Event()
        self.numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def start(self, site: Site) -> None:
        """Begin to answer."""
        self.site = site
        self._thread.start()

    def close(self) -> None:
        """Stop answering, hang up on everybody, and wait until all threads have ended."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._lock:
            connections = dict(self._connections)
        for thread, connection in connections.items():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Serve a connection in a thread that `close` can end."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        if isinstance(request, socket.socket):
            with self._lock:
                self._connections[thread] = request
        thread.start()

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Serve a connection until one side hangs up."""
        super().process_request_thread(request, client_address)
        with self._lock:
            self._connections.pop(threading.current_thread(), None)

    def handle_error(self, *_: object) -> None:
        """Say nothing on stderr: clients hang up, and tests ask for `errors`."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.tally.note(error)


class _Connection(BaseHTTPRequestHandler):
    """One connection, request after request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener

    def do_GET(self) -> None:
        self._exchange()

    def do_HEAD(self) -> None:
        self._exchange()

    def do_POST(self) -> None:
        self._exchange()

    def do_PUT(self) -> None:
        self._exchange()

    def do_PATCH(self) -> None:
        self._exchange()

    def do_DELETE(self) -> None:
        self._exchange()

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def _exchange(self) -> None:
        number = next(self.server.numbers)
        request = faults.Request(service="gcs", method=self.command, path=self.path, number=number)
        action = self.server.planned.meet(request)
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        length = None if chunked else int(self.headers.get("Content-Length") or 0)
        cut_after = action.after_bytes if isinstance(action, faults.CutBody) else None
        body = Body(self.rfile, length, cut_after)
        call = Call(method=self.command, target=self.path, headers=self.headers, body=body)
        try:
            reply = self._handle(call, request, action)
        except ConnectionLost:
            reply = None
        if reply is None:
            self.close_connection = True
            self._count(body, 0, 0)
        else:
            self._send(reply, body, action)

    def _handle(self, call: Call, request: faults.Request, action: faults.Action | None) -> Reply | None:
        """Return the answer; None: there is none, the connection is to be cut."""
        site = self.server.site
        match action:
            case faults.CutBefore():
                return None
            case faults.Answer():
                call.body.drain()
                return site.refuse(call, _planned(action))
            case faults.Call(before=before) if before is not None and not self._called(before, request):
                return None
        try:
            reply = site.answer(call)
        except ConnectionLost:
            raise
        except Exception as error:  # noqa: BLE001 - a defect of the fake is an answer too, and is noted
            self.server.tally.note(error)
            reply = site.refuse(call, Refusal(500, "internalError", repr(error)))
        call.body.drain()
        match action:
            case faults.Delay():
                self.server.closing.wait(action.seconds)
            case faults.Call(after=after) if after is not None and not self._called(after, request):
                _dropped(reply)
                return None
            case faults.LoseAnswer():
                _dropped(reply)
                return None
        return reply

    def _called(self, callback: Callable[[faults.Request], object], request: faults.Request) -> bool:
        """Call a test's callback; False: it raised."""
        try:
            callback(request)
        except Exception as error:  # noqa: BLE001 - whatever a test raises here
            self.server.tally.note(error)
            return False
        return True

    def _send(self, reply: Reply, body: Body, action: faults.Action | None) -> None:
        length = reply.length if self.command != "HEAD" else 0
        if isinstance(action, faults.CutDownload):
            length = min(length, action.after_bytes)
            self.close_connection = True
        expected, sent = self._count(body, length, reply.status), 0
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.has_body:
                self.send_header("Content-Length", str(reply.length))
            self.end_headers()
            for count in self._sent(reply, length, action):
                sent += count
        except OSError:  # the client has hung up
            self.close_connection = True
        finally:
            _dropped(reply)
        if sent != length:
            self.server.tally.count(dataclasses.replace(expected, bytes_out=sent), instead_of=expected)

    def _sent(self, reply: Reply, length: int, action: faults.Action | None) -> Iterator[int]:
        """Send a body's first bytes, and yield how many went."""
        if not length:
            return
        if isinstance(reply.body, Slice) and not isinstance(action, faults.CorruptDownload):
            file = reply.body.file
            file.seek(reply.body.start)
            try:
                self.connection.sendfile(file, reply.body.start, length)
            finally:
                yield file.tell() - reply.body.start
            return
        position = 0
        for window in _windows(reply.body, length):
            part = bytearray(window)
            if isinstance(action, faults.CorruptDownload) and position <= action.at_byte < position + len(part):
                part[action.at_byte - position] ^= 0xFF
            self.wfile.write(part)
            position += len(part)
            yield len(part)

    def _count(self, body: Body, bytes_out: int, status: int) -> Exchange:
        exchange = Exchange(
            method=self.command, path=self.path, bytes_in=body.received, bytes_out=bytes_out, status=status
        )
        self.server.tally.count(exchange)
        return exchange


def _windows(body: bytes | Slice, length: int) -> Iterator[bytes]:
    if not isinstance(body, Slice):
        yield body[:length]
        return
    body.file.seek(body.start)
    while length and (window := body.file.read(min(WINDOW, length))):
        length -= len(window)
        yield window


def _dropped(reply: Reply) -> None:
    """Close the file of a reply that is not sent, or not any more."""
    if isinstance(reply.body, Slice):
        reply.body.file.close()


def _planned(action: faults.Answer) -> Refusal:
    reason, message = _USUAL.get(action.status, ("invalid", f"Injected status {action.status}"))
    wait = action.retry_after_seconds
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return Refusal(action.status, action.reason or reason, action.message or message, headers=headers)
