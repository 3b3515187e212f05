"""Months on an http(s) server: one HEAD request to look, one resumable download to fetch.

What is stored are the published bytes: no content coding is asked for, as many bytes must arrive as were announced, and
bytes of two versions never meet. A cut download goes on where it stopped only if a strong validator proves that the
file is still the same (RFC 9110, 13.1.5 and 14.2); otherwise it starts again. What no client can see is a server whose
Content-Length is too small in every answer, since that is where HTTP says that the file ends; decoding finds it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from engine import __version__
from engine.errors import BadInput, EngineError, NotPublished, SourceUnreachable
from engine.receipt import SourceInfo
from engine.sources.part import Part
from engine.sources.patience import NotNowError, Patience, http_date, persist, retry_after, temporary
from engine.sources.spool import Entry

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from engine.sources.address import Address
    from engine.sources.source import Fetched, Progress

PATIENCE = Patience()

# What must stay free beside the file: the embedded database writes its log on the same disk.
SPARE_BYTES = 256 << 20

# RFC 9110, 8.8.2.2: a Last-Modified is a strong validator only if the answer is clearly younger. Clocks of a server's
# parts differ; a minute is what RFC 7232 asked for.
_CLOCK_TOLERANCE_SECONDS = 60

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_TOTAL = re.compile(r"bytes (?:\*|\d+-\d+)/(\d+)")

_OK, _PARTIAL, _BEYOND = 200, 206, 416
_REFUSED, _GONE, _NO_HEAD = (401, 403), (404, 410), (403, 405, 501)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """A month's file on a server.

    Attributes:
        addresses: URLs that it may have, the preferred one first.
        spool: Folder that downloads are kept in.
        patience: How long to try.
        free_bytes: Tells how much a folder's disk can still take.

    """

    addresses: Sequence[Address]
    spool: Path
    patience: Patience = PATIENCE
    free_bytes: Callable[[Path], int] = _free_bytes

    @property
    def urls(self) -> tuple[str, ...]:
        """What `look` may say of where the file is."""
        return tuple(address.shown for address in self.addresses)

    def look(self) -> SourceInfo:
        """Ask for the first URL that is there, with one HEAD request (a GET of one byte where HEAD is refused)."""
        refusal: SourceUnreachable | None = None
        for address in self.addresses:
            try:
                with self._client(address) as client:
                    return persist(self.patience, address.shown, functools.partial(_ask, client, address))
            except NotPublished:
                continue
            except SourceUnreachable as error:
                if error.retriable:
                    raise
                refusal = refusal or error  # a bucket may say 403 for what it does not have: ask for the next name
        raise refusal or _not_published(self.addresses)

    def fetch(self, seen: SourceInfo, progress: Progress) -> Fetched:
        """Download it into the spool, or take it from there if it is there already."""
        address = {address.shown: address for address in self.addresses}[seen.url]
        entry = Entry.of(self.spool, address.shown, address.filename)
        with entry.locked(self.patience.lock_seconds):
            if found := entry.find(seen, progress):
                return found
            with Part(entry) as part, self._client(address) as client:
                return self._download(client, address, part, seen, progress)

    def _download(
        self, client: httpx.Client, address: Address, part: Part, seen: SourceInfo, progress: Progress
    ) -> Fetched:
        if part.info and part.info.bytes is not None and part.size >= part.info.bytes:
            if part.size == part.info.bytes and part.info.unchanged_since(seen):
                return part.finish()
            part.empty()
        while True:
            before = part.size
            try:
                persist(self.patience, address.shown, lambda: self._receive(client, address, part, seen, progress))
                return part.finish()
            except SourceUnreachable as error:
                if not error.retriable or part.size < before + self.patience.progress_bytes:
                    error.within(state=f"{part.size:,} bytes stay in the spool" if part.size else "")
                    raise

    def _receive(
        self, client: httpx.Client, address: Address, part: Part, seen: SourceInfo, progress: Progress
    ) -> None:
        """Send one request and store what it brings."""
        condition = {"Range": f"bytes={part.size}-", "If-Range": part.validator} if part.size and part.validator else {}
        with client.stream("GET", address.url, headers=condition) as response:
            if response.status_code == _OK:
                _begin(response, address, part, seen)
            elif not condition or response.status_code not in (_PARTIAL, _BEYOND):
                raise _failure(response, address)
            elif not _continues(response, part):
                size, announced = part.size, part.info and part.info.bytes
                part.empty()
                reason = f"the server announced {announced} bytes and does not continue after {size}"
                raise NotNowError(reason, wait_seconds=0)
            total = part.info.bytes if part.info else None
            self._make_room(part, total)
            try:
                for chunk in response.iter_raw():
                    part.append(chunk)
                    progress(part.size, total)
            except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                raise NotNowError(f"the server announced {total} bytes and sent {part.size}") from error
        if total is not None and part.size != total:
            sent = part.size
            if sent > total:
                part.empty()
            raise NotNowError(f"the server announced {total} bytes and sent {sent}")

    def _make_room(self, part: Part, total: int | None) -> None:
        needed = (total or 0) - part.size + SPARE_BYTES
        free = self.free_bytes(part.path.parent)
        if free < needed:
            message = "the disk has no room for the download"
            raise EngineError(
                message,
                facts={"spool": str(part.path.parent), "free": f"{free:,} bytes", "needed": f"{needed:,} bytes"},
                next_step="free space, or set ENGINE_HOME to a larger disk",
            )

    @contextlib.contextmanager
    def _client(self, address: Address) -> Iterator[httpx.Client]:
        for library in ("httpx", "httpcore", "stamina"):
            # The first two log whole URLs, signatures included; the third repeats what `persist` says in words.
            logging.getLogger(library).setLevel(logging.ERROR)
        timeout = httpx.Timeout(self.patience.silence_seconds, connect=self.patience.connect_seconds)
        headers = {"Accept-Encoding": "identity", "User-Agent": f"engine/{__version__}"}
        with httpx.Client(
            auth=address.auth, headers=headers, timeout=timeout, verify=_trusted(), follow_redirects=True
        ) as client:
            yield client


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates to trust, `SSL_CERT_FILE` included; reading them takes 17 ms, so once is enough."""
    return httpx.create_ssl_context()


def _ask(client: httpx.Client, address: Address) -> SourceInfo:
    response = client.head(address.url)
    if response.status_code == _OK:
        return _info(response, address)
    if response.status_code not in _NO_HEAD:
        raise _failure(response, address)
    with client.stream("GET", address.url, headers={"Range": "bytes=0-0"}) as first:
        if first.status_code in (_OK, _PARTIAL, _BEYOND):
            return _info(first, address)
        raise _failure(first, address)


def _info(response: httpx.Response, address: Address) -> SourceInfo:
    headers = response.headers
    size: int | None = None
    if match := _TOTAL.fullmatch(headers.get("content-range", "")):
        size = int(match[1])
    elif response.status_code == _OK and not _coding(response, address):
        length = headers.get("content-length", "")
        size = int(length) if length.isdigit() else None
    return SourceInfo(
        url=address.shown, bytes=size, etag=headers.get("etag"), last_modified=headers.get("last-modified")
    )


def _begin(response: httpx.Response, address: Address, part: Part, seen: SourceInfo) -> None:
    """Start a version of the file from its first byte."""
    if coding := _coding(response, address):
        message = f"the server sends the file only with Content-Encoding {coding}"
        raise BadInput(message, facts={"url": address.shown}, next_step="name another place with --from")
    info = _info(response, address)
    same = (info.etag, info.last_modified) == (seen.etag, seen.last_modified)
    if info.bytes is None and same:
        info = dataclasses.replace(info, bytes=seen.bytes)
    elif info.bytes != seen.bytes and seen.bytes is not None and same and (info.etag or info.last_modified):
        raise NotNowError(f"the server announced {seen.bytes} bytes, and then {info.bytes} for the same version")
    part.restart(info, _validator(response))


def _continues(response: httpx.Response, part: Part) -> bool:
    """Tell whether a 206 begins where the part ends and is of the same version."""
    match = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status_code != _PARTIAL or part.info is None or match is None or int(match[1]) != part.size:
        return False
    if match[2] != "*" and part.info.bytes not in (None, int(match[2])):
        return False
    # RFC 9110, 15.3.7: a 206 has the ETag that a 200 would have; Last-Modified may be left out after If-Range.
    etag, modified = (response.headers.get(name) for name in ("etag", "last-modified"))
    return etag == part.info.etag and modified in (None, part.info.last_modified)


def _validator(response: httpx.Response) -> str | None:
    """Return what proves that a file is byte for byte the same: a strong ETag, else an old Last-Modified."""
    etag = response.headers.get("etag", "")
    if etag.startswith('"'):
        return str(etag)
    modified = response.headers.get("last-modified", "")
    then, now = http_date(modified), http_date(response.headers.get("date", ""))
    if then and now and (now - then).total_seconds() >= _CLOCK_TOLERANCE_SECONDS:
        return str(modified)
    return None


def _coding(response: httpx.Response, address: Address) -> str:
    """Return the content coding that hides the published bytes, or nothing.

    Servers commonly label a stored `.gz` file as `gzip`; its raw bytes are then the published ones.
    """
    coding = str(response.headers.get("content-encoding", "")).strip().lower()
    stored = coding in ("gzip", "x-gzip") and address.filename.lower().endswith(".gz")
    return "" if coding == "identity" or stored else coding


def _failure(response: httpx.Response, address: Address) -> Exception:
    status = response.status_code
    if status in _GONE or status in address.missing:
        return _not_published([address])
    if temporary(status):
        return NotNowError(f"the server answered {status} {response.reason_phrase}", retry_after(response.headers))
    error = SourceUnreachable(
        f"the server answered {status} {response.reason_phrase}".rstrip(), facts={"url": address.shown}
    )
    error.retriable = False  # type: ignore[misc]  # this one answer is final
    if status in _REFUSED:
        error.next_step = (
            "check the credentials in --from (https://user:password@host/); "
            "some servers answer so for files that they do not have"
        )
    return error


def _not_published(addresses: Sequence[Address]) -> NotPublished:
    return NotPublished(
        "the server has no such month", facts={"looked": "\n".join(address.shown for address in addresses)}
    )
