"""The fake itself: what a test starts, asks, and lets go wrong."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.fakes.faults import Faults
from tests.fakes.gcs.access import Access
from tests.fakes.gcs.batch import answer_batch
from tests.fakes.gcs.calls import Refusal, Reply, json_refusal
from tests.fakes.gcs.conditions import Conditions
from tests.fakes.gcs.connection import Listener
from tests.fakes.gcs.content import Shelf
from tests.fakes.gcs.json_api import JsonApi
from tests.fakes.gcs.objects import Store
from tests.fakes.gcs.sessions import OpenUpload, Sessions
from tests.fakes.gcs.xml_api import XmlApi
from tests.fakes.gcs.xml_uploads import MultipartUploads
from tests.fakes.gcs.xml_words import xml_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.gcs.calls import Call
    from tests.fakes.gcs.records import Record
    from tests.fakes.gcs.tally import Exchange

_JSON_PLACES = ("/storage/v1/", "/upload/", "/resumable/upload/", "/download/", "/batch/", "/token", "/v1/projects/")


class FakeGCS:
    """A GCS on a local socket, both of its APIs; it runs from its construction to `close`, or as a context manager.

    Args:
        buckets: Buckets that exist from the start.
        folder: Where content lies; None: a temporary folder, which goes away at the end.
        port: Where to listen; 0: anywhere.
        host: The address of this machine that it listens on.
        token: The bearer token that requests must bring; None: anybody may come.
        faults: Faults to commit, where other servers share them.

    Attributes:
        url: Its base URL, without a slash at its end.
        faults: What is to go wrong.
        access: Tokens and denied permissions.

    """

    def __init__(
        self,
        *buckets: str,
        folder: Path | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        token: str | None = None,
        faults: Faults | None = None,
    ) -> None:
        self._temporary = None if folder else Path(tempfile.mkdtemp(prefix="fake-gcs-"))
        self.faults = Faults() if faults is None else faults
        self.access = Access(token)
        self._shelf = Shelf(folder or self._temporary or Path())
        self._store = Store(self._shelf, self.access)
        for bucket in buckets:
            self._store.create_bucket(bucket, {})
        self._listener = Listener((host, port), self.faults)
        self.url = self._listener.url
        self._sessions = Sessions(self._store)
        self._multiparts = MultipartUploads(self._store)
        self._json = JsonApi(self._store, self._sessions, self.access, self.url)
        self._xml = XmlApi(self._store, self._multiparts, self.access)
        self._listener.start(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody, end all threads, and remove the temporary folder."""
        self._listener.close()
        self._sessions.close()
        self._shelf.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary)

    # --- what tests ask

    @property
    def requests(self) -> list[Exchange]:
        """All requests so far, each with its bytes and its status."""
        return self._listener.tally.exchanges()

    @property
    def errors(self) -> list[BaseException]:
        """What a callback of a fault raised, and defects of the fake."""
        return self._listener.tally.errors()

    def forget_requests(self) -> None:
        """Count requests from nothing again."""
        self._listener.tally.forget()

    def objects(self, bucket: str) -> dict[str, Record]:
        """Return the live objects of a bucket by name, in order."""
        return {record.name: record for record in self._store.objects(bucket)}

    def bucket(self, name: str) -> dict[str, Any]:
        """Return a bucket's resource as the JSON API shows it."""
        return self._store.bucket(name).resource(self.url)

    def read(self, bucket: str, name: str) -> bytes:
        """Return an object's bytes."""
        _, file = self._store.open(bucket, name)
        with file:
            return file.read()

    def write(self, bucket: str, name: str, data: bytes, *, metadata: Mapping[str, str] | None = None) -> Record:
        """Write an object as another client would, whoever is denied what."""
        content = self._shelf.keep([data])
        attributes = {"metadata": dict(metadata)} if metadata else {}
        return self._store.publish(bucket, name, content, attributes, Conditions(), trusted=True)

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object as another client would."""
        self._store.delete(bucket, name, Conditions())

    def open_uploads(self) -> list[OpenUpload]:
        """Return the uploads that were begun and have neither ended nor been cancelled."""
        return [*self._sessions.open(), *self._multiparts.open()]

    def deny(self, *permissions: str) -> None:
        """Answer 403 to what needs one of these permissions, such as `storage.objects.create`."""
        self.access.denied.update(permissions)

    def allow(self, *permissions: str) -> None:
        """Take back what was denied."""
        self.access.denied.difference_update(permissions)

    # --- what connections ask

    def answer(self, call: Call) -> Reply:
        """Answer a request of either API, or of the endpoints that hand out tokens."""
        try:
            if (granted := self.access.grant(call)) is not None:
                return granted
            if call.value("upload_id") is None:  # a session's URL is its own proof
                self.access.identify(call.headers)
            if call.path.rstrip("/") == "/batch/storage/v1":
                return answer_batch(call, self._json.answer)
            return self._json.answer(call) if _is_json(call) else self._xml.answer(call)
        except Refusal as refusal:
            return self.refuse(call, refusal)

    def refuse(self, call: Call, refusal: Refusal) -> Reply:
        """Word a refusal as the API of a call does."""
        return json_refusal(refusal) if _is_json(call) else xml_refusal(refusal)


def _is_json(call: Call) -> bool:
    return call.path.startswith(_JSON_PLACES)
