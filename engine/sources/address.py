"""URLs of http(s) sources, split into what may be shown and what is secret.

Nothing but `Address.shown` goes into receipts, messages, logs and folder names: it has no user, no password, and no
value of a query parameter that looks like a credential (signatures and tokens of signed URLs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# A URL whose last segment ends like this is a month's file; any other is the base of all files.
_FILE = re.compile(r"\.(csv|gz|parquet)$", re.IGNORECASE)
_SECRET = re.compile(r"sig|token|secret|pass|pwd|key|auth|cred|session", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.\-]")

# File names of 255 bytes are the limit of common file systems; a suffix of ours comes on top.
_NAME_LENGTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One http(s) URL.

    Attributes:
        url: What to ask for, without user and password: secret, since its query may carry a signature.
        auth: User and password of the URL, sent as HTTP Basic (RFC 7617).
        shown: What people and files may see.
        missing: HTTP statuses besides 404 and 410 by which this place says that a file is not there.

    """

    url: str = field(repr=False)
    auth: tuple[str, str] | None = field(repr=False)
    shown: str
    missing: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Address:
        """Split a URL.

        Raises:
            UsageError: It names no host, or is no URL.

        """
        try:
            parts = urlsplit(text)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host:
            message = "this URL names no host"  # the URL itself may hold a password
            raise UsageError(message, facts={"expected": "https://host/folder"}, next_step="check --from")
        place = parts.netloc.rpartition("@")[2]
        auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
        return cls(
            url=urlunsplit((parts.scheme, place, parts.path, parts.query, "")),
            auth=auth,
            shown=urlunsplit((parts.scheme, place, parts.path, _masked(parts.query), "")),
        )

    @property
    def filename(self) -> str:
        """The last segment of the path, safe as a file name."""
        name = unquote(urlsplit(self.url).path.rpartition("/")[2])
        return _UNSAFE.sub("_", name).lstrip(".")[-_NAME_LENGTH:] or "file"


def candidates(location: str, names: Sequence[str], *, templated: bool) -> tuple[Address, ...]:
    """Return the URLs that a month may have, the preferred one first.

    Args:
        location: A base URL, or the URL of a file.
        names: What the file may be called below a base.
        templated: Whether `location` came from a template, and so is the file's own URL whatever it ends in.

    Raises:
        UsageError: It is no URL.

    """
    whole = Address.parse(location)
    parts = urlsplit(location)
    if templated or _FILE.search(parts.path):
        return (whole,)
    base = parts.path.rstrip("/")
    return tuple(Address.parse(urlunsplit(parts._replace(path=f"{base}/{quote(name)}"))) for name in names)


def _masked(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&"))
    return "&".join(
        f"{key}=***" if equals and _SECRET.search(key) else key + equals + value for key, equals, value in pairs
    )
