"""Google's own names on this machine: a proxy for HTTPS that ends TLS and hands what it reads to our fakes.

So a process can be run exactly as in production, without a variable that names an emulator: it asks
`https://storage.googleapis.com`, `https://oauth2.googleapis.com/token` or `bigquerystorage.googleapis.com` by gRPC, and
our fakes answer. Names that no fake stands for are refused with 502, and noted.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.certificates import Authority

Socket = TypeVar("Socket", bound=socket.socket)
_WINDOW_BYTES = 1 << 16
_IDLE_SECONDS = 30.0


class Front:
    """A proxy on a local socket; it runs from its construction to `close`, or as a context manager.

    Args:
        authority: Signs a certificate for all of Google's names; only who is told to trusts it.
        places: Name -> `HOST:PORT` of the fake that answers for it, without TLS.

    Attributes:
        asked: The names that were asked for, in order.

    """

    def __init__(self, authority: Authority, places: Mapping[str, str]) -> None:
        self.asked: list[str] = []
        self._authority = authority
        self._places = dict(places)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*authority.sign("DNS:*.googleapis.com"))
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody and end all threads."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def environment(self) -> dict[str, str]:
        """Return the variables by which Google's clients, of both kinds, come here and trust what they find."""
        url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        roots = str(self._authority.certificate)
        return {
            "HTTPS_PROXY": url,
            "https_proxy": url,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": roots,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": roots,
        }

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(self._opened(connection))
            place = self._places.get(self._named(connection))
            if place is None:
                connection.sendall(b"HTTP/1.1 502 No such name\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = place.rpartition(":")
            behind = stack.enter_context(self._opened(socket.create_connection((host, int(port)), _IDLE_SECONDS)))
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            before = stack.enter_context(self._opened(self._context.wrap_socket(connection, server_side=True)))
            _carry(before, behind)

    def _named(self, connection: socket.socket) -> str:
        """Read a CONNECT request (RFC 9110, 9.3.6) and return the name that it asks for."""
        connection.settimeout(_IDLE_SECONDS)
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := connection.recv(_WINDOW_BYTES)):
                raise ConnectionResetError
            head += more
        name = head.split(b" ", 2)[1].decode().rpartition(":")[0]
        self.asked.append(name)
        return name

    @contextlib.contextmanager
    def _opened(self, connection: Socket) -> Iterator[Socket]:
        """Close a connection at the end, or once `close` is called."""
        self._open.add(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            yield connection
        finally:
            self._open.discard(connection)
            connection.close()


def _carry(before: ssl.SSLSocket, behind: socket.socket) -> None:
    """Hand on bytes both ways until one side ends; one thread does it all, as an SSL connection wants."""
    other = {before: behind, behind: before}
    while True:
        ready = [before] if before.pending() else select.select([before, behind], [], [])[0]
        for one in ready:
            data = one.recv(_WINDOW_BYTES)
            if not data:
                return
            other[one].sendall(data)
