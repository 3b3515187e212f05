"""When it makes sense to ask again, and when."""

from __future__ import annotations

import ssl

import httpx
import pytest

from engine.errors import SourceUnreachable
from engine.sources.patience import NotNowError, Patience, http_date, persist, retry_after, worthwhile

DATE = "Tue, 05 Feb 2019 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "\u0661"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 05 Feb 2019 10:00:30 GMT", "date": DATE}, 30),
        ({"retry-after": "Tue, 05 Feb 2019 09:59:30 GMT", "date": DATE}, 0),
        ({"retry-after": DATE}, 0),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and dates count, the server's own clock before ours; anything else is no wish."""
    assert retry_after(headers) == seconds


def test_a_date_without_a_zone_is_utc() -> None:
    """`-0000` says that the zone is not known; HTTP knows UTC alone."""
    assert http_date("Tue, 05 Feb 2019 10:00:00 -0000") == http_date(DATE)


def test_an_untrusted_certificate_is_final_and_names_the_variable() -> None:
    """Asking again does not make a certificate trusted; the message says how to trust it."""
    calls: list[int] = []

    def connect() -> None:
        calls.append(1)
        message = "certificate verify failed"
        raise httpx.ConnectError(message) from ssl.SSLCertVerificationError(message)

    with pytest.raises(SourceUnreachable) as caught:
        persist(Patience(), "https://host", connect)
    assert "SSL_CERT_FILE" in caught.value.next_step
    assert not caught.value.retriable
    assert calls == [1]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (NotNowError("503"), True),
        (httpx.ReadTimeout(""), True),
        (httpx.ConnectError(""), True),
        (httpx.RemoteProtocolError(""), True),
        (httpx.UnsupportedProtocol(""), False),
        (httpx.LocalProtocolError(""), False),
        (httpx.TooManyRedirects(""), False),
        (ValueError(), False),
    ],
)
def test_only_what_can_pass_is_tried_again(error: Exception, again: bool) -> None:  # noqa: FBT001 - a parameter
    """Broken connections pass, wrong requests and bugs do not."""
    assert worthwhile(error) is again
