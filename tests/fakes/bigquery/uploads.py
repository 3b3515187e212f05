"""Files that clients send along with a load job: in one request, or in several that can be taken up again.

Bodies go to disk as they arrive, so that what arrived before a connection broke is there.
https://cloud.google.com/bigquery/docs/reference/api-uploads
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.bigquery.errors import ApiError, invalid
from tests.fakes.bigquery.http import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.bigquery.names import Json

_BOUNDARY = re.compile(r'boundary="?([^";]+)')
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(kw_only=True)
class _Session:
    job: Json
    path: Path
    done: Reply | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Uploads:
    """All uploads that have begun.

    Args:
        folder: Where the files are spooled.
        finish: Starts the job for a file that has arrived, and answers.

    """

    def __init__(self, folder: Path, finish: Callable[[Json, Path], Reply]) -> None:
        self._folder = folder
        self._finish = finish
        self._sessions: dict[str, _Session] = {}

    def answer(self, call: Call) -> Reply:
        """Answer any request of the upload path."""
        if call.query.get("uploadType") == "multipart":
            return self._multipart(call)
        if "upload_id" not in call.query:
            return self._begin(call)
        session = self._sessions.get(call.query["upload_id"])
        if session is None:
            raise ApiError(404, f"Not found: Upload {call.query['upload_id']}")
        with session.lock:
            return self._resume(call, session)

    def _multipart(self, call: Call) -> Reply:
        found = _BOUNDARY.search(call.headers.get("content-type", ""))
        if found is None:
            raise invalid(message="Missing boundary of a multipart upload")
        boundary, path = found[1].strip("'").encode(), self._new()
        head = b""
        parts: list[bytes] = []
        with path.open("wb") as file:
            for window in call.body():
                if len(parts) < 3:
                    head += window
                    parts = head.split(b"\r\n\r\n", 2)
                    if len(parts) == 3:
                        file.write(parts[2])
                else:
                    file.write(window)
        if len(parts) < 3:
            raise invalid(message="A multipart upload has two parts")
        _cut_end(path, b"\r\n--" + boundary + b"--")
        return self._finish(json.loads(parts[1].split(b"\r\n--" + boundary)[0]), path)

    def _begin(self, call: Call) -> Reply:
        name = uuid.uuid4().hex
        self._sessions[name] = _Session(job=call.json(), path=self._new())
        place = f"http://{call.headers['host']}{call.path}?uploadType=resumable&upload_id={name}"
        return Reply(headers={"Location": place, "X-GUploader-UploadID": name})

    def _resume(self, call: Call, session: _Session) -> Reply:
        if session.done is not None:
            return session.done
        found = _RANGE.fullmatch(call.headers.get("content-range", ""))
        have = session.path.stat().st_size
        begin = int(found[1]) if found and found[1] else have
        if begin > have:
            raise ApiError(400, f"Invalid request. The upload has {have} bytes, and these begin at {begin}.")
        with session.path.open("r+b") as file:
            file.seek(begin)
            for window in call.body():
                file.write(window)
                file.flush()
            have = file.tell()
        total = found[3] if found else str(have)
        if total == "*" or int(total) != have:
            return Reply(status=308, headers={"Range": f"bytes=0-{have - 1}"} if have else {})
        session.done = self._finish(session.job, session.path)
        return session.done

    def _new(self) -> Path:
        path = self._folder / f"{uuid.uuid4().hex}.parquet"
        path.touch()
        return path


def _cut_end(path: Path, end: bytes) -> None:
    """Remove the last boundary of a multipart body."""
    with path.open("r+b") as file:
        file.seek(max(0, path.stat().st_size - len(end) - 4))
        begin = file.tell()
        at = file.read().rfind(end)
        if at < 0:
            raise invalid(message="A multipart upload ends with its boundary")
        file.truncate(begin + at)
