"""Refusals with the status, the reason and the words of the real service.

One `ApiError` serves all ways out: the body of an HTTP error, the `errorResult` of a job, the status of a gRPC call.
Reasons: https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.bigquery.names import Json, TableName

# What the service says where only one of the two is known.
REASONS = {
    400: "invalid",
    401: "authError",
    403: "accessDenied",
    404: "notFound",
    409: "duplicate",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "internalError",
    501: "notImplemented",
    502: "badGateway",
    503: "backendError",
}
# The names of gRPC's statuses.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_QUOTAS = ("rateLimitExceeded", "quotaExceeded")


class ApiError(Exception):
    """The service refuses.

    Args:
        status: HTTP status.
        message: Its text, as people read it.
        reason: The service's word for it; empty: the usual one of this status.

    """

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason or REASONS.get(status, "internalError")

    @property
    def code(self) -> str:
        """The name of the gRPC status of the same meaning."""
        if self.reason in _QUOTAS:
            return "RESOURCE_EXHAUSTED"
        return _CODES.get(self.status, "UNKNOWN")

    def body(self) -> Json:
        """Return the body of an HTTP error."""
        detail = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [detail], "status": self.code}}

    def result(self) -> Json:
        """Return the `errorResult` of a job."""
        return {"reason": self.reason, "message": self.message}


def invalid(message: str) -> ApiError:
    """Return the refusal of a request that makes no sense."""
    return ApiError(400, message)


def invalid_query(message: str) -> ApiError:
    """Return the refusal of a statement."""
    return ApiError(400, message, "invalidQuery")


def not_found(kind: str, name: object, location: str = "") -> ApiError:
    """Return the refusal for want of something; jobs also say in which location they looked."""
    where = f" was not found in location {location}" if location else ""
    return ApiError(404, f"Not found: {kind} {name}{where}")


def dataset_not_found(name: object, location: str = "") -> ApiError:
    """Return the refusal for want of a dataset."""
    return not_found("Dataset", name, location)


def table_not_found(name: TableName, location: str = "") -> ApiError:
    """Return the refusal for want of a table."""
    return not_found("Table", name.bare(), location)


def job_not_found(name: object) -> ApiError:
    """Return the refusal for want of a job."""
    return not_found("Job", name)


def uri_not_found(uri: str) -> ApiError:
    """Return the refusal for want of a file."""
    return not_found("URI", uri)


def already_exists(kind: str, name: object) -> ApiError:
    """Return the refusal of a name that is taken."""
    return ApiError(409, f"Already Exists: {kind} {name}")


def dataset_exists(name: object) -> ApiError:
    """Return the refusal of a dataset's name that is taken."""
    return already_exists("Dataset", name)


def table_exists(name: TableName) -> ApiError:
    """Return the refusal of a table's name that is taken, or of a table that must be empty."""
    return already_exists("Table", name)


def job_exists(name: object) -> ApiError:
    """Return the refusal of a job's id that is taken."""
    return already_exists("Job", name)


def precondition_failed() -> ApiError:
    """Return the refusal of a change whose If-Match does not hold."""
    return ApiError(412, "Precondition check failed.")


def schema_mismatch(table: TableName, detail: str) -> ApiError:
    """Return the refusal of rows or of a schema that do not fit a table."""
    return invalid(f"Provided Schema does not match Table {table.bare()}. {detail}")


def not_covered(what: str) -> ApiError:
    """Return the refusal of what the real service can and this fake cannot."""
    return ApiError(501, f"this fake does not cover {what}")
