"""What Google's services refuse, in words that say what to grant or to set."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

import google.auth.exceptions
import requests.exceptions
from google.api_core import exceptions as api

from engine.errors import AccessDenied, EngineError, TargetUnreachable, Unreachable, UsageError
from engine.google.credentials import refused, told

if TYPE_CHECKING:
    from collections.abc import Iterator

# An account's name, which comes first in such messages, ends like a permission: `iam.gserviceaccount.com`.
_PERMISSION = re.compile(r"\b(?:storage|bigquery|iam)\.[a-zA-Z]+\.(?!com\b)[a-zA-Z]+\b")

# The smallest predefined role that has a permission (cloud.google.com/iam/docs/roles-permissions).
_ROLES = {
    # A job of another account: what became of a load that it began is asked before the month is loaded again.
    "bigquery.jobs.get": "roles/bigquery.resourceViewer on the project",
    "bigquery.jobs.": "roles/bigquery.jobUser on the project",
    "bigquery.readsessions.": "roles/bigquery.readSessionUser on the project",
    "bigquery.datasets.create": "roles/bigquery.user on the project",
    "bigquery.": "roles/bigquery.dataEditor on the dataset",
    "storage.buckets.": "roles/storage.admin on the project",
    "storage.": "roles/storage.objectUser on the bucket",
    "iam.": "roles/iam.serviceAccountTokenCreator on that account",
}
_QUOTA = ("quotaExceeded", "rateLimitExceeded", "RESOURCE_EXHAUSTED", "Quota exceeded", "Exceeded rate limits")
_LOCATION = re.compile(r"not found in location|different locations|location \S+ and", re.IGNORECASE)


@contextmanager
def answering(name: str, unreachable: type[Unreachable] = TargetUnreachable) -> Iterator[None]:
    """Turn whatever a service answers, or does not, at any time, into the error that says what to do.

    Args:
        name: The bucket or the dataset, for people.
        unreachable: Which error a silent service is.

    """
    try:
        yield
    except EngineError:
        raise
    except google.auth.exceptions.GoogleAuthError as error:
        _unknown(name, error, unreachable)
    except (api.GoogleAPIError, requests.exceptions.RequestException, ConnectionError, TimeoutError) as error:
        _refused(name, error, unreachable)


def said(error: Exception) -> str:
    """Return what a service said, without the address that was asked."""
    text = str(getattr(error, "message", "") or error)
    if text.startswith("{"):  # an upload's error is the whole answer
        with suppress(ValueError, KeyError, TypeError):
            text = str(json.JSONDecoder().raw_decode(text)[0]["error"]["message"])
    return (re.sub(r"^(?:\d{3} )?(?:GET|POST|PUT|PATCH|DELETE) \S+: ", "", text).splitlines() or [""])[0]


def _unknown(name: str, error: google.auth.exceptions.GoogleAuthError, unreachable: type[Unreachable]) -> NoReturn:
    """Raise the error for credentials that could not be turned into a token."""
    if isinstance(error, google.auth.exceptions.TransportError) or error.retryable:
        _silent(name, error, unreachable)
    # Who may not act as another account is known, and lacks a permission: the answer is the error's second argument.
    if _PERMISSION.search(str(error)):
        raise _denied(name, str(error), told(error)) from error
    raise refused(told(error)) from error


def _refused(name: str, error: Exception, unreachable: type[Unreachable]) -> NoReturn:
    reason = said(error)
    reasons = [str(e.get("reason", "")) for e in getattr(error, "errors", ()) if isinstance(e, dict)]
    if any(word in text for text in (str(error), *reasons) for word in _QUOTA):
        message = "a quota of Google's is used up"
        raise unreachable(
            message,
            facts={"where": name, "reason": reason},
            state="nothing of this load is visible",
            next_step="wait, or ask for more under IAM & Admin, Quotas; then run the command again",
        ) from error
    if "bytesBilledLimitExceeded" in reasons or "exceeded limit for bytes billed" in reason:
        message = "a query would be billed for more than --max-bytes-billed allows"
        raise UsageError(
            message,
            facts={"where": name, "reason": reason},
            state="nothing of this load is visible",
            next_step="allow more: the least that a query is billed is 10,485,760 bytes, and each load asks the ledger",
        ) from error
    if isinstance(error, api.Unauthorized):
        raise refused(reason) from error
    if isinstance(error, api.Forbidden):
        raise _denied(name, reason, reason) from error
    if _LOCATION.search(reason):
        message = "the location is another one"
        raise UsageError(
            message,
            facts={"where": name, "reason": reason},
            state="nothing of this load is visible",
            next_step="use a bucket and a dataset of one location: `engine setup ... --location` makes them",
        ) from error
    if isinstance(error, api.NotFound):
        message = "this is not there"
        raise UsageError(
            message,
            facts={"where": name, "reason": reason},
            state="nothing was changed",
            next_step=f"check the name, or make it:\nengine setup {name}",
        ) from error
    if isinstance(error, api.BadRequest):
        message = "Google does not accept the request"
        raise EngineError(
            message,
            facts={"where": name, "reason": reason},
            state="nothing of this load is visible",
        ) from error
    _silent(name, error, unreachable)


def _denied(name: str, answer: str, reason: str) -> AccessDenied:
    found = _PERMISSION.search(answer)
    needed = found[0] if found else ""
    role = next((role for start, role in _ROLES.items() if needed.startswith(start)), "")
    grant = f"grant {role} to this account" if role else "grant this account what is missing"
    return AccessDenied(
        "this account may not do what is needed",
        facts={"where": name, "permission": needed, "reason": reason},
        state="nothing of this load is visible",
        next_step=grant,
    )


def _silent(name: str, error: Exception, unreachable: type[Unreachable]) -> NoReturn:
    cause = error.cause if isinstance(error, api.RetryError) and error.cause else error
    message = "Google's service does not answer as it should, and retries are used up"
    raise unreachable(
        message,
        facts={"where": name, "reason": said(cause)},
        state="nothing of this load is visible",
        next_step="run the same command again: it clears what is left",
    ) from error
