"""compose.yaml for real: started by `make up`, isolated as promised, no password anywhere.

Kestra's own image cannot be had here; compose.standin.yaml says what stands in for it.
"""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING

import pytest

from tests.command_line import ROOT
from tests.docker.docker_engine import PYTHON, connects, docker, inside, inspect, name, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docker.conftest import Stack

SERVICES = ("data", "kestra-db", "kestra")
PASSWORDS = ("data_password", "kestra_db_password", "kestra_password")
NAMESPACE = "nyc.taxi"


def test_every_service_is_healthy(stack: Stack) -> None:
    """`make up` ends when every service answers its health check; each has limits and is restarted."""
    for service in SERVICES:
        container = inspect(stack.container(service))[0]
        assert container["State"]["Health"]["Status"] == "healthy", service
        assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped", service
        assert container["HostConfig"]["Memory"] > 0, service
        assert container["HostConfig"]["PidsLimit"] > 0, service


def test_passwords_are_files_that_only_their_owner_reads(stack: Stack) -> None:
    """The first start makes a password for each database and for Kestra, all different, of mode 600."""
    assert stat.S_IMODE(stack.secrets.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in stack.secrets.iterdir()} == {0o600}
    found = [stack.secret(name) for name in PASSWORDS]
    assert len(set(found)) == len(PASSWORDS)
    assert all(len(password) > 40 for password in found)


def test_no_password_is_shown(stack: Stack) -> None:
    """Neither `make up`, nor compose, nor `docker inspect`, nor any log shows a password or a URL with one."""
    shown = [stack.started.stdout, stack.started.stderr, stack.compose("config").stdout, stack.compose("logs").stdout]
    shown += [json.dumps(inspect(stack.container(service))) for service in SERVICES]
    shown += [docker("top", stack.container(service)) for service in SERVICES]
    for secret in (*map(stack.secret, PASSWORDS), stack.url):
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        assert not any(secret in text or encoded in text for text in shown)


def test_flows_are_deployed_as_they_stand(stack: Stack) -> None:
    """The one-shot service lays every flow of the repository into Kestra, byte for byte."""
    flows = {f"{NAMESPACE}/{path.stem}": path.read_text() for path in (ROOT / "kestra" / "flows").glob("*.yaml")}
    assert stack.asked("/recorded")["flows"] == flows
    assert len(flows) > 1


def test_dashboards_that_kestra_does_not_take_are_named(stack: Stack) -> None:
    """The open-source edition answers 405 to a dashboard: that is said, and the deployment goes on."""
    names = [path.stem for path in (ROOT / "kestra" / "dashboards").glob("*.yaml")]
    assert names
    assert stack.started.stdout.count("takes no dashboards") == len(names)
    posted = [path for method, path in stack.asked("/recorded")["calls"] if method == "POST"]
    assert "/api/v1/main/dashboards" in posted


def test_deploying_again_updates(stack: Stack) -> None:
    """A second run updates what is there, and a setting that is not given stays as it is."""
    before = stack.asked("/recorded")
    again = stack.compose("run", "--rm", "deploy", ENGINE_FROM="", ENGINE_TO_GCS="gs://bucket/nyc")
    assert again.returncode == 0, again.stderr
    after = stack.asked("/recorded")
    assert after["flows"] == before["flows"]
    methods = [method for method, _path in after["calls"][len(before["calls"]) :]]
    assert methods.count("PUT") >= len(after["flows"])
    assert after["settings"]["ENGINE_FROM"] == "https://example.org/published/"
    assert after["settings"]["ENGINE_TO_GCS"] == "gs://bucket/nyc"


def test_a_wrong_password_ends_the_deployment(stack: Stack, tmp_path: Path) -> None:
    """What Kestra refuses is said, and the one-shot service fails."""
    for path in stack.secrets.iterdir():
        (tmp_path / path.name).write_text("Ke1-wrong" if path.name == "kestra_password" else path.read_text())
    refused = stack.compose("run", "--rm", "--no-deps", "deploy", ENGINE_SECRETS=str(tmp_path))
    assert refused.returncode == 1
    assert "Kestra answered 401" in refused.stdout + refused.stderr


def test_flows_get_what_they_need(stack: Stack) -> None:
    """Kestra's environment names image and network, and its secrets are those that open the data."""
    given = stack.asked("/environment")
    assert given["ENV_ENGINE_IMAGE"] == stack.environment["IMAGE"]
    assert given["ENV_ENGINE_NETWORK"] == stack.tasks
    assert base64.b64decode(given["SECRET_ENGINE_TO_POSTGRES"]).decode() == stack.url
    assert given["SECRET_ENGINE_GOOGLE_CREDENTIALS"] == ""


def test_containers_of_tasks_reach_the_data(stack: Stack) -> None:
    """On the network of the tasks, the URL of the flows opens the database."""
    ask = "import os, psycopg; print(psycopg.connect(os.environ['ENGINE_TO']).execute('SELECT 17').fetchone())"
    options = (f"--network={stack.tasks}", f"--env=ENGINE_TO={stack.url}")
    asked = inside(PYTHON, "-c", ask, options=options)
    assert asked.stdout.strip() == "(17,)", asked.stderr


@pytest.mark.parametrize("network", ["metadata", "control", "bridge"])
def test_nobody_else_reaches_the_data(stack: Stack, network: str) -> None:
    """Neither by name nor by address, from Kestra's networks or from Docker's default one."""
    full = network if network == "bridge" else stack.network(network)
    assert connects(full, "data", 5432).startswith("gaierror")
    assert "Error" in connects(full, stack.address("data"), 5432)


def test_tasks_do_not_reach_the_database_of_kestra(stack: Stack) -> None:
    """A container on the network of the tasks neither knows nor reaches it; one on Kestra's own network does."""
    address = stack.address("kestra-db")
    assert connects(stack.network("metadata"), "kestra-db", 5432) == ""
    assert connects(stack.tasks, "kestra-db", 5432).startswith("gaierror")
    assert "Error" in connects(stack.tasks, address, 5432)


def test_tasks_do_not_reach_the_api_of_kestra(stack: Stack) -> None:
    """Neither Kestra's own address nor the port on the host, which is bound to its loopback."""
    networks = inspect(stack.container("kestra"))[0]["NetworkSettings"]["Networks"]
    assert sorted(networks) == sorted([stack.network("control"), stack.network("metadata")])
    assert connects(stack.network("control"), "kestra", 8080) == ""
    for network in networks.values():
        assert "Error" in connects(stack.tasks, network["IPAddress"], 8080)
    (configuration,) = inspect(stack.tasks)[0]["IPAM"]["Config"]
    assert "Error" in connects(stack.tasks, configuration["Gateway"], stack.port)


def test_one_port_on_the_loopback(stack: Stack) -> None:
    """Kestra's port is the only one that is published, and on the host's loopback only."""
    published = {service: inspect(stack.container(service))[0]["HostConfig"]["PortBindings"] for service in SERVICES}
    assert not published["data"]
    assert not published["kestra-db"]
    assert published["kestra"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(stack.port)}]}


def test_the_databases_are_locked_in(stack: Stack) -> None:
    """Their root file systems are read-only, no process gains privileges, and the server is not root."""
    for service in ("data", "kestra-db"):
        container = inspect(stack.container(service))[0]
        assert container["HostConfig"]["ReadonlyRootfs"], service
        assert container["HostConfig"]["CapDrop"] == ["ALL"], service
        processes = [line.split() for line in docker("top", container["Id"], "-eo", "pid,uid,comm").splitlines()[1:]]
        owners = {uid for _pid, uid, command in processes if command == "postgres"}
        assert owners, service
        assert "0" not in owners, service


def test_down_keeps_what_was_loaded(stack: Stack) -> None:
    """After `make down` and `make up`, data and passwords are those of before."""
    passwords = [stack.secret(name) for name in PASSWORDS]
    with stack.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 17 AS number")
    assert stack.make("down").returncode == 0
    assert stack.container("data") == ""
    up = stack.make("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert passwords == [stack.secret(name) for name in PASSWORDS]
    with stack.connect() as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (17,)
        connection.execute("DROP TABLE kept")
    assert all(service in stack.make("ps").stdout for service in SERVICES)


def test_lost_passwords_are_not_made_anew(stack: Stack, tmp_path: Path) -> None:
    """Where a database is there and its password is not, `make up` says so and makes none that would not open it."""
    refused = run("compose/secrets", tmp_path / "secrets", stack.project)
    assert refused.returncode == 1
    assert f"{stack.project}_data" in refused.stderr
    assert not list((tmp_path / "secrets").iterdir())


def test_passwords_are_made_once(tmp_path: Path) -> None:
    """A second start leaves them as they are."""
    folder = tmp_path / "secrets"
    first, second = (run("compose/secrets", folder, name()) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert all(password in first.stdout for password in PASSWORDS)
    assert second.stdout == ""
