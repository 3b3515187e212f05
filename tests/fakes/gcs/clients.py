"""The clients that people have, pointed at a fake or an emulator instead of at Google."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

# Else gcsfs asks for the kind of each bucket over gRPC, and waits 60 s each time. It reads this when it is imported.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
# Else google-cloud-storage asks for each bucket in a thread behind the test's back, and requests cannot be counted.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")

import fsspec.asyn  # type: ignore[import-untyped, unused-ignore]
import gcsfs  # type: ignore[import-untyped, unused-ignore]
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[attr-defined, import-untyped, unused-ignore]
from google.oauth2.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def storage_client(url: str, token: str | None = None) -> Iterator[storage.Client]:
    """Give a client of google-cloud-storage; it brings a bearer token if there is one."""
    credentials = AnonymousCredentials() if token is None else Credentials(token)
    client = storage.Client(project="fake", credentials=credentials, client_options={"api_endpoint": url})
    with contextlib.closing(client):
        yield client


@contextlib.contextmanager
def filesystem(url: str, **options: Any) -> Iterator[gcsfs.GCSFileSystem]:  # noqa: ANN401 - gcsfs's own
    """Give a file system of gcsfs, which nobody else uses, and end its connections."""
    files = gcsfs.GCSFileSystem(**{"endpoint_url": url, "token": "anon", "skip_instance_cache": True, **options})
    try:
        yield files
    finally:
        if files._session is not None:  # noqa: SLF001 - gcsfs closes it only when it is collected
            fsspec.asyn.sync(files.loop, files._session.close)  # noqa: SLF001 - the same


def polars_options(url: str, token: str = "any") -> dict[str, Any]:  # noqa: S107 - no secret
    """Return the options of Polars' readers and writers."""
    return {
        "storage_options": {"google_base_url": url, "google_bearer_token": token, "allow_http": "true"},
        "credential_provider": None,
    }
