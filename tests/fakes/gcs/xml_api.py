"""The XML API (https://cloud.google.com/storage/docs/xml-api), which the Rust clients of Polars and obstore speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.fakes.gcs import listing
from tests.fakes.gcs.calls import Refusal, Reply
from tests.fakes.gcs.conditions import of_headers
from tests.fakes.gcs.content import Expected
from tests.fakes.gcs.media import download
from tests.fakes.gcs.xml_words import copied, listed, written

if TYPE_CHECKING:
    from tests.fakes.gcs.access import Access
    from tests.fakes.gcs.calls import Call
    from tests.fakes.gcs.objects import Store
    from tests.fakes.gcs.xml_uploads import MultipartUploads

_FIELDS = {
    "Cache-Control": "cacheControl",
    "Content-Disposition": "contentDisposition",
    "Content-Encoding": "contentEncoding",
    "Content-Language": "contentLanguage",
    "Content-Type": "contentType",
    "X-Goog-Storage-Class": "storageClass",
}
_OWN = "x-goog-meta-"


class XmlApi:
    """Answers requests of the XML API.

    Args:
        store: What it works on.
        uploads: Its multipart uploads.
        access: What callers may do.

    """

    def __init__(self, store: Store, uploads: MultipartUploads, access: Access) -> None:
        self._store = store
        self._uploads = uploads
        self._access = access

    def answer(self, call: Call) -> Reply:
        """Answer a request."""
        bucket, _, name = unquote(call.path).lstrip("/").partition("/")
        if not name:
            return self._bucket(call, bucket)
        has_id = call.value("uploadId") is not None
        match call.method:
            case "GET" | "HEAD":
                self._access.require("storage.objects.get")
                return download(self._store, call, bucket, name, of_headers(call.headers))
            case "DELETE" if has_id:
                self._access.require("storage.multipartUploads.abort")
                return self._uploads.abort(call)
            case "DELETE":
                return self._delete(call, bucket, name)
            case "POST" | "PUT":
                self._access.require("storage.objects.create")
                return self._write(call, bucket, name)
        raise Refusal(405, "methodNotAllowed", "Method not allowed.")

    def _bucket(self, call: Call, bucket: str) -> Reply:
        if call.method not in ("GET", "HEAD"):
            raise Refusal(405, "methodNotAllowed", "Method not allowed.")
        self._access.require("storage.objects.list")
        after = call.value("continuation-token") or call.value("start-after") or call.value("marker")
        query = listing.Query(
            prefix=call.value("prefix") or "",
            delimiter=call.value("delimiter") or "",
            after=after or "",
            most=int(call.value("max-keys") or 1000),
        )
        page = listing.page(self._store.objects(bucket), query)
        return listed(bucket, page, query, version=2 if call.value("list-type") == "2" else 1)

    def _delete(self, call: Call, bucket: str, name: str) -> Reply:
        self._access.require("storage.objects.delete")
        generation = call.value("generation")
        self._store.delete(bucket, name, of_headers(call.headers), generation=int(generation) if generation else None)
        return Reply(status=204)

    def _write(self, call: Call, bucket: str, name: str) -> Reply:
        has_id = call.value("uploadId") is not None
        if call.method == "POST" and call.value("uploads") is not None:
            return self._uploads.start(call, bucket, name, _attributes(call))
        if has_id:
            return self._uploads.complete(call) if call.method == "POST" else self._uploads.part(call)
        if call.method == "POST":
            raise Refusal(400, "invalid", "POST needs ?uploads or ?uploadId.")
        if source := call.headers.get("x-goog-copy-source"):
            return self._copy(call, source, bucket, name)
        return self._put(call, bucket, name)

    def _put(self, call: Call, bucket: str, name: str) -> Reply:
        conditions = of_headers(call.headers)
        self._store.check(bucket, name, conditions)
        content = self._store.shelf.keep(call.body.windows())
        try:
            Expected.of({}, call.headers).check(content)
        except Refusal:
            content.path.unlink()
            raise
        record = self._store.publish(bucket, name, content, _attributes(call), conditions)
        return Reply(headers=written(record))

    def _copy(self, call: Call, source: str, bucket: str, name: str) -> Reply:
        self._access.require("storage.objects.get")
        from_bucket, _, from_name = unquote(source).lstrip("/").partition("/")
        generation = call.headers.get("x-goog-copy-source-generation")
        record, content = self._store.copy(
            from_bucket,
            from_name,
            of_headers(call.headers, source=True),
            generation=int(generation) if generation else None,
        )
        conditions = of_headers(call.headers)
        return copied(self._store.publish(bucket, name, content, record.attributes, conditions))


def _attributes(call: Call) -> dict[str, Any]:
    """Return what an upload's headers say of its object."""
    fields = {key: call.headers[header] for header, key in _FIELDS.items() if call.headers.get(header)}
    own = {key[len(_OWN) :].lower(): value for key, value in call.headers.items() if key.lower().startswith(_OWN)}
    return {**fields, **({"metadata": own} if own else {})}
