"""Objects and buckets as values: what the server knows of each, and the resource that the JSON API shows."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.gcs.content import Content

# The fields of an object that clients set; everything else is the server's.
WRITABLE = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "eventBasedHold",
    "metadata",
    "storageClass",
    "temporaryHold",
)
_BUCKET_DEFAULTS: dict[str, Any] = {
    "iamConfiguration": {"publicAccessPrevention": "inherited", "uniformBucketLevelAccess": {"enabled": False}},
    "location": "US",
    "locationType": "multi-region",
    "storageClass": "STANDARD",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One object at one moment.

    Attributes:
        bucket: Its bucket.
        name: Its name.
        generation: Changes with the content; microseconds.
        metageneration: Changes with the metadata; from 1 in each generation.
        content: Its bytes.
        attributes: The fields that clients set, as in the resource.
        created: Seconds since 1970.
        updated: Seconds since 1970.

    """

    bucket: str
    name: str
    generation: int
    metageneration: int = 1
    content: Content
    attributes: Mapping[str, Any]
    created: float
    updated: float

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return self.content.size

    @property
    def crc32c(self) -> str:
        """CRC32C of its content, big-endian, in base64."""
        return self.content.crc32c

    @property
    def md5(self) -> str | None:
        """MD5 of its content in base64; None: it was composed."""
        return self.content.md5

    @property
    def content_type(self) -> str:
        """Its media type."""
        return str(self.attributes.get("contentType") or "application/octet-stream")

    @property
    def metadata(self) -> dict[str, str]:
        """The user's own metadata."""
        return dict(self.attributes.get("metadata") or {})

    @property
    def etag(self) -> str:
        """An entity tag of this generation and metageneration."""
        return base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode()

    def resource(self, base_url: str) -> dict[str, Any]:
        """Return it as the JSON API shows it (https://cloud.google.com/storage/docs/json_api/v1/objects)."""
        path = f"storage/v1/b/{self.bucket}/o/{quote(self.name, safe='')}"
        known = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{base_url}/{path}",
            "mediaLink": f"{base_url}/download/{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(self.size),
            "crc32c": self.crc32c,
            "etag": self.etag,
            "timeCreated": timestamp(self.created),
            "timeStorageClassUpdated": timestamp(self.created),
            "timeFinalized": timestamp(self.created),
            "updated": timestamp(self.updated),
        }
        if self.md5 is not None:
            known["md5Hash"] = self.md5
        return {"storageClass": "STANDARD", **self.attributes, **known}


@dataclass(kw_only=True, slots=True)
class Bucket:
    """One bucket; whoever changes it holds the store's lock.

    Attributes:
        name: Its name.
        settings: Its resource as clients sent and patched it.
        created: Seconds since 1970.
        updated: Seconds since 1970.
        metageneration: Changes with the settings.
        objects: What it holds, by name.

    """

    name: str
    settings: dict[str, Any]
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    metageneration: int = 1
    objects: dict[str, Record] = field(default_factory=dict)

    @property
    def generation(self) -> int:
        """A moment of its creation, in microseconds."""
        return int(self.created * 1e6)

    def resource(self, base_url: str) -> dict[str, Any]:
        """Return it as the JSON API shows it (https://cloud.google.com/storage/docs/json_api/v1/buckets)."""
        known = {
            "kind": "storage#bucket",
            "id": self.name,
            "selfLink": f"{base_url}/storage/v1/b/{self.name}",
            "name": self.name,
            "projectNumber": "1",
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "etag": base64.b64encode(str(self.metageneration).encode()).decode(),
            "timeCreated": timestamp(self.created),
            "updated": timestamp(self.updated),
        }
        settings = merged(_BUCKET_DEFAULTS, self.settings)
        return {**settings, "location": str(settings["location"]).upper(), **known}


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `old` with changes, as PATCH has them (RFC 7396): null removes, objects are merged, all else replaces."""
    new = dict(old)
    for key, value in changes.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, dict):
            part = new.get(key)
            new[key] = merged(part if isinstance(part, dict) else {}, value)
        else:
            new[key] = value
    return new


def writable(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of an object's resource that clients set."""
    return {key: resource[key] for key in WRITABLE if resource.get(key) is not None}


def timestamp(seconds: float) -> str:
    """Return a moment as the APIs print it: RFC 3339, UTC, with milliseconds."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03d}Z"
