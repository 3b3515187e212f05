"""The JSON API (https://cloud.google.com/storage/docs/json_api/v1): which request is which operation.

Object names come percent-encoded in one segment of the path, so the patterns are matched before decoding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.fakes.gcs import listing
from tests.fakes.gcs.calls import Refusal, Reply, json_reply
from tests.fakes.gcs.conditions import Conditions, of_query
from tests.fakes.gcs.content import windows_of
from tests.fakes.gcs.media import download
from tests.fakes.gcs.uploads import upload_media, upload_multipart

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.gcs.access import Access
    from tests.fakes.gcs.calls import Call
    from tests.fakes.gcs.content import Content
    from tests.fakes.gcs.objects import Store
    from tests.fakes.gcs.sessions import Sessions

_MOST_SOURCES = 32


class JsonApi:
    """Answers requests of the JSON API.

    Args:
        store: What it works on.
        sessions: Its resumable uploads.
        access: What callers may do.
        base_url: The server's own URL, for links.

    """

    def __init__(self, store: Store, sessions: Sessions, access: Access, base_url: str) -> None:
        self._store = store
        self._sessions = sessions
        self._access = access
        self._base_url = base_url
        bucket, name = "/storage/v1/b/([^/]+)", "/storage/v1/b/([^/]+)/o/([^/]+)"
        upload, to = "/(?:resumable/)?upload/storage/v1/b/([^/]+)/o", "/b/([^/]+)/o/([^/]+)"
        routes: list[tuple[str, str, Callable[..., Reply], str]] = [
            ("GET", "/storage/v1/b", self._list_buckets, "storage.buckets.list"),
            ("POST", "/storage/v1/b", self._create_bucket, "storage.buckets.create"),
            ("GET", bucket, self._get_bucket, "storage.buckets.get"),
            ("PATCH|PUT", bucket, self._change_bucket, "storage.buckets.update"),
            ("DELETE", bucket, self._delete_bucket, "storage.buckets.delete"),
            ("GET", f"{bucket}/storageLayout", self._layout, "storage.objects.list"),
            ("GET", f"{bucket}/iam/testPermissions", self._permissions, ""),
            ("GET", f"{bucket}/o", self._list, "storage.objects.list"),
            ("GET", f"(?:/download)?{name}", self._get, "storage.objects.get"),
            ("PATCH|PUT", name, self._change, "storage.objects.update"),
            ("DELETE", name, self._delete, "storage.objects.delete"),
            ("POST", f"{name}/compose", self._compose, "storage.objects.create"),
            ("POST", f"{name}/rewriteTo{to}", self._rewrite, "storage.objects.create"),
            ("POST", f"{name}/copyTo{to}", self._copy, "storage.objects.create"),
            ("POST", f"{name}/moveTo/o/([^/]+)", self._move, "storage.objects.create"),
            ("POST|PUT", upload, self._upload, "storage.objects.create"),
            ("DELETE", upload, self._upload, ""),
        ]
        self._routes = [
            (re.compile(methods), re.compile(f"{path}/?"), answer, permission)
            for methods, path, answer, permission in routes
        ]

    def answer(self, call: Call) -> Reply:
        """Answer a request."""
        for methods, path, answer, permission in self._routes:
            found = path.fullmatch(call.path)
            if found and methods.fullmatch(call.method):
                if permission:
                    self._access.require(permission)
                return answer(call, *(unquote(part) for part in found.groups()))
        raise Refusal(404, "notFound", "Not Found")

    # --- buckets

    def _list_buckets(self, call: Call) -> Reply:
        prefix = call.value("prefix") or ""
        items = [b.resource(self._base_url) for b in self._store.buckets() if b.name.startswith(prefix)]
        return json_reply({"kind": "storage#buckets", "items": items})

    def _create_bucket(self, call: Call) -> Reply:
        resource = call.json()
        if "name" not in resource:
            raise Refusal(400, "required", "Required parameter: name")
        return json_reply(self._store.create_bucket(resource["name"], resource).resource(self._base_url))

    def _get_bucket(self, call: Call, bucket: str) -> Reply:
        return json_reply(self._store.bucket(bucket, of_query(call)).resource(self._base_url))

    def _change_bucket(self, call: Call, bucket: str) -> Reply:
        changed = self._store.change_bucket(bucket, call.json(), of_query(call), replace=call.method == "PUT")
        return json_reply(changed.resource(self._base_url))

    def _delete_bucket(self, call: Call, bucket: str) -> Reply:
        self._store.delete_bucket(bucket, of_query(call))
        return Reply(status=204)

    def _layout(self, _: Call, bucket: str) -> Reply:
        resource = self._store.bucket(bucket).resource(self._base_url)
        layout = {"kind": "storage#storageLayout", "bucket": bucket, "hierarchicalNamespace": {"enabled": False}}
        return json_reply({**layout, "location": resource["location"], "locationType": resource["locationType"]})

    def _permissions(self, call: Call, bucket: str) -> Reply:
        self._store.bucket(bucket)
        held = self._access.held(call.values("permissions"))
        return json_reply({"kind": "storage#testIamPermissionsResponse", "permissions": held})

    # --- objects

    def _list(self, call: Call, bucket: str) -> Reply:
        query = listing.Query(
            prefix=call.value("prefix") or "",
            delimiter=call.value("delimiter") or "",
            start=call.value("startOffset") or "",
            end=call.value("endOffset") or "",
            after=listing.last_of(call.value("pageToken") or ""),
            glob=call.value("matchGlob") or "",
            most=int(call.value("maxResults") or 1000),
        )
        page = listing.page(self._store.objects(bucket), query)
        items = [record.resource(self._base_url) for record in page.records]
        more = {"nextPageToken": listing.token(page.last)} if page.last else {}
        return json_reply({"kind": "storage#objects", "items": items, "prefixes": page.prefixes, **more})

    def _get(self, call: Call, bucket: str, name: str) -> Reply:
        conditions = of_query(call)
        if call.value("alt") == "media":
            return download(self._store, call, bucket, name, conditions)
        record = self._store.find(bucket, name, generation=_generation(call, "generation"), conditions=conditions)
        return json_reply(record.resource(self._base_url))

    def _change(self, call: Call, bucket: str, name: str) -> Reply:
        record = self._store.change(bucket, name, call.json(), of_query(call), replace=call.method == "PUT")
        return json_reply(record.resource(self._base_url))

    def _delete(self, call: Call, bucket: str, name: str) -> Reply:
        self._store.delete(bucket, name, of_query(call), generation=_generation(call, "generation"))
        return Reply(status=204)

    def _compose(self, call: Call, bucket: str, name: str) -> Reply:
        asked, conditions = call.json(), of_query(call)
        sources = asked.get("sourceObjects", [])
        if not 1 <= len(sources) <= _MOST_SOURCES:
            raise Refusal(400, "invalid", f"The number of source components must be between 1 and {_MOST_SOURCES}.")
        self._access.require("storage.objects.get")
        self._store.check(bucket, name, conditions)
        with self._store.shelf.links() as parts:
            for source in sources:
                parts.append(self._component(bucket, source))
            content = self._store.shelf.keep(windows_of(part.path for part in parts), with_md5=False)
        attributes = asked.get("destination") or {}
        return json_reply(self._store.publish(bucket, name, content, attributes, conditions).resource(self._base_url))

    def _component(self, bucket: str, source: dict[str, Any]) -> Content:
        match = (source.get("objectPreconditions") or {}).get("ifGenerationMatch")
        conditions = Conditions(generation_match=None if match is None else int(match))
        generation = int(source["generation"]) if source.get("generation") else None
        return self._store.copy(bucket, source["name"], conditions, generation=generation)[1]

    def _rewrite(self, call: Call, bucket: str, name: str, to_bucket: str, to_name: str) -> Reply:
        resource = self._copied(call, bucket, name, to_bucket, to_name)
        sizes = {"totalBytesRewritten": resource["size"], "objectSize": resource["size"]}
        return json_reply({"kind": "storage#rewriteResponse", "done": True, **sizes, "resource": resource})

    def _copy(self, call: Call, bucket: str, name: str, to_bucket: str, to_name: str) -> Reply:
        return json_reply(self._copied(call, bucket, name, to_bucket, to_name))

    def _move(self, call: Call, bucket: str, name: str, to_name: str) -> Reply:
        self._access.require("storage.objects.delete")
        resource = self._copied(call, bucket, name, bucket, to_name)
        self._store.delete(bucket, name, of_query(call, source=True))
        return json_reply(resource)

    def _copied(self, call: Call, bucket: str, name: str, to_bucket: str, to_name: str) -> dict[str, object]:
        self._access.require("storage.objects.get")
        changes = call.json()
        generation, source = _generation(call, "sourceGeneration"), of_query(call, source=True)
        record, content = self._store.copy(bucket, name, source, generation=generation)
        attributes = {**record.attributes, **changes}
        return self._store.publish(to_bucket, to_name, content, attributes, of_query(call)).resource(self._base_url)

    def _upload(self, call: Call, bucket: str) -> Reply:
        kind = call.value("uploadType")
        if call.value("upload_id"):
            return self._sessions.go_on(call, self._base_url)
        if kind == "resumable":
            return self._sessions.start(call, bucket, self._base_url)
        if kind not in ("media", "multipart"):
            raise Refusal(400, "invalid", f"Unknown uploadType: {kind}")
        upload = upload_media if kind == "media" else upload_multipart
        return json_reply(upload(self._store, call, bucket).resource(self._base_url))


def _generation(call: Call, parameter: str) -> int | None:
    text = call.value(parameter)
    return int(text) if text else None
