"""Credentials as users give them, to a process that asks Google's own names: what works, what is refused, what leaks.

Nothing names an emulator here: a proxy (`tests.fakes.front`) answers for `storage.googleapis.com` and the others.
"""

from __future__ import annotations

import base64
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from engine.settings import Cloud, Settings
from tests.certificates import Authority
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.bigquery.clients import rest_client
from tests.fakes.faults import Answer, Fault, on
from tests.fakes.front import Front
from tests.fakes.gcs import FakeGCS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Ended, Engine

TOKEN = "ya29.token-of-a-test"  # noqa: S105 - opens only our fakes
YELLOW = ("ingest", "yellow", "2019-01", "--output", "json")
TARGET = "gs://lake/taxi"
OTHER = "other@fake-project.iam.gserviceaccount.com"
FILE, CONTENT = "GOOGLE_APPLICATION_CREDENTIALS", "ENGINE_GOOGLE_CREDENTIALS"
MOST_SECONDS = 10.0


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    """Give the key of a service account, as Google's console hands it out."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": "fake-project",
        "private_key_id": "5f1d0c7e9a3b4d6f8e2a1c0b9d8e7f6a5b4c3d2e",
        "private_key": private.private_bytes(*form).decode(),
        "client_email": "loader@fake-project.iam.gserviceaccount.com",
        "client_id": "104857600000000000000",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


@dataclass(frozen=True, kw_only=True)
class Cloudy:
    """A user with a key that works, and a cloud that asks for a token; one fake has objects, tokens and accounts."""

    engine: Engine
    months: Path
    storage: FakeGCS
    front: Front
    folder: Path
    key: dict[str, str]

    def run(self, *words: object, **variables: str) -> Ended:
        """Run a command; no variable of whoever runs the tests says who it is."""
        home = self.folder / "nobody"
        home.mkdir(exist_ok=True)
        none = dict.fromkeys((FILE, "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG", "STORAGE_EMULATOR_HOST"), "")
        quick = {"ENGINE_RETRY_SECONDS": "5", "HOME": str(home)}
        return self.engine.run(*words, **{**none, **quick, **self.front.environment(), **variables})

    def load(self, *words: object, **variables: str) -> Ended:
        """Load a month into the bucket."""
        return self.run(*YELLOW, "--from", self.months, *(words or ("--to", TARGET)), **variables)

    def refused(self, code: int, **variables: str) -> str:
        """Load a month, which must end soon, in one error, with advice and without a secret; return its words."""
        begun = time.monotonic()
        found = self.load(**variables)
        assert time.monotonic() - begun < MOST_SECONDS
        assert found.code == code, found.err
        assert "Traceback" not in found.err
        assert found.err.count("Error: ") + found.err.count("Unreachable: ") + found.err.count("Denied: ") == 1
        assert "\n  next      " in found.err
        assert found.object["state"] == "failed"
        self.assert_secret(found)
        return found.err

    def assert_secret(self, found: Ended) -> None:
        """Assert that nothing of the key is in what was printed, in the user's files and in the bucket."""
        parts = secrets(self.key)
        texts = [found.out.encode(), found.err.encode()]
        texts += [path.read_bytes() for path in self.engine.home.rglob("*") if path.is_file()]
        texts += [self.storage.read("lake", name) for name in self.storage.objects("lake")]
        assert not [part for part in parts for text in texts if part.encode() in text]

    def file(self, content: str) -> str:
        """Return the path of a file with this content."""
        path = self.folder / "key.json"
        path.write_text(content)
        return str(path)


@pytest.fixture
def cloud(engine: Engine, months: Path, key: dict[str, str], tmp_path: Path) -> Iterator[Cloudy]:
    """Give a user and a cloud."""
    with ExitStack() as stack:
        storage = stack.enter_context(FakeGCS("lake", folder=tmp_path / "gcs", token=TOKEN))
        place = storage.url.rpartition("://")[2]
        names = dict.fromkeys((f"{name}.googleapis.com" for name in ("storage", "oauth2", "iamcredentials")), place)
        front = stack.enter_context(Front(Authority(tmp_path / "authority"), names))
        yield Cloudy(engine=engine, months=months, storage=storage, front=front, folder=tmp_path, key=key)
        assert storage.errors == []


def secrets(key: dict[str, str]) -> set[str]:
    """Return texts of which one is in whatever shows a part of the key."""
    encoded = base64.b64encode(json.dumps(key).encode()).decode()
    lines = [line for line in key["private_key"].splitlines() if not line.startswith("-----")]
    return {key["private_key_id"], *lines, *(encoded[at : at + 40] for at in range(0, len(encoded) - 40, 40))}


@pytest.mark.parametrize("how", ["file", "content", "base64", "content in the file's variable", "login"])
def test_given(cloud: Cloudy, how: str) -> None:
    """A key that is given in any of the ways, or a login, loads a month, which status and verify then find."""
    text = json.dumps(cloud.key)
    match how:
        case "file":
            given = {FILE: cloud.file(text)}
        case "content":
            given = {CONTENT: text}
        case "base64":
            given = {CONTENT: base64.b64encode(text.encode()).decode()}
        case "login":
            login = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}
            (cloud.folder / "gcloud").mkdir()
            (cloud.folder / "gcloud" / "application_default_credentials.json").write_text(json.dumps(login))
            given = {"CLOUDSDK_CONFIG": str(cloud.folder / "gcloud")}
        case _:
            given = {FILE: text}
    loaded = cloud.load(**given)
    assert loaded.code == 0, loaded.err
    assert loaded.object["rows"]["total"] == 2_000
    for words in (("status",), ("verify", "yellow", "2019-01")):
        found = cloud.run(*words, "--to", TARGET, **given)
        assert found.code == 0, found.err
        assert "2,000" in found.out
        cloud.assert_secret(found)
    cloud.assert_secret(loaded)
    assert "/token" in [exchange.path for exchange in cloud.storage.requests]
    assert set(cloud.front.asked) == {"storage.googleapis.com", "oauth2.googleapis.com"}


def test_acting_as_another_account(cloud: Cloudy) -> None:
    """An account that is impersonated is asked for once a run, and what is denied is named with its role."""
    given = {CONTENT: json.dumps(cloud.key), "ENGINE_IMPERSONATE": OTHER}
    loaded = cloud.load(**given)
    assert loaded.code == 0, loaded.err
    asked = [exchange.path for exchange in cloud.storage.requests if "generateAccessToken" in exchange.path]
    assert asked == [f"/v1/projects/-/serviceAccounts/{OTHER}:generateAccessToken"]
    cloud.assert_secret(loaded)
    cloud.storage.deny("iam.serviceAccounts.getAccessToken")
    said = cloud.refused(20, **given)
    assert "AccessDenied: yellow 2019-01" in said
    assert "permission iam.serviceAccounts.getAccessToken" in said
    assert "grant roles/iam.serviceAccountTokenCreator on that account" in said


def test_bigquery(cloud: Cloudy) -> None:
    """A key opens BigQuery and both of its Storage APIs, over TLS; none is asked for what it does not need."""
    with FakeBigQuery(folder=cloud.folder / "bigquery", project="fake-project", token=TOKEN) as warehouse:
        with rest_client(warehouse.url, "fake-project", token=TOKEN) as client:
            client.create_dataset("wh")
        places = {
            "bigquery.googleapis.com": warehouse.url.rpartition("://")[2],
            "bigquerystorage.googleapis.com": warehouse.grpc_address,
            "oauth2.googleapis.com": cloud.storage.url.rpartition("://")[2],
        }
        with Front(Authority(cloud.folder / "authority of BigQuery"), places) as front:
            given = {**front.environment(), CONTENT: json.dumps(cloud.key)}
            to = ("--to", "bigquery://fake-project/wh")
            loaded = cloud.load(*to, "--method", "write_api", **given)
            assert loaded.code == 0, loaded.err
            found = cloud.run("verify", "yellow", "2019-01", "--deep", *to, **given)
            assert found.code == 0, found.err
        assert set(front.asked) == set(places)
        assert {seen.method for seen in warehouse.requests if seen.service == "grpc"} >= {"AppendRows", "ReadRows"}
    for ended in (loaded, found):
        cloud.assert_secret(ended)


def test_none_at_all(cloud: Cloudy) -> None:
    """Without any credentials, a load says at once how to give some."""
    said = cloud.refused(2)
    assert "UsageError: yellow 2019-01: there are no Google credentials that work" in said
    assert "gcloud auth application-default login" in said


@pytest.mark.parametrize("content", [None, "no JSON", "[]", "{}", '{"type": "robot"}', '{"type": "service_account"}'])
def test_files_that_are_no_keys(cloud: Cloudy, content: str | None) -> None:
    """A file of a key that is missing or is none is named."""
    path = str(cloud.folder / "missing.json") if content is None else cloud.file(content)
    said = cloud.refused(2, **{FILE: path})
    assert path in said or FILE in said.partition("next")[0]


@pytest.mark.parametrize("how", ["base64", "quotes", "key alone", "folder"])
def test_keys_in_place_of_files(cloud: Cloudy, how: str) -> None:
    """Something else in the variable that names a file is refused, and not quoted."""
    text = json.dumps(cloud.key)
    given = {
        "base64": base64.b64encode(text.encode()).decode(),
        "quotes": f"'{text}'",
        "key alone": cloud.key["private_key"].replace("\n", " "),
        "folder": str(cloud.folder),
    }
    cloud.refused(2, **{FILE: given[how]})


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("base64 that ends early", "neither JSON nor base64"),
        ("JSON that ends early", "it is no JSON"),
        ("base64 of something", "neither JSON nor base64"),
        ("another type", "its type is 'external_account'"),
        ("no e-mail", "its fields are incomplete"),
        ("no private key", "its fields are incomplete"),
        ("a damaged private key", "its private key cannot be read"),
    ],
)
def test_content_that_is_no_key(cloud: Cloudy, broken: str, said: str) -> None:
    """A key that is cut, damaged, incomplete or of another kind is refused in words that quote none of it."""
    key: dict[str, Any] = dict(cloud.key)
    text, middle = json.dumps(key), len(key["private_key"]) // 2
    match broken:
        case "base64 that ends early":
            text = base64.b64encode(text.encode()).decode()[:-3]
        case "JSON that ends early":
            text = text[:-20]
        case "base64 of something":
            text = base64.b64encode(bytes(range(200, 256))).decode()
        case "another type":
            text = json.dumps(key | {"type": "external_account"})
        case "a damaged private key":
            text = json.dumps(key | {"private_key": key["private_key"][:middle]})
        case _:
            del key["client_email" if broken == "no e-mail" else "private_key"]
            text = json.dumps(key)
    assert said in cloud.refused(2, **{CONTENT: text})


def test_refused_by_the_token_endpoint(cloud: Cloudy) -> None:
    """A key that was deleted is refused at its first use, in the endpoint's words."""
    cloud.storage.access.token_error = "invalid_grant"  # noqa: S105 - no secret
    said = cloud.refused(2, **{FILE: cloud.file(json.dumps(cloud.key))})
    assert "reason    invalid_grant: Invalid JWT Signature." in said
    assert [exchange.path for exchange in cloud.storage.requests] == ["/token"]


def test_a_token_endpoint_that_fails(cloud: Cloudy) -> None:
    """A token endpoint that only answers 503 makes the target unreachable, which the same command may mend."""
    cloud.storage.faults.add(Fault(when=on("POST", "/token"), do=Answer(status=503), times=None))
    said = cloud.refused(20, **{CONTENT: json.dumps(cloud.key)})
    assert "TargetUnreachable" in said
    assert "Backend Error" in said


def test_a_token_endpoint_that_is_not_there(cloud: Cloudy) -> None:
    """A token endpoint that nobody reaches makes the target unreachable once the retries are used up."""
    key = cloud.key | {"token_uri": "https://nobody.googleapis.com/token"}
    assert "TargetUnreachable" in cloud.refused(20, **{CONTENT: json.dumps(key)})
    assert "nobody.googleapis.com" in cloud.front.asked


def test_refused_by_the_service(cloud: Cloudy) -> None:
    """A token that the service does not take, and a permission that is missing, are two errors."""
    given = {CONTENT: json.dumps(cloud.key)}
    cloud.storage.deny("storage.objects.create")
    said = cloud.refused(20, **given)
    assert "permission storage.objects.create" in said
    assert "grant roles/storage.objectUser on the bucket" in said
    cloud.storage.faults.add(Fault(when=on("GET", "/storage/v1"), do=Answer(status=401), times=None))
    assert "UsageError: yellow 2019-01: there are no Google credentials that work" in cloud.refused(2, **given)


def test_repr(key: dict[str, str], tmp_path: Path) -> None:
    """Settings never show a key."""
    cloud = Cloud(key=json.dumps(key), impersonate=OTHER)
    settings = Settings(data=tmp_path, cache=tmp_path, datasets=(), postgres_named=False, cloud=cloud)
    shown = f"{cloud!r} {settings!r} {cloud} {settings}"
    assert OTHER in shown
    assert not [part for part in secrets(key) if part in shown]
