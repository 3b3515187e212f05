"""A bucket of Cloud Storage: private, governed by IAM alone, and clean of what dead engines leave.

An existing bucket may be used by others: a rule is added to its lifecycle, and everything else that is not as it should
be is said, with the command that changes it.

Sources: cloud.google.com/storage/docs/uniform-bucket-level-access, .../public-access-prevention, .../lifecycle.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as api
from google.cloud.storage.retry import DEFAULT_RETRY

from engine.errors import TargetUnreachable, UsageError
from engine.google.bucket import client
from engine.google.credentials import credentials
from engine.google.failures import answering
from engine.setup.thing import DEFAULT_LOCATION, Standing, Thing
from engine.targets.bucket import parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.settings import Settings
    from engine.setup.thing import Asked

_TIMEOUT_SECONDS = 60.0
_ENFORCED = "enforced"
# A load takes hours at most; what is older belongs to an engine that died.
_DAYS = 7
_TRIES = 5


def steps(asked: Asked, settings: Settings) -> Iterator[Thing]:
    """Make the bucket, or look at what it is."""
    name, prefix = parts(asked.url)
    with answering(f"gs://{name}"):
        found, project = credentials(settings.cloud, emulated=bool(settings.cloud.storage))
        with closing(client(found, project, settings.cloud)) as service:
            yield from _Making(service, name, prefix, asked, settings.cloud.retry_seconds).steps()


class _Making:
    """One bucket that is made or looked at.

    Args:
        service: Google's client.
        name: The bucket's name.
        prefix: The target's prefix in it; empty, or ends with a slash.
        asked: What the user wants.
        retry_seconds: How long one request is tried again.

    """

    def __init__(self, service: Any, name: str, prefix: str, asked: Asked, retry_seconds: float) -> None:  # noqa: ANN401 - it publishes no types
        self._service, self._name, self._asked = service, name, asked
        self._waste = [f"{prefix}_engine/staging/", f"{prefix}_engine/locks/"]
        self._how = {"timeout": _TIMEOUT_SECONDS, "retry": DEFAULT_RETRY.with_timeout(retry_seconds)}

    def steps(self) -> Iterator[Thing]:
        """Yield the bucket and its settings."""
        there = self._service.lookup_bucket(self._name, **self._how)
        if there is None and self._asked.dry_run:
            yield from self._new(Standing.WOULD_MAKE, self._asked.location or DEFAULT_LOCATION)
        elif there is None and (made := self._create()) is not None:
            yield from self._new(Standing.MADE, made.location)
        else:  # it was there, or somebody else made it just now
            yield from self._looked(there or self._service.get_bucket(self._name, **self._how))

    def _create(self) -> Any | None:  # noqa: ANN401 - as above
        """Return the bucket with all that it needs; None: there is one now that this request did not make."""
        if not self._service.project:
            message = "a bucket belongs to a project, and none is named"
            raise UsageError(message, state="nothing was changed", next_step="set GOOGLE_CLOUD_PROJECT")
        bucket = self._service.bucket(self._name)
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.iam_configuration.public_access_prevention = _ENFORCED
        bucket.add_lifecycle_delete_rule(age=_DAYS, matches_prefix=self._waste)
        try:
            return self._service.create_bucket(bucket, location=self._asked.location or DEFAULT_LOCATION, **self._how)
        except api.Conflict:
            return None

    def _new(self, state: Standing, location: str) -> Iterator[Thing]:
        yield Thing(what=f"bucket gs://{self._name}", state=state, detail=f"location {location}")
        yield Thing(what="uniform bucket-level access", state=state)
        yield Thing(what="public access prevention", state=state, detail=_ENFORCED)
        yield Thing(what="lifecycle rule", state=state, detail=self._rule())

    def _rule(self) -> str:
        return f"deletes after {_DAYS} days below {', '.join(self._waste)}"

    def _looked(self, bucket: Any) -> Iterator[Thing]:  # noqa: ANN401 - as above
        self._asked.check_location(f"bucket gs://{self._name}", bucket.location)
        yield Thing(what=f"bucket gs://{self._name}", state=Standing.THERE, detail=f"location {bucket.location}")
        iam = bucket.iam_configuration
        uniform = bool(iam.uniform_bucket_level_access_enabled)
        yield self._compared("uniform bucket-level access", uniform, "off", "--uniform-bucket-level-access")
        prevented = iam.public_access_prevention
        yield self._compared(
            "public access prevention", prevented == _ENFORCED, prevented, "--public-access-prevention"
        )
        yield Thing(what="lifecycle rule", state=self._clean(bucket), detail=self._rule())

    def _compared(self, what: str, good: bool, found: str, flag: str) -> Thing:  # noqa: FBT001 - a value, no mode
        if good:
            return Thing(what=what, state=Standing.THERE)
        detail = f"it is {found}; gcloud storage buckets update gs://{self._name} {flag}"
        return Thing(what=what, state=Standing.DIFFERS, detail=detail)

    def _clean(self, bucket: Any) -> Standing:  # noqa: ANN401 - as above
        """Add the rule that is missing, to the rules that are there at this very moment."""
        for _ in range(_TRIES):
            lacking = [prefix for prefix in self._waste if not any(_covers(r, prefix) for r in bucket.lifecycle_rules)]
            if not lacking:
                return Standing.THERE
            if self._asked.dry_run:
                return Standing.WOULD_CHANGE
            bucket.add_lifecycle_delete_rule(age=_DAYS, matches_prefix=lacking)
            try:
                bucket.patch(if_metageneration_match=bucket.metageneration, **self._how)
            except api.PreconditionFailed:
                bucket = self._service.get_bucket(self._name, **self._how)
            else:
                return Standing.CHANGED
        message = "the bucket's settings are changed by somebody else all the time"
        raise TargetUnreachable(message, facts={"bucket": self._name}, next_step="run the same command again")


def _covers(rule: dict[str, Any], prefix: str) -> bool:
    """Tell whether a rule deletes what lies below a prefix, and is due by age alone."""
    condition = rule.get("condition", {})
    if rule.get("action", {}).get("type") != "Delete" or set(condition) - {"age", "matchesPrefix"}:
        return False
    return 0 < int(condition.get("age", 0)) <= _DAYS and any(
        map(prefix.startswith, condition.get("matchesPrefix", [""]))
    )
