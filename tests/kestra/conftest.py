"""One stage for all tests of the flows: Kestra, PostgreSQL in a container, Google's fakes, and a publisher of months.

Tests share it and run in any order, so each takes months that no other test takes.
"""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kestra.render import FLOWS
from tests.command_line import Engine
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.gcs import FakeGCS
from tests.kestra import containers, jvm
from tests.kestra.kestra_engine import Kestra
from tests.kestra.published import Publisher, publisher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = "fake-project"
STORAGE = "storage"
_TOKEN = "ya29.token-of-a-test"  # noqa: S105 - opens only our fakes
_THREADS = 4
# When the scheduler of these tests lives: no schedule is near, and what is backfilled lies before.
_QUIET = "2021-08-15T13:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Secret:
    """What must be seen nowhere.

    Attributes:
        url: Of the database, with its password.
        password: The password alone.
        key: A service account's key, as JSON.

    """

    url: str = field(repr=False)
    password: str = field(repr=False)
    key: str = field(repr=False)

    def variables(self) -> dict[str, str]:
        """Return them as Kestra's environment has them."""
        given = {"ENGINE_TO_POSTGRES": self.url, "ENGINE_GOOGLE_CREDENTIALS": self.key}
        return {f"SECRET_{name}": base64.b64encode(value.encode()).decode() for name, value in given.items()}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What tests share.

    Attributes:
        kestra: The engine that runs flows.
        server: Its JVM.
        java: Starts more of them.
        storage: The internal storage, which all JVMs of one Kestra share.
        network: Where its containers are.
        database: What they load into.
        publisher: What they load from.
        gcs: Buckets; there is none at the start.
        bigquery: Warehouse of the project; without datasets at the start.
        secret: What is given to Kestra as secrets.

    """

    kestra: Kestra
    server: jvm.Running
    java: jvm.Java
    storage: Path
    network: containers.Network
    database: containers.Database
    publisher: Publisher
    gcs: FakeGCS
    bigquery: FakeBigQuery
    secret: Secret

    def worker(self, log: Path) -> jvm.Running:
        """Start a second JVM, which is only a worker."""
        assert self.server.ready is not None
        return self.java.start("embedded.Worker", self.server.ready[1], str(_THREADS), str(self.storage), log=log)


@contextmanager
def engine(java: jvm.Java, folder: Path, now: str) -> Iterator[tuple[Kestra, jvm.Running]]:
    """Run a Kestra of its own, whose scheduler's clock begins at an instant, for the length of a block."""
    server = java.start("embedded.Server", str(folder / STORAGE), str(_THREADS), now, log=folder / "server.log")
    try:
        assert server.ready is not None
        with Kestra(int(server.ready[0])) as kestra:
            yield kestra, server
    finally:
        server.stop()


def _key(token_url: str) -> str:
    """Return a key as Google's console hands it out, whose tokens our fake gives."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return json.dumps(
        {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "5f1d0c7e9a3b4d6f8e2a1c0b9d8e7f6a5b4c3d2e",
            "private_key": private.private_bytes(*form).decode(),
            "client_email": f"loader@{PROJECT}.iam.gserviceaccount.com",
            "client_id": "104857600000000000000",
            "token_uri": token_url,
        }
    )


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give everything, running; skip with the reason where something of it cannot be had."""
    home = jvm.java_home()
    containers.need_images()
    class_path = jvm.compiled(home)
    folder = tmp_path_factory.mktemp("stage")
    months = folder / "months"
    months.mkdir()
    with ExitStack() as stack:
        network = stack.enter_context(containers.network())
        gcs = stack.enter_context(FakeGCS(token=_TOKEN, host=network.gateway))
        bigquery = stack.enter_context(
            FakeBigQuery(
                folder=folder / "bigquery", project=PROJECT, gcs_url=gcs.url, token=_TOKEN, host=network.gateway
            )
        )
        settings = {
            "STORAGE_EMULATOR_HOST": gcs.url,
            "BIGQUERY_EMULATOR_HOST": bigquery.url,
            "BIGQUERY_STORAGE_EMULATOR_HOST": f"http://{bigquery.grpc_address}",
            # Loads that a test holds in their middle must not give up before it is done with them.
            "ENGINE_LOCK_WAIT": "300",
        }
        image = stack.enter_context(containers.image_with(settings))
        database = stack.enter_context(containers.database(network))
        user = Engine(home=folder / "home", folder=folder)
        served = stack.enter_context(publisher(network.gateway, months, user))
        secret = Secret(url=database.inside, password=database.password, key=_key(f"{gcs.url}/token"))
        variables = {"ENV_ENGINE_IMAGE": image, "ENV_ENGINE_NETWORK": network.name} | secret.variables()
        java = jvm.Java(program=home / "bin" / "java", class_path=class_path, variables=variables)
        kestra, server = stack.enter_context(engine(java, folder, _QUIET))
        for path in sorted(FLOWS.glob("*.yaml")):
            kestra.load(path.read_text())
        kestra.put("ENGINE_FROM", served.url)
        yield Stage(
            kestra=kestra,
            server=server,
            java=java,
            storage=folder / STORAGE,
            network=network,
            database=database,
            publisher=served,
            gcs=gcs,
            bigquery=bigquery,
            secret=secret,
        )


@pytest.fixture
def kestra(stage: Stage) -> Kestra:
    """Give the engine that runs flows."""
    return stage.kestra
