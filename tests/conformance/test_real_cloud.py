"""The suite as it runs against the real cloud, run against our fakes under Google's own names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.certificates import Authority
from tests.conformance.clouds import real
from tests.conformance.world import ROOT
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.bigquery.clients import rest_client
from tests.fakes.front import Front
from tests.fakes.gcs import FakeGCS

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "fake-token"  # noqa: S105 - what the fake of the token endpoint hands out
PROJECT = "fake-project"
# One test of each thing that worlds look at: rows, jobs, states, objects, rejects, tables that are lost or spoilt.
TESTS = (
    "test_ledger.py::test_a_lost_ledger_adopts_what_is_there",
    "test_ledger.py::test_a_newer_ledger_is_refused",
    "test_rejects.py",
    "test_tampering.py::test_verify_finds_tampering",
    "test_bigquery_ways.py::test_append_adds_only_what_is_missing",
    "test_cloud_faults.py::test_a_slow_service",
)


@pytest.mark.skipif(real() is not None, reason="the real cloud itself is asked")
def test_the_suite_for_the_real_cloud(tmp_path: Path) -> None:
    """Given a project and a bucket, the suite asks Google's names, skips what needs a fake, and leaves nothing."""
    with (
        FakeGCS("lake", folder=tmp_path / "gcs") as storage,
        FakeBigQuery(folder=tmp_path / "bigquery", project=PROJECT, token=TOKEN, gcs_url=storage.url) as warehouse,
        Front(Authority(tmp_path / "authority"), _places(storage, warehouse)) as front,
        rest_client(warehouse.url, PROJECT, token=TOKEN) as client,
    ):
        given = {
            "GOOGLE_APPLICATION_CREDENTIALS": _key(tmp_path / "key.json"),
            "ENGINE_TEST_GCP_PROJECT": PROJECT,
            "ENGINE_TEST_GCP_BUCKET": "lake",
        }
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "addopts=",
            f"--basetemp={tmp_path}/t",
        ]
        kinds = "(gcs or bigquery) and not emulator"
        ended = subprocess.run(  # noqa: S603 - pytest
            [*words, *(f"tests/conformance/{test}" for test in TESTS), "-k", kinds],
            cwd=ROOT,
            env={**os.environ, **front.environment(), **given},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        assert re.search(r"^\d\d passed, 3 skipped", ended.stdout.splitlines()[-1]), ended.stdout
        assert storage.objects("lake") == {}
        assert list(client.list_datasets()) == []
        assert set(front.asked) == set(_places(storage, warehouse))
        assert storage.errors == []


def _places(storage: FakeGCS, warehouse: FakeBigQuery) -> dict[str, str]:
    objects, statements = (server.url.rpartition("://")[2] for server in (storage, warehouse))
    return {
        "storage.googleapis.com": objects,
        "oauth2.googleapis.com": objects,
        "bigquery.googleapis.com": statements,
        "bigquerystorage.googleapis.com": warehouse.grpc_address,
    }


def _key(path: Path) -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key": private.private_bytes(*form).decode(),
        "client_email": f"loader@{PROJECT}.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    path.write_text(json.dumps(key))
    return str(path)
