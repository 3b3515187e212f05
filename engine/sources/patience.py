"""How long to try, and when it makes sense to.

Connections that fail, time out or break, and the answers 408, 425, 429 and 5xx are tried again, after a wait that
doubles and is jittered, so that many engines do not come back at one moment; a server's own `Retry-After` goes before
it. Any other answer is final. stamina does the waiting.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

import httpx
import stamina

from engine.errors import SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_NOT_NOW = frozenset({408, 425, 429})
_SERVER_ERROR = 500

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "the server did not accept a connection in time"),
    (httpx.TimeoutException, "the server fell silent"),
    (httpx.ProxyError, "the proxy refused the connection"),
    (httpx.TooManyRedirects, "the server redirects in a circle"),
    (httpx.UnsupportedProtocol, "the server redirects to something that is not http(s)"),
    (httpx.InvalidURL, "the server redirects to something that is no URL"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Limits of one operation.

    Attributes:
        attempts: Tries without progress. With the waits below the last one comes after about half a minute, which
            outlives a restart of a server, while a scheduler's own retry is the better answer to an outage.
        wait_seconds: Before the second try; doubles from there on.
        wait_limit_seconds: The longest of these waits.
        jitter_seconds: Random addition to each, at most.
        retry_after_limit_seconds: Longest `Retry-After` that is obeyed: rate limits are counted by the minute.
        connect_seconds: For a connection to be made.
        silence_seconds: Between two pieces of an answer.
        lock_seconds: For another engine on this machine to finish downloading the same file; its lock dies with it.
        progress_bytes: A connection that delivered this much was worth it: tries are counted anew.

    """

    attempts: int = 6
    wait_seconds: float = 1.0
    wait_limit_seconds: float = 30.0
    jitter_seconds: float = 1.0
    retry_after_limit_seconds: float = 120.0
    connect_seconds: float = 10.0
    silence_seconds: float = 30.0
    lock_seconds: float = 3600.0
    progress_bytes: int = 1 << 20


class NotNowError(Exception):
    """An answer that may be another one next time.

    Args:
        reason: What happened, for people.
        wait_seconds: How long the server asks to wait; None: it does not say.

    """

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def persist(patience: Patience, shown: str, action: Callable[[], Result]) -> Result:
    """Return what `action` returns, trying again where that makes sense.

    Args:
        patience: How often and how long.
        shown: The URL for messages.
        action: What to do; raises NotNowError or an error of httpx.

    Raises:
        SourceUnreachable: All attempts are used up, or the failure is one that stays.

    """
    tries = 0
    try:
        for attempt in _attempts(patience):
            with attempt:
                tries = attempt.num
                return action()
    except (NotNowError, httpx.HTTPError, httpx.InvalidURL) as error:
        again = "run the same command again: it goes on where it stopped"
        unreachable = SourceUnreachable(
            reason(error), facts={"url": shown, "attempts": str(tries)}, next_step=_advice(error) or again
        )
        unreachable.retriable = worthwhile(error)  # type: ignore[misc]  # one class, failures that pass and that stay
        raise unreachable from error
    raise AssertionError  # stamina's iterator ends by returning or raising


def _attempts(patience: Patience) -> Iterator[stamina.Attempt]:
    tries = itertools.count(1)

    def wait(error: Exception) -> bool | float:
        if not worthwhile(error):
            return False
        _log.warning("attempt %d of %d: %s", next(tries), patience.attempts, reason(error))
        asked = error.wait_seconds if isinstance(error, NotNowError) else None
        return True if asked is None else min(asked, patience.retry_after_limit_seconds)

    return iter(
        stamina.retry_context(
            on=wait,
            attempts=patience.attempts,
            timeout=None,  # stamina counts it from the first try: a download of an hour would get no second one
            wait_initial=patience.wait_seconds,
            wait_max=patience.wait_limit_seconds,
            wait_jitter=patience.jitter_seconds,
        )
    )


def worthwhile(error: Exception) -> bool:
    """Tell whether the same request may succeed a moment later."""
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError) or _untrusted(error):
        return False
    return isinstance(error, NotNowError | httpx.TransportError)


def temporary(status: int) -> bool:
    """Tell whether a status says "not now": 408, 425, 429 (RFC 9110, RFC 8470, RFC 6585) and 5xx."""
    return status in _NOT_NOW or status >= _SERVER_ERROR


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` (RFC 9110, 10.2.3) asks for; None where it is absent or unreadable.

    A date is compared with the server's own clock where it tells it.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    if (until := http_date(text)) is None:
        return None
    now = http_date(headers.get("date", "")) or dt.datetime.now(dt.UTC)
    return max(0.0, (until - now).total_seconds())


def http_date(text: str) -> dt.datetime | None:
    """Read an HTTP-date (RFC 9110, 5.6.7); None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def reason(error: Exception) -> str:
    """Return what happened in words; never a URL, since it may carry a secret."""
    if isinstance(error, NotNowError):
        return str(error)
    if isinstance(error, httpx.ConnectError):
        return f"no connection to the server: {error}"  # the system's words, without a URL
    return next((words for kind, words in _WORDS if isinstance(error, kind)), "the connection broke")


def _untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _advice(error: Exception) -> str:
    if _untrusted(error):
        return "set SSL_CERT_FILE to the certificates of your network"
    return "check the proxy settings (HTTPS_PROXY)" if isinstance(error, httpx.ProxyError) else ""
