"""A fake Google Cloud Storage: the JSON API and the XML API over real sockets, with content on disk."""

from tests.fakes.gcs.records import Record
from tests.fakes.gcs.server import FakeGCS
from tests.fakes.gcs.sessions import OpenUpload
from tests.fakes.gcs.tally import Exchange

__all__ = ["Exchange", "FakeGCS", "OpenUpload", "Record"]
