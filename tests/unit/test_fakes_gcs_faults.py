"""Faults, counts and the end of the fake GCS: what goes wrong when it is told to, and what never does."""

from __future__ import annotations

import os
import socket
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING

import httpx
import polars as pl
import pytest
from google.api_core.exceptions import Forbidden, PreconditionFailed, TooManyRequests
from google.cloud.storage.exceptions import DataCorruption  # type: ignore[import-untyped, unused-ignore]

from tests.fakes import faults
from tests.fakes.faults import Fault, Faults, Request, on
from tests.fakes.gcs import Exchange, FakeGCS
from tests.fakes.gcs.clients import polars_options, storage_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeGCS]:
    """Run a fake with one bucket and one object."""
    with FakeGCS("lake", folder=tmp_path) as running:
        running.write("lake", "a", b"0123456789")
        yield running


@pytest.fixture
def http(fake: FakeGCS) -> Iterator[httpx.Client]:
    """Give a bare HTTP client of the fake."""
    with httpx.Client(base_url=fake.url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    ("action", "error", "reason"),
    [
        (faults.Answer(status=403, reason="userRateLimitExceeded"), Forbidden, "userRateLimitExceeded"),
        (faults.Answer(status=429, retry_after_seconds=7), TooManyRequests, "rateLimitExceeded"),
    ],
)
def test_statuses(fake: FakeGCS, action: faults.Answer, error: type[Exception], reason: str) -> None:
    """A planned status comes instead of the operation, with a reason, and with Retry-After if asked for."""
    fake.faults.add(Fault(when=on("DELETE"), times=None, do=action))
    with storage_client(fake.url) as client, pytest.raises(error) as caught:
        client.bucket("lake").blob("a").delete(retry=None)
    assert caught.value.errors[0]["reason"] == reason  # type: ignore[attr-defined]
    if action.retry_after_seconds:
        assert caught.value.response.headers["Retry-After"] == "7"  # type: ignore[attr-defined]
    assert list(fake.objects("lake")) == ["a"]


@pytest.mark.parametrize("action", [faults.Answer(status=503), faults.CutBefore(), faults.LoseAnswer()])
def test_google_tries_reads_again(fake: FakeGCS, action: faults.Action) -> None:
    """A client that may try again gets over one fault, and only that one fires."""
    fault = fake.faults.add(Fault(do=action))
    with storage_client(fake.url) as client:
        # Metadata: after a 503 to a download, this client leaves its socket to the garbage collector.
        assert client.bucket("lake").get_blob("a").size == 10
    assert (fault.fired, len(fake.requests)) == (1, 2)


def test_lost_answer(fake: FakeGCS) -> None:
    """A lost answer leaves the object behind, so that trying again with ifGenerationMatch=0 meets 412."""
    fault = fake.faults.add(Fault(when=on("POST", "uploadType=multipart"), do=faults.LoseAnswer()))
    with storage_client(fake.url) as client, pytest.raises(PreconditionFailed):
        client.bucket("lake").blob("b").upload_from_string(b"1", if_generation_match=0)
    assert fault.fired == 1
    assert [exchange.status for exchange in fake.requests] == [0, 412]
    assert fake.read("lake", "b") == b"1"


def test_cut_body(fake: FakeGCS, http: httpx.Client, tmp_path: Path) -> None:
    """An upload in one request that breaks leaves nothing, not even on disk."""
    fake.faults.add(Fault(when=on("POST"), do=faults.CutBody(after_bytes=MIB + 5)))
    files = set(tmp_path.iterdir())
    with pytest.raises(httpx.TransportError):
        http.post("/upload/storage/v1/b/lake/o?uploadType=media&name=b", content=bytes(3 * MIB))
    assert fake.requests[-1].bytes_in == MIB + 5
    assert list(fake.objects("lake")) == ["a"]
    assert set(tmp_path.iterdir()) == files


def test_delay(fake: FakeGCS, http: httpx.Client) -> None:
    """A slow answer is silent for that long, and a client may lose patience."""
    fake.faults.add(Fault(do=faults.Delay(seconds=0.2)))
    with pytest.raises(httpx.ReadTimeout):
        http.get("/lake/a", timeout=0.05)
    fake.faults.add(Fault(do=faults.Delay(seconds=0.1)))
    begun = time.monotonic()
    assert http.get("/lake/a").content == b"0123456789"
    assert time.monotonic() - begun >= 0.1


def test_cut_download(fake: FakeGCS, http: httpx.Client) -> None:
    """A download that is cut delivers its first bytes only, and is counted so."""
    fake.faults.add(Fault(do=faults.CutDownload(after_bytes=4)))
    with http.stream("GET", "/lake/a") as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"0123"
        with pytest.raises(httpx.RemoteProtocolError):
            next(parts)
    assert fake.requests[-1].bytes_out == 4


def test_corrupt_download(fake: FakeGCS) -> None:
    """One changed byte is what a client's checksum is for."""
    fake.faults.add(Fault(when=on("GET", "alt=media"), times=None, do=faults.CorruptDownload(at_byte=3)))
    with storage_client(fake.url) as client, pytest.raises(DataCorruption):
        client.bucket("lake").blob("a").download_as_bytes()
    with httpx.Client(trust_env=False) as http:
        got = http.get(f"{fake.url}/storage/v1/b/lake/o/a?alt=media", headers={"Range": "bytes=2-"}).content
    assert got == bytes([*b"234", ord("5") ^ 0xFF, *b"6789"])


def test_callbacks(fake: FakeGCS, http: httpx.Client) -> None:
    """Something else happens right before a request is handled, or between that and its answer."""
    seen: list[tuple[int, bytes]] = []
    call = faults.Call(
        before=lambda _: fake.write("lake", "b", b"before"),
        after=lambda request: seen.append((request.number, fake.read("lake", "b"))),
    )
    fake.faults.add(Fault(when=on("PUT", "/lake/b"), do=call))
    refused = http.put("/lake/b", content=b"b", headers={"x-goog-if-generation-match": "0"})
    assert refused.status_code == 412
    assert seen == [(1, b"before")]


def test_callback_that_raises(fake: FakeGCS, http: httpx.Client) -> None:
    """A callback that raises cuts the connection, before anything is done or after, and is remembered."""

    def fail(request: Request) -> None:
        raise RuntimeError(request.path)

    for call, names in ((faults.Call(before=fail), ["a"]), (faults.Call(after=fail), ["a", "b"])):
        fake.faults.add(Fault(do=call))
        with pytest.raises(httpx.TransportError):
            http.put("/lake/b", content=b"b")
        assert list(fake.objects("lake")) == names
    assert [str(error) for error in fake.errors] == ["/lake/b", "/lake/b"]


def test_polars_tries_again(fake: FakeGCS) -> None:
    """Polars gets over a 503 and a cut connection of the XML API, and its object is whole."""
    fake.faults.add(Fault(when=on("PUT"), do=faults.Answer(status=503)))
    fake.faults.add(Fault(when=on("PUT"), do=faults.CutBefore()))
    pl.DataFrame({"a": [1, 2]}).write_parquet("gs://lake/b.parquet", **polars_options(fake.url))
    assert pl.read_parquet("gs://lake/b.parquet", **polars_options(fake.url))["a"].to_list() == [1, 2]


def test_planned_faults() -> None:
    """The first fault whose condition holds fires, as often as it may; what was cleared fires no more."""
    planned = Faults()
    once = planned.add(Fault(when=on("PUT", "ä b"), do=faults.CutBefore()))
    always = planned.add(Fault(times=None, do=faults.LoseAnswer()))
    request = Request(service="gcs", method="PUT", path="/lake/%C3%A4%20b", number=1)
    assert [planned.meet(request) for _ in range(3)] == [once.do, always.do, always.do]
    planned.clear()
    assert planned.meet(request) is None
    assert (once.fired, always.fired) == (1, 2)


def test_counts(fake: FakeGCS, http: httpx.Client) -> None:
    """Requests are counted with the bytes of their bodies, and are there when their answer is."""
    http.put("/lake/b", content=b"12345")
    http.get("/lake/b?x=1", headers={"Range": "bytes=1-3"})
    http.head("/lake/b")
    assert fake.requests == [
        Exchange(method="PUT", path="/lake/b", bytes_in=5, bytes_out=0, status=200),
        Exchange(method="GET", path="/lake/b?x=1", bytes_in=0, bytes_out=3, status=206),
        Exchange(method="HEAD", path="/lake/b", bytes_in=0, bytes_out=0, status=200),
    ]
    fake.forget_requests()
    assert fake.requests == []


def test_bounded_memory(fake: FakeGCS, http: httpx.Client) -> None:
    """An object of 48 MiB goes in and out in a few MiB of memory."""
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        http.put("/lake/big", content=(bytes(MIB) for _ in range(48)))
        with http.stream("GET", "/lake/big") as answer:
            size = sum(len(part) for part in answer.iter_raw(MIB))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert size == fake.objects("lake")["big"].size == 48 * MIB
    assert peak < 12 * MIB


def test_readers_of_what_is_replaced(fake: FakeGCS, http: httpx.Client) -> None:
    """A download goes on with the bytes it began with, while the object is replaced and deleted."""
    content = os.urandom(16 * MIB)
    fake.write("lake", "big", content)
    with http.stream("GET", "/lake/big") as answer:
        parts = answer.iter_raw(MIB)
        first = next(parts)
        fake.write("lake", "big", b"other")
        fake.delete("lake", "big")
        assert first + b"".join(parts) == content


def test_close(capfd: pytest.CaptureFixture[str]) -> None:
    """The end hangs up on idle, waiting and half-finished clients, ends all threads, and says nothing."""
    threads = threading.active_count()
    with FakeGCS("lake") as fake:
        port = int(fake.url.rpartition(":")[2])
        fake.faults.add(Fault(when=on("DELETE"), do=faults.Delay(seconds=600)))
        requests = (
            b"",
            b"GET /lake?list-type=2 HTTP/1.1\r\n\r\n",
            b"PUT /lake/a HTTP/1.1\r\nContent-Length: 9\r\n\r\n1",
            b"DELETE /lake/a HTTP/1.1\r\n\r\n",
        )
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in requests]
        for connection, request in zip(connections, requests, strict=True):
            connection.sendall(request)
        time.sleep(0.1)
    assert threading.active_count() == threads
    for connection in connections:
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert capfd.readouterr() == ("", "")


def test_clients_that_hang_up(fake: FakeGCS, capfd: pytest.CaptureFixture[str]) -> None:
    """A client that goes away in the middle of a download costs nothing, and is counted with what it was sent."""
    fake.write("lake", "big", bytes(64 * MIB))
    with socket.create_connection(("127.0.0.1", int(fake.url.rpartition(":")[2]))) as connection:
        connection.sendall(b"GET /lake/big HTTP/1.1\r\n\r\n")
        connection.recv(1000)
    deadline = time.monotonic() + 5
    while fake.requests[0].bytes_out == 64 * MIB and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 0 < fake.requests[0].bytes_out < 64 * MIB
    assert (fake.errors, capfd.readouterr()) == ([], ("", ""))
