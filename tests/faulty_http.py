"""A real HTTP server on a local socket that publishes files and misbehaves as told.

It answers HEAD and GET with validators, and Range with If-Range, as RFC 9110 asks; a script of `Fault`s, one for each
request in turn, says where it does not. Every request is recorded.
"""

from __future__ import annotations

import contextlib
import email.utils
import os
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")

LONG_AGO = "Tue, 05 Feb 2019 10:00:00 GMT"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One version of a file.

    Attributes:
        content: Its bytes.
        etag: Its ETag with quotes; None: none is sent.
        last_modified: An HTTP-date; None: none is sent.
        headers: More headers.

    """

    content: bytes
    etag: str | None = '"one"'
    last_modified: str | None = LONG_AGO
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How one answer differs from a good one.

    Attributes:
        status: Answer only this status, with `headers`.
        headers: More headers.
        cut_after: Close the connection after so many bytes of the body.
        announce: Claim this Content-Length.
        chunked: Send no Content-Length but chunks (RFC 9112, 7.1).
        wait_seconds: Stay silent before the body.
        ignore_range: Answer 200 to a range request.
        ignore_condition: Answer 206 whatever If-Range says.
        shift_range: Begin a range so many bytes off, and say so.
        before: Called before the answer.

    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    announce: int | None = None
    chunked: bool = False
    wait_seconds: float = 0
    ignore_range: bool = False
    ignore_condition: bool = False
    shift_range: int = 0
    before: Callable[[], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class FaultyServer(ThreadingHTTPServer):
    """The server; `url` is its base.

    Attributes:
        files: What it publishes, by path.
        script: Faults of the next requests, by method; a request without one is answered well.
        always: A fault of every request of a method for which the script has none.
        requests: What arrived.

    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, Published] = {}
        self.script: dict[str, list[Fault]] = {"HEAD": [], "GET": []}
        self.always: dict[str, Fault] = {}
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def methods(self) -> list[str]:
        """Return the methods of all requests in order."""
        return [request.method for request in self.requests]

    def publish(self, path: str, file: Published) -> None:
        """Publish a file, or another version of it."""
        self.files[path] = file

    def next_fault(self, method: str) -> Fault:
        """Take the fault of a request that arrives now."""
        if self.script[method]:
            return self.script[method].pop(0)
        return self.always.get(method, Fault())


@contextlib.contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Run a server in a thread for the length of a block; no proxy of this machine comes between."""
    with FaultyServer() as server, mock.patch.dict(os.environ, {"NO_PROXY": "127.0.0.1"}):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(method=self.command, path=self.path, headers=headers))
        fault = self.server.next_fault(self.command)
        if fault.before is not None:
            fault.before()
        file = self.server.files.get(self.path.partition("?")[0])
        if fault.status is not None or file is None:
            self._bare(fault.status or 404, fault.headers)
        else:
            self._send(file, fault, headers)

    def _bare(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, file: Published, fault: Fault, headers: dict[str, str]) -> None:
        begin, end = 0, len(file.content)
        asked = _RANGE.fullmatch(headers.get("range", ""))
        if asked and not fault.ignore_range and (fault.ignore_condition or _holds(file, headers.get("if-range"))):
            begin = int(asked[1]) + fault.shift_range
            end = min(end, int(asked[2]) + 1) if asked[2] else end
            if begin >= len(file.content):
                self._bare(416, {"Content-Range": f"bytes */{len(file.content)}"})
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(file.content)}")
        else:
            self.send_response(200)
        self._headers(file, fault, end - begin)
        if self.command == "GET":
            self._body(file.content[begin:end], fault)

    def _headers(self, file: Published, fault: Fault, length: int) -> None:
        validators = {"ETag": file.etag, "Last-Modified": file.last_modified}
        more = {name: value for name, value in validators.items() if value is not None}
        framing = {"Transfer-Encoding": "chunked"} if fault.chunked else {"Content-Length": str(length)}
        if fault.announce is not None:
            framing = {"Content-Length": str(fault.announce)}
        for name, value in {**more, **file.headers, **fault.headers, **framing}.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, content: bytes, fault: Fault) -> None:
        time.sleep(fault.wait_seconds)
        sent = content[: fault.cut_after]
        with contextlib.suppress(OSError):  # the client has hung up
            if fault.chunked:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(sent), sent))
                self.wfile.write(b"" if fault.cut_after is not None else b"0\r\n\r\n")
            else:
                self.wfile.write(sent)
        self.close_connection = fault.cut_after is not None or fault.announce is not None


def _holds(file: Published, condition: str | None) -> bool:
    """Evaluate If-Range (RFC 9110, 13.1.5)."""
    if condition is None:
        return True
    if condition.startswith('"'):
        return condition == file.etag
    return condition == file.last_modified


def http_date(seconds_from_now: float = 0) -> str:
    """Return an HTTP-date."""
    return email.utils.formatdate(time.time() + seconds_from_now, usegmt=True)
