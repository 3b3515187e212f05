"""Files that load jobs read from gs:// names, fetched from an endpoint of the JSON API in windows."""

from __future__ import annotations

import fnmatch
import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from tests.fakes.bigquery.errors import ApiError, invalid, uri_not_found

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from http.client import HTTPResponse

    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_WINDOW_BYTES = 1 << 20
_OPENER = build_opener(ProxyHandler({}))


@contextmanager
def fetched(service: Service, uris: Sequence[str]) -> Iterator[list[Path]]:
    """Give the files behind names such as `gs://bucket/folder/*.parquet` for the length of a block.

    Raises:
        ApiError: A name fits no object, or cannot be read.

    """
    if service.gcs_url is None:
        raise invalid(message="this fake was started without an endpoint for gs:// names")
    folder = Path(mkdtemp(dir=service.spool))
    try:
        paths: list[Path] = []
        for uri in uris:
            for bucket, name in _matching(service, uri):
                paths.append(folder / f"{len(paths)}.parquet")
                _download(service, bucket, name, paths[-1])
        yield paths
    finally:
        shutil.rmtree(folder)


def _matching(service: Service, uri: str) -> list[tuple[str, str]]:
    if not uri.startswith("gs://"):
        raise invalid(f"Source URI must be a Google Cloud Storage location: {uri}")
    bucket, _, pattern = uri[len("gs://") :].partition("/")
    found, token = [], ""
    while True:
        query = f"prefix={quote(pattern.split('*')[0], safe='')}&pageToken={token}".removesuffix("&pageToken=")
        with _open(service, f"/storage/v1/b/{quote(bucket)}/o?{query}", uri) as answer:
            page: Json = json.load(answer)
        found += [item["name"] for item in page.get("items") or []]
        token = page.get("nextPageToken") or ""
        if not token:
            break
    names = [name for name in found if (fnmatch.fnmatchcase(name, pattern) if "*" in pattern else name == pattern)]
    if not names:
        raise uri_not_found(uri)
    return [(bucket, name) for name in names]


def _download(service: Service, bucket: str, name: str, path: Path) -> None:
    place = f"/storage/v1/b/{quote(bucket)}/o/{quote(name, safe='')}?alt=media"
    with _open(service, place, f"gs://{bucket}/{name}") as answer, path.open("wb") as file:
        shutil.copyfileobj(answer, file, _WINDOW_BYTES)


@contextmanager
def _open(service: Service, place: str, uri: str) -> Iterator[HTTPResponse]:
    headers = {"Authorization": f"Bearer {service.token}"} if service.token else {}
    try:
        with _OPENER.open(Request(f"{service.gcs_url}{place}", headers=headers)) as answer:  # noqa: S310 - a test's
            yield answer
    except HTTPError as error:
        error.close()
        if error.code == 404:
            raise uri_not_found(uri) from error
        raise ApiError(403, f"Access Denied: File {uri}: Access Denied ({error.code})") from error
    except URLError as error:
        raise ApiError(500, f"Error while reading {uri}: {error.reason}", "backendError") from error
