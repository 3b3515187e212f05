"""The XML API of the fake GCS, which Polars and obstore speak: by Polars, and request by request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import polars as pl
import pytest

from tests.fakes.gcs import FakeGCS
from tests.fakes.gcs.clients import polars_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART = bytes(5 << 20)


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


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    found = re.search("<Code>(.*)</Code>", answer.text)
    return answer.status_code, found[1] if found else ""


def begin(http: httpx.Client, name: str = "a") -> str:
    """Begin a multipart upload, and return its place."""
    answer = http.post(f"/lake/{name}?uploads", headers={"Content-Type": "text/x-own", "x-goog-meta-load": "1"})
    found = re.search("<UploadId>(.*)</UploadId>", answer.text)
    assert found is not None
    return f"/lake/{name}?uploadId={found[1]}"


def end(http: httpx.Client, place: str, *numbers: int) -> httpx.Response:
    """Complete a multipart upload from parts of these numbers."""
    parts = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>x</ETag></Part>" for number in numbers)
    return http.post(place, content=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")


def test_polars_writes_and_scans(fake: FakeGCS) -> None:
    """Polars writes a small and a large file, the large one in parts, and scans both through a glob."""
    rows = 5_000_000  # 40 MB, where parts have 32 MiB
    pl.select(row=pl.int_range(10)).write_parquet("gs://lake/p/a.parquet", **polars_options(fake.url))
    large = pl.select(row=pl.int_range(rows).shuffle(seed=1)).lazy()
    large.sink_parquet("gs://lake/p/b.parquet", compression="uncompressed", **polars_options(fake.url))
    assert sum("partNumber" in exchange.path for exchange in fake.requests) > 1
    assert fake.objects("lake")["p/b.parquet"].md5 is None
    scanned = pl.scan_parquet("gs://lake/p/*.parquet", **polars_options(fake.url))
    assert scanned.select(pl.len()).collect().item() == rows + 10
    assert fake.open_uploads() == []


def test_preconditions(fake: FakeGCS, http: httpx.Client) -> None:
    """Writing, copying, reading and deleting keep to the generation that their headers name."""
    create = {"x-goog-if-generation-match": "0"}
    assert http.put("/lake/a", content=b"1", headers=create).status_code == 200
    assert code(http.put("/lake/a", content=b"2", headers=create)) == (412, "PreconditionFailed")
    copy = {"x-goog-copy-source": "/lake/a", **create}
    assert http.put("/lake/b", headers=copy).status_code == 200
    assert code(http.put("/lake/b", headers=copy)) == (412, "PreconditionFailed")
    other = {"x-goog-if-generation-match": "7"}
    assert code(http.get("/lake/a", headers=other)) == (412, "PreconditionFailed")
    assert code(http.delete("/lake/a", headers=other)) == (412, "PreconditionFailed")
    held = {"x-goog-if-generation-match": str(fake.objects("lake")["a"].generation)}
    assert http.delete("/lake/a", headers=held).status_code == 204
    assert list(fake.objects("lake")) == ["b"]


def test_entity_tags(http: httpx.Client) -> None:
    """If-Match and If-None-Match work with the tag that the object was answered with."""
    tag = http.put("/lake/a", content=b"1").headers["ETag"]
    assert http.get("/lake/a", headers={"If-Match": tag}).content == b"1"
    assert http.get("/lake/a", headers={"If-Match": '"other"'}).status_code == 412
    assert http.get("/lake/a", headers={"If-None-Match": tag}).status_code == 304


def test_ranges(http: httpx.Client) -> None:
    """Ranges are cut, from both ends, and refused beyond the end."""
    http.put("/lake/a", content=b"0123456789")
    for text, content in (("2-4", b"234"), ("7-", b"789"), ("-2", b"89"), ("8-99", b"89")):
        answer = http.get("/lake/a", headers={"Range": f"bytes={text}"})
        assert (answer.status_code, answer.content) == (206, content)
        assert answer.headers["Content-Range"].endswith("/10")
    assert code(http.get("/lake/a", headers={"Range": "bytes=10-"})) == (416, "InvalidRange")
    head = http.head("/lake/a")
    assert (head.headers["Content-Length"], head.content) == ("10", b"")


def test_listing(fake: FakeGCS, http: httpx.Client) -> None:
    """Listings come in pages, with names folded at the delimiter."""
    for name in ("a/1", "a/2", "b & c", "d"):
        fake.write("lake", name, b"1")
    first = http.get("/lake?list-type=2&delimiter=/&max-keys=2").text
    assert "<Prefix>a/</Prefix>" in first
    assert re.findall("<Key>(.*?)</Key>", first) == ["b &amp; c"]
    token = re.findall("<NextContinuationToken>(.*?)</", first)[0].replace("&amp;", "&")
    second = http.get("/lake", params={"list-type": "2", "delimiter": "/", "continuation-token": token}).text
    assert re.findall("<Key>(.*?)</Key>", second) == ["d"]
    assert "<IsTruncated>false</IsTruncated>" in second
    assert code(http.get("/missing?list-type=2")) == (404, "NoSuchBucket")
    assert code(http.get("/lake/missing")) == (404, "NoSuchKey")


def test_multipart_upload(fake: FakeGCS, http: httpx.Client, tmp_path: Path) -> None:
    """Parts in any order become one object when they are put together, and not before."""
    place = begin(http)
    for number, content in ((3, b"end"), (1, PART), (2, b"old" + PART), (2, b"new" + PART)):
        assert http.put(f"{place}&partNumber={number}", content=content).headers["ETag"]
    (upload,) = fake.open_uploads()
    assert (upload.kind, upload.name, upload.received) == ("multipart", "a", 2 * len(PART) + 6)
    assert fake.objects("lake") == {}
    assert end(http, place, 1, 2, 3).status_code == 200
    assert fake.read("lake", "a") == PART + b"new" + PART + b"end"
    record = fake.objects("lake")["a"]
    assert (record.content_type, record.metadata) == ("text/x-own", {"load": "1"})
    assert fake.open_uploads() == []
    assert len(list(tmp_path.iterdir())) == 1


def test_refused_multipart_uploads(fake: FakeGCS, http: httpx.Client) -> None:
    """Parts that are too small, unknown or damaged are refused, and so are preconditions."""
    place = begin(http)
    http.put(f"{place}&partNumber=1", content=b"small")
    http.put(f"{place}&partNumber=2", content=b"small")
    assert code(end(http, place, 1, 2)) == (400, "EntityTooSmall")
    assert code(end(http, place, 1, 5)) == (400, "InvalidPart")
    damaged = http.put(f"{place}&partNumber=3", content=b"x", headers={"X-Goog-Hash": "crc32c=AAAAAA=="})
    assert code(damaged) == (400, "InvalidArgument")
    held = {"x-goog-if-generation-match": "0"}
    assert code(http.post("/lake/b?uploads", headers=held)) == (400, "InvalidArgument")
    assert http.delete(place).status_code == 204
    assert code(end(http, place, 1)) == (404, "NoSuchUpload")
    assert (fake.objects("lake"), fake.open_uploads()) == ({}, [])


def test_damaged_content(fake: FakeGCS, http: httpx.Client) -> None:
    """Content that differs from its announced checksum makes no object."""
    for headers in ({"X-Goog-Hash": "crc32c=AAAAAA=="}, {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}):
        assert code(http.put("/lake/a", content=b"1", headers=headers)) == (400, "InvalidArgument")
    assert fake.objects("lake") == {}
