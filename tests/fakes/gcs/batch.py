"""Batches of the JSON API (https://cloud.google.com/storage/docs/batch): several small requests in one body."""

from __future__ import annotations

import io
import re
from email.parser import HeaderParser
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.fakes.gcs.calls import Body, Call, Refusal, Reply, Slice, json_refusal
from tests.fakes.gcs.uploads import boundary_of

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 100
_REQUEST_LINE = re.compile(r"^([A-Z]+) (?:https?://[^/\s]+)?(/\S+)(?: HTTP/1\.1)?$")
_BOUNDARY = "batch_of_replies"


def answer_batch(call: Call, answer: Callable[[Call], Reply]) -> Reply:
    """Answer each part by itself; a part that is refused does not touch the others."""
    text = call.body.read().decode().replace("\r\n", "\n")
    parts = [part for part in text.split(f"--{boundary_of(call).decode()}")[1:] if part.strip(" \n-")]
    if len(parts) > _MOST:
        raise Refusal(400, "invalid", f"The batch request has more than {_MOST} calls.")
    replies = "".join(f"--{_BOUNDARY}\r\n{_part(part, answer)}\r\n" for part in parts)
    headers = {"Content-Type": f"multipart/mixed; boundary={_BOUNDARY}"}
    return Reply(headers=headers, body=f"{replies}--{_BOUNDARY}--\r\n".encode())


def _part(part: str, answer: Callable[[Call], Reply]) -> str:
    outer, _, inner = part.lstrip("\n").partition("\n\n")
    line, _, rest = inner.lstrip("\n").partition("\n")
    head, _, content = rest.partition("\n\n") if not rest.startswith("\n") else ("", "", rest[1:])
    found = _REQUEST_LINE.match(line.strip())
    if found is None:
        raise Refusal(400, "badRequest", "Failed to parse batch request.")
    body = content.strip("\n").encode()
    headers = HeaderParser().parsestr(head)
    try:
        reply = answer(Call(method=found[1], target=found[2], headers=headers, body=Body(io.BytesIO(body), len(body))))
    except Refusal as refusal:
        reply = json_refusal(refusal)
    content_id = HeaderParser().parsestr(outer).get("Content-ID", "<>").strip("<>")
    return f"Content-Type: application/http\r\nContent-ID: <response-{content_id}>\r\n\r\n{_rendered(reply)}"


def _rendered(reply: Reply) -> str:
    if isinstance(reply.body, Slice):
        reply.body.file.close()
        raise Refusal(400, "badRequest", "Downloads are not supported in batches.")
    headers = {**reply.headers, "Content-Length": str(reply.length)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{lines}\r\n{reply.body.decode()}"
