"""Who we are in Google's cloud: a key that is given, what the machine is logged in as, or an account we may act as.

A key stays in memory: it is never written, logged or shown. Errors name what is wrong with it, never what it says.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

import google.auth
import google.auth.credentials
import google.auth.exceptions
from google.auth import impersonated_credentials
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials as UserCredentials

from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.settings import Cloud

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_NEXT = (
    "set GOOGLE_APPLICATION_CREDENTIALS to the file of a key, or ENGINE_GOOGLE_CREDENTIALS to its content, "
    "or run\ngcloud auth application-default login"
)
# What may be a key where the libraries quote what they took for the name of a file.
_QUOTED = re.compile(r"\{.*|-----BEGIN.*|\S{200,}")


def credentials(cloud: Cloud, *, emulated: bool) -> tuple[google.auth.credentials.Credentials, str]:
    """Return credentials and the project that they belong to (empty: unknown).

    Args:
        cloud: What the environment says.
        emulated: Whether they are for an emulator, which needs none.

    Raises:
        UsageError: There are none, or they make no sense.

    """
    if cloud.key:
        info = _key(cloud.key)
        found, project = _from_key(info), str(info.get("project_id", ""))
    elif emulated:
        return google.auth.credentials.AnonymousCredentials(), cloud.project or "emulated"
    else:
        try:
            found, belongs = google.auth.default(scopes=[SCOPE])
            project = belongs or ""
        except (google.auth.exceptions.GoogleAuthError, ValueError, OSError) as error:
            raise refused(told(error)) from error
        except (AttributeError, TypeError):
            # The library takes whatever is in a key's file for an object with texts.
            reason = "what GOOGLE_APPLICATION_CREDENTIALS names is JSON, and no key"
            raise refused(reason) from None
    if cloud.impersonate:
        found = impersonated_credentials.Credentials(
            source_credentials=found, target_principal=cloud.impersonate, target_scopes=[SCOPE]
        )
    return found, cloud.project or project or ""


def told(error: Exception) -> str:
    """Return what a library says of credentials, without what it may quote of them.

    An error's further arguments hold whole answers, and the name of a file is the key itself where somebody mixed up
    the variables.
    """
    text = (
        str(error.args[0]) if isinstance(error, google.auth.exceptions.GoogleAuthError) and error.args else str(error)
    )
    return _QUOTED.sub("***", (text.splitlines() or [""])[0])


def refused(reason: str) -> UsageError:
    """Return the error for credentials that are missing, or that Google does not take."""
    return UsageError(
        "there are no Google credentials that work",
        facts={"reason": reason},
        state="nothing was changed",
        next_step=_NEXT,
    )


def _key(content: str) -> dict[str, Any]:
    text = content
    if not text.startswith("{"):
        try:
            text = base64.b64decode(content, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            reason = "it is neither JSON nor base64 of it"
            raise _senseless(reason) from None
    try:
        info = json.loads(text)
    except json.JSONDecodeError:
        reason = "it is no JSON"
        raise _senseless(reason) from None
    if not isinstance(info, dict):
        reason = "it is no JSON object"
        raise _senseless(reason)
    return info


def _from_key(info: dict[str, Any]) -> Any:  # noqa: ANN401 - their classes publish no types
    try:
        match info.get("type"):
            case "service_account":
                return service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
            case "authorized_user":
                return UserCredentials.from_authorized_user_info(info, scopes=[SCOPE])
    except (google.auth.exceptions.GoogleAuthError, ValueError, TypeError):
        # Whatever the library says may quote the key.
        reason = "its fields are incomplete, or its private key cannot be read"
        raise _senseless(reason) from None
    reason = f"its type is {info.get('type')!r}, not service_account or authorized_user"
    raise _senseless(reason)


def _senseless(reason: str) -> UsageError:
    return UsageError(
        "the Google key in the environment makes no sense",
        facts={"reason": reason, "variable": "ENGINE_GOOGLE_CREDENTIALS or GOOGLE_APPLICATION_CREDENTIALS"},
        state="nothing was changed",
        next_step="give the whole JSON file of the key, or base64 of it",
    )
