"""Who may do what at the fake GCS: tokens, denied permissions, keys of service accounts, and buckets' settings."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import polars as pl
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core.exceptions import Conflict, Forbidden, NotFound, PreconditionFailed
from google.auth import impersonated_credentials
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials

from tests.fakes.gcs import FakeGCS
from tests.fakes.gcs.clients import filesystem, polars_options, storage_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.storage import Bucket  # type: ignore[import-untyped, unused-ignore]

TOKEN = "fake-token-1"  # noqa: S105 - no secret


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeGCS]:
    """Run a fake with one bucket that asks for a token."""
    with FakeGCS("lake", folder=tmp_path, token=TOKEN) as running:
        yield running
        assert running.errors == []


@pytest.fixture
def bucket(fake: FakeGCS) -> Iterator[Bucket]:
    """Give the bucket to a client that has the token."""
    with storage_client(fake.url, TOKEN) as client:
        yield client.bucket("lake")


def test_token(fake: FakeGCS, bucket: Bucket) -> None:
    """All clients get in with the token, over both APIs."""
    bucket.blob("a").upload_from_string(b"1")
    with filesystem(fake.url, token=Credentials(TOKEN)) as files:
        assert files.cat_file("lake/a") == b"1"
    pl.DataFrame({"a": [1]}).write_parquet("gs://lake/b.parquet", **polars_options(fake.url, TOKEN))
    assert {exchange.status for exchange in fake.requests} == {200}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer other"}])
@pytest.mark.parametrize("path", ["/storage/v1/b/lake/o", "/lake/a"])
def test_without_token(fake: FakeGCS, headers: dict[str, str], path: str) -> None:
    """Without the token, or with another one, there is 401 in the words of the API."""
    answer = httpx.get(fake.url + path, headers=headers, trust_env=False)
    assert answer.status_code == 401
    if path.startswith("/storage"):
        assert answer.json()["error"]["errors"][0]["reason"] == ("authError" if headers else "required")
    else:
        assert "<Code>AuthenticationRequired</Code>" in answer.text


def test_denied(fake: FakeGCS, bucket: Bucket) -> None:
    """A denied permission is named, until it is allowed again."""
    fake.deny("storage.objects.create")
    with pytest.raises(Forbidden, match=r"does not have storage\.objects\.create access to the Google Cloud Storage"):
        bucket.blob("a").upload_from_string(b"1")
    with pytest.raises(OSError, match="403"):
        pl.DataFrame({"a": [1]}).write_parquet("gs://lake/b.parquet", **polars_options(fake.url, TOKEN))
    asked = ["storage.objects.create", "storage.objects.get"]
    assert bucket.test_iam_permissions(asked) == ["storage.objects.get"]
    fake.allow("storage.objects.create")
    bucket.blob("a").upload_from_string(b"1")


def test_permissions_that_hang_together(fake: FakeGCS, bucket: Bucket) -> None:
    """Replacing an object needs the permission to delete it, and who may not list does not learn what is missing."""
    fake.write("lake", "a", b"1")
    fake.deny("storage.objects.delete", "storage.objects.list")
    bucket.blob("b").upload_from_string(b"1")
    with pytest.raises(Forbidden, match=r"storage\.objects\.delete"):
        bucket.blob("a").upload_from_string(b"2")
    with pytest.raises(Forbidden):
        bucket.blob("missing").download_as_bytes()
    with pytest.raises(Forbidden, match="Storage bucket"):
        list(bucket.list_blobs())


def key(fake: FakeGCS) -> service_account.Credentials:
    """Return the credentials of a service account whose token endpoint is the fake."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    info = {
        "type": "service_account",
        "client_email": "loader@fake-project.iam.gserviceaccount.com",
        "private_key": private.private_bytes(*encoding).decode(),
        "token_uri": f"{fake.url}/token",
    }
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    found: service_account.Credentials = service_account.Credentials.from_service_account_info(info, scopes=scopes)
    return found


def test_key_of_a_service_account(fake: FakeGCS) -> None:
    """A key is exchanged for the token, or refused as Google refuses one that was deleted."""
    credentials = key(fake)
    credentials.refresh(Request())
    assert credentials.token == TOKEN
    fake.access.token_error = "invalid_grant"  # noqa: S105 - no secret
    with pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(Request())


def test_impersonation(fake: FakeGCS) -> None:
    """A service account gets the token of another one, if it may."""
    target = "other@fake-project.iam.gserviceaccount.com"
    place = f"{fake.url}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
    credentials = impersonated_credentials.Credentials(
        source_credentials=key(fake), target_principal=target, target_scopes=[], iam_endpoint_override=place
    )
    credentials.refresh(Request())
    assert credentials.token == TOKEN
    fake.deny("iam.serviceAccounts.getAccessToken")
    with pytest.raises(RefreshError, match=r"iam\.serviceAccounts\.getAccessToken"):
        credentials.refresh(Request())


def test_bucket_settings(fake: FakeGCS, bucket: Bucket) -> None:
    """A bucket keeps the whole resource that its creation and later patches sent."""
    made = bucket.client.bucket("made")
    made.iam_configuration.uniform_bucket_level_access_enabled = True
    made.iam_configuration.public_access_prevention = "enforced"
    made.storage_class = "NEARLINE"
    made.labels = {"kept": "1", "dropped": "1"}
    made.add_lifecycle_delete_rule(age=7)
    bucket.client.create_bucket(made, location="europe-west1")
    made = bucket.client.get_bucket("made")
    made.labels = {"kept": "1"}
    made.patch(if_metageneration_match=1)
    resource = fake.bucket("made")
    assert resource["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert resource["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert (resource["location"], resource["storageClass"]) == ("EUROPE-WEST1", "NEARLINE")
    assert resource["lifecycle"]["rule"][0]["condition"] == {"age": 7}
    assert (resource["labels"], resource["metageneration"]) == ({"kept": "1"}, "2")
    with pytest.raises(PreconditionFailed):
        made.patch(if_metageneration_match=1)
    layout = httpx.get(
        f"{fake.url}/storage/v1/b/made/storageLayout", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False
    )
    assert (layout.json()["location"], layout.json()["hierarchicalNamespace"]) == ("EUROPE-WEST1", {"enabled": False})


def test_end_of_a_bucket(fake: FakeGCS, bucket: Bucket) -> None:
    """Only an empty bucket is deleted, and then it is not found."""
    assert [found.name for found in bucket.client.list_buckets()] == ["lake"]
    fake.write("lake", "a", b"1")
    with pytest.raises(Conflict):
        bucket.delete()
    bucket.blob("a").delete()
    bucket.delete()
    with pytest.raises(NotFound):
        bucket.reload()


def test_standalone(tmp_path: Path) -> None:
    """The fake runs as a program of its own, says where, and ends when it is told to."""
    words = ("-m", "tests.fakes.gcs", "--bucket", "lake", "--token", TOKEN, "--folder", str(tmp_path))
    with subprocess.Popen(  # noqa: S603 - this Python
        [sys.executable, *words], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with storage_client(url, TOKEN) as client:
            client.bucket("lake").blob("a").upload_from_string(b"1")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
