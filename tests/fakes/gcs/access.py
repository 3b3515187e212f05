"""Who may do what: bearer tokens, denied permissions, and the endpoints that hand out tokens."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from tests.fakes.gcs.calls import Refusal, Reply, json_refusal, json_reply

if TYPE_CHECKING:
    from email.message import Message

    from tests.fakes.gcs.calls import Call

ACCOUNT = "fake@fake-project.iam.gserviceaccount.com"
_LIFETIME_SECONDS = 3600
_IMPERSONATION = re.compile(r"/v1/projects/-/serviceAccounts/[^/]+:generateAccessToken")
_OF_BUCKETS = ("storage.buckets.", "storage.objects.list")


class Access:
    """What callers are allowed.

    Attributes:
        token: The bearer token that every request must bring; None: anybody may come.
        denied: Permissions that the caller lacks.
        token_error: What `POST /token` answers with 400, such as `invalid_grant`; None: it hands out a token.

    """

    def __init__(self, token: str | None) -> None:
        self.token = token
        self.denied: set[str] = set()
        self.token_error: str | None = None

    def identify(self, headers: Message[str, str]) -> None:
        """Refuse with 401 a caller that is not known."""
        if self.token is None:
            return
        authorization = headers.get("Authorization")
        if authorization is None:
            message = "Anonymous caller does not have storage access to the Google Cloud Storage resource."
            raise Refusal(401, "required", message, location="Authorization")
        if authorization != f"Bearer {self.token}":
            raise Refusal(401, "authError", "Invalid Credentials", location="Authorization")

    def require(self, permission: str) -> None:
        """Refuse with 403 what the caller lacks the permission for."""
        if permission in self.denied:
            raise _forbidden(permission)

    def missing(self, bucket: str, name: str) -> Refusal:
        """Return the refusal of an object that does not exist; who may not list does not learn that."""
        if "storage.objects.list" in self.denied:
            return _forbidden("storage.objects.get")
        return Refusal(404, "notFound", f"No such object: {bucket}/{name}")

    def held(self, permissions: list[str]) -> list[str]:
        """Return those permissions that the caller has."""
        return [permission for permission in permissions if permission not in self.denied]

    def grant(self, call: Call) -> Reply | None:
        """Answer a request for a token; None: it is not one."""
        if call.path == "/token" and call.method == "POST":
            return self._exchange()
        if _IMPERSONATION.fullmatch(call.path) and call.method == "POST":
            return self._impersonate(call)
        return None

    def _exchange(self) -> Reply:
        """Answer as an OAuth 2.0 token endpoint does (RFC 6749, 5)."""
        if self.token_error is not None:
            error = {"error": self.token_error, "error_description": "Invalid JWT Signature."}
            return json_reply(error, status=400)
        lifetime = {"expires_in": _LIFETIME_SECONDS, "token_type": "Bearer"}
        return json_reply({"access_token": self.token or "fake-token", **lifetime})

    def _impersonate(self, call: Call) -> Reply:
        """Answer as https://cloud.google.com/iam/docs/reference/credentials/rest does."""
        try:
            self.identify(call.headers)
        except Refusal as refusal:
            return json_refusal(refusal)
        if "iam.serviceAccounts.getAccessToken" in self.denied:
            message = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
            return json_reply({"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}, status=403)
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + _LIFETIME_SECONDS))
        return json_reply({"accessToken": self.token or "fake-token", "expireTime": expiry})


def _forbidden(permission: str) -> Refusal:
    kind = "bucket" if permission.startswith(_OF_BUCKETS) else "object"
    return Refusal(
        403,
        "forbidden",
        f"{ACCOUNT} does not have {permission} access to the Google Cloud Storage {kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist).",
    )
