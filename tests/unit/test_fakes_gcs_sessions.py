"""Resumable uploads of the fake GCS, byte by byte, and how real clients live with broken ones."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING

import google_crc32c
import httpx
import pytest
from google.cloud.storage.exceptions import InvalidResponse  # type: ignore[import-untyped, unused-ignore]

from tests.fakes import faults
from tests.fakes.faults import Fault, on
from tests.fakes.gcs import FakeGCS
from tests.fakes.gcs.clients import filesystem, storage_client
from tests.fakes.gcs.sessions import QUANTUM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = b"".join(number.to_bytes(4, "big") for number in range(QUANTUM))  # 1 MiB, every place different


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeGCS]:
    """Run a fake with one bucket."""
    with FakeGCS("lake", folder=tmp_path) as running:
        yield running
        assert running.errors == []


@pytest.fixture
def http(fake: FakeGCS) -> Iterator[httpx.Client]:
    """Give a bare HTTP client of the fake."""
    with httpx.Client(base_url=fake.url, trust_env=False) as client:
        yield client


def start(http: httpx.Client, query: str = "", resource: dict[str, object] | None = None) -> str:
    """Begin an upload of `lake/a`, and return its URL."""
    answer = http.post(f"/upload/storage/v1/b/lake/o?uploadType=resumable&name=a{query}", json=resource or {})
    assert answer.status_code == 200
    return answer.headers["Location"]


def send(http: httpx.Client, url: str, begin: int, end: int, total: int | str = "*", **headers: str) -> httpx.Response:
    """Send a range of the content."""
    ranges = {"Content-Range": f"bytes {begin}-{end - 1}/{total}"}
    return http.put(url, content=CONTENT[begin:end], headers={**ranges, **headers})


def ask(http: httpx.Client, url: str, total: int | str = "*") -> httpx.Response:
    """Ask how much is there; a total that is there already ends the upload."""
    return http.put(url, headers={"Content-Range": f"bytes */{total}"})


def test_chunks(fake: FakeGCS, http: httpx.Client) -> None:
    """Chunks are confirmed one by one, and the object appears with the last, which may be short."""
    url = start(http, resource={"metadata": {"load": "1"}})
    assert "Range" not in ask(http, url).headers
    first = send(http, url, 0, QUANTUM)
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{QUANTUM - 1}")
    (upload,) = fake.open_uploads()
    assert (upload.kind, upload.bucket, upload.name, upload.received) == ("resumable", "lake", "a", QUANTUM)
    assert fake.objects("lake") == {}
    last = send(http, url, QUANTUM, QUANTUM + 7, QUANTUM + 7)
    assert (last.status_code, last.json()["size"], last.json()["metadata"]) == (200, str(QUANTUM + 7), {"load": "1"})
    assert fake.read("lake", "a") == CONTENT[: QUANTUM + 7]
    assert fake.open_uploads() == []


def test_end_without_bytes(fake: FakeGCS, http: httpx.Client) -> None:
    """An upload of unknown length ends when a request without bytes names the length."""
    url = start(http)
    send(http, url, 0, 2 * QUANTUM)
    assert ask(http, url, 2 * QUANTUM).status_code == 200
    assert fake.objects("lake")["a"].size == 2 * QUANTUM
    assert ask(http, start(http), 0).json()["size"] == "0"


@pytest.mark.parametrize("chunked", [True, False])
def test_one_request(fake: FakeGCS, http: httpx.Client, *, chunked: bool) -> None:
    """A body without Content-Range is the whole object, also with chunked transfer coding."""
    url = start(http)
    parts = iter([CONTENT[:1000], CONTENT[1000:]])
    answer = http.put(url, content=parts) if chunked else http.put(url, content=CONTENT)
    assert answer.status_code == 200
    assert fake.read("lake", "a") == CONTENT


def test_odd_chunk(fake: FakeGCS, http: httpx.Client) -> None:
    """A chunk that is not the last and no multiple of 256 KiB is refused, and nothing of it is kept."""
    url = start(http)
    assert send(http, url, 0, QUANTUM + 1).status_code == 400
    assert fake.open_uploads()[0].received == 0


def test_gap_and_overlap(fake: FakeGCS, http: httpx.Client) -> None:
    """A chunk after a gap is refused; one that overlaps adds what is new."""
    url = start(http)
    assert send(http, url, QUANTUM, 2 * QUANTUM).status_code == 503
    send(http, url, 0, QUANTUM)
    assert send(http, url, 0, 3 * QUANTUM).headers["Range"] == f"bytes=0-{3 * QUANTUM - 1}"
    assert send(http, url, 0, len(CONTENT), len(CONTENT)).status_code == 200
    assert fake.read("lake", "a") == CONTENT


def test_precondition_at_start(fake: FakeGCS, http: httpx.Client) -> None:
    """An upload whose precondition fails already does not begin."""
    generation = fake.write("lake", "a", b"1").generation
    for held in (
        f"ifGenerationMatch={generation + 1}",
        f"ifGenerationNotMatch={generation}",
        "ifMetagenerationMatch=2",
        "ifMetagenerationNotMatch=1",
    ):
        for kind in ("resumable", "media"):
            answer = http.post(f"/upload/storage/v1/b/lake/o?uploadType={kind}&name=a&{held}")
            assert answer.status_code == 412
            assert answer.json()["error"]["errors"][0]["reason"] == "conditionNotMet"
    assert fake.open_uploads() == []


def test_precondition_at_end(fake: FakeGCS, http: httpx.Client) -> None:
    """An upload whose precondition fails by then ends without an object."""
    url = start(http, "&ifGenerationMatch=0")
    send(http, url, 0, QUANTUM)
    fake.write("lake", "a", b"other")
    assert ask(http, url, QUANTUM).status_code == 412
    assert ask(http, url, QUANTUM).status_code == 412
    assert fake.read("lake", "a") == b"other"
    assert fake.open_uploads() == []


def test_after_the_end(fake: FakeGCS, http: httpx.Client) -> None:
    """An upload that has ended answers with its object from then on, whatever is sent."""
    url = start(http)
    done = send(http, url, 0, len(CONTENT), len(CONTENT)).json()
    assert ask(http, url, len(CONTENT)).json() == done
    assert send(http, url, 0, len(CONTENT), len(CONTENT)).json() == done
    assert fake.objects("lake")["a"].generation == int(done["generation"])


def test_cancelled(fake: FakeGCS, http: httpx.Client, tmp_path: Path) -> None:
    """An upload that was cancelled is gone, with its bytes."""
    url = start(http)
    send(http, url, 0, QUANTUM)
    assert http.delete(url).status_code == 499
    assert ask(http, url).status_code == 410
    assert fake.open_uploads() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["crc32c", "md5"])
def test_checksum_at_end(fake: FakeGCS, http: httpx.Client, kind: str) -> None:
    """A wrong X-Goog-Hash with the last chunk is refused and makes no object."""
    url = start(http)
    wrong = {"X-Goog-Hash": f"{kind}=AAAAAA=="}
    answer = send(http, url, 0, len(CONTENT), len(CONTENT), **wrong)
    assert answer.status_code == 400
    assert "doesn't match calculated" in answer.json()["error"]["message"]
    assert (fake.objects("lake"), fake.open_uploads()) == ({}, [])


def test_checksum_at_start(fake: FakeGCS, http: httpx.Client) -> None:
    """A checksum that came with the resource at the start is held against the bytes at the end."""
    right = base64.b64encode(google_crc32c.value(CONTENT).to_bytes(4, "big")).decode()
    for crc32c, status in (("AAAAAA==", 400), (right, 200)):
        url = start(http, resource={"crc32c": crc32c})
        assert send(http, url, 0, len(CONTENT), len(CONTENT)).status_code == status
    assert fake.objects("lake")["a"].crc32c == right


@pytest.mark.parametrize("arrived", [0, 1, QUANTUM - 1, QUANTUM, 3 * QUANTUM + 9])
def test_cut_by_a_fault(fake: FakeGCS, http: httpx.Client, arrived: int) -> None:
    """Of a chunk whose connection breaks, whole multiples of 256 KiB are kept, and the upload goes on from there."""
    url = start(http)
    fake.faults.add(Fault(when=on("PUT"), do=faults.CutBody(after_bytes=arrived)))
    with pytest.raises(httpx.TransportError):
        send(http, url, 0, len(CONTENT), len(CONTENT))
    kept = arrived // QUANTUM * QUANTUM
    assert ask(http, url, len(CONTENT)).headers.get("Range") == (f"bytes=0-{kept - 1}" if kept else None)
    assert send(http, url, kept, len(CONTENT), len(CONTENT)).status_code == 200
    assert fake.read("lake", "a") == CONTENT


def test_cut_by_the_client(fake: FakeGCS, http: httpx.Client) -> None:
    """A client that hangs up in the middle of a chunk finds what had arrived."""
    url = start(http)
    head = f"PUT {url} HTTP/1.1\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(fake.url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + CONTENT[: QUANTUM + 100])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert fake.open_uploads()[0].received == QUANTUM
    assert fake.requests[-1].bytes_in == QUANTUM + 100
    assert ask(http, url).headers["Range"] == f"bytes=0-{QUANTUM - 1}"


def test_unknown_session(http: httpx.Client) -> None:
    """An upload that nobody began is not found."""
    assert ask(http, "/upload/storage/v1/b/lake/o?uploadType=resumable&upload_id=none").status_code == 404


@pytest.mark.parametrize(
    "action",
    [
        faults.Answer(status=503),
        faults.CutBefore(),
        faults.CutBody(after_bytes=QUANTUM + 1),
        faults.LoseAnswer(),
    ],
)
@pytest.mark.parametrize("number", [2, 3, 4])
def test_google_recovers(fake: FakeGCS, action: faults.Action, number: int) -> None:
    """An upload by google-cloud-storage survives one fault at any of its chunks, with one object as the end."""
    fake.faults.add(Fault(when=lambda request: request.number == number, do=action))
    with storage_client(fake.url) as client:
        blob = client.bucket("lake").blob("a", chunk_size=2 * QUANTUM)
        with blob.open("wb", ignore_flush=True, if_generation_match=0) as file:
            file.write(CONTENT[:-1])
    assert fake.read("lake", "a") == CONTENT[:-1]
    assert fake.open_uploads() == []


def test_gcsfs_discards(fake: FakeGCS) -> None:
    """A file of gcsfs that is discarded leaves neither an object nor an open upload."""
    with filesystem(fake.url) as files:
        file = files.open("lake/a", "wb", block_size=QUANTUM, autocommit=False)
        file.write(CONTENT[: 3 * QUANTUM])
        file.flush()
        assert len(fake.open_uploads()) == 1
        file.discard()
    assert (fake.objects("lake"), fake.open_uploads()) == ({}, [])


def test_two_uploads_of_one_name(fake: FakeGCS) -> None:
    """Of two uploads that create one object at the same time, the second to end is refused."""
    with storage_client(fake.url) as client:
        files = [
            client.bucket("lake").blob("a", chunk_size=QUANTUM).open("wb", ignore_flush=True, if_generation_match=0)
            for _ in range(2)
        ]
        for file in files:
            file.write(CONTENT)
        assert len(fake.open_uploads()) == 2
        files[1].close()
        with pytest.raises(InvalidResponse, match="412"):  # a writer does not translate it to PreconditionFailed
            files[0].close()
    assert len(fake.objects("lake")) == 1
    assert fake.open_uploads() == []
