"""What goes wrong at the fake BigQuery when it is told to: permissions, tokens, refusals, lost connections."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import Conflict, Forbidden, PermissionDenied, ResourceExhausted, ServiceUnavailable
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types as storage
from requests.exceptions import ConnectionError as Broken
from requests.exceptions import RequestException

from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.bigquery.clients import (
    append,
    appending,
    parquet,
    pending_stream,
    read_all,
    rest_client,
    storage_clients,
)
from tests.fakes.bigquery.places import LAYOUT, Place, running, trips
from tests.fakes.faults import (
    Answer,
    Call,
    CorruptDownload,
    CutBefore,
    CutBody,
    CutDownload,
    Delay,
    Fault,
    LoseAnswer,
    Request,
    on,
)

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.fakes.bigquery.fixtures",)

ROWS = trips("a", "b").to_batches()[0]


def test_jobs_create(fake: FakeBigQuery, place: Place) -> None:
    """Without bigquery.jobs.create no job starts."""
    fake.deny("bigquery.jobs.create")
    words = r"Access Denied: Project p: User does not have bigquery\.jobs\.create permission in project p\."
    with pytest.raises(Forbidden, match=words):
        place.rows("SELECT 1")
    fake.allow("bigquery.jobs.create")
    assert place.rows("SELECT 1") == [(1,)]


def test_datasets_create(fake: FakeBigQuery, place: Place) -> None:
    """Without bigquery.datasets.create no dataset is made."""
    fake.deny("bigquery.datasets.create")
    with pytest.raises(Forbidden, match=r"User does not have bigquery\.datasets\.create permission in project p"):
        place.client.create_dataset("e")


def test_tables_create(fake: FakeBigQuery, place: Place) -> None:
    """Without bigquery.tables.create no table is made, by REST, statement or load."""
    fake.deny("bigquery.tables.create")
    words = r"Access Denied: Dataset p:d: Permission bigquery\.tables\.create denied on dataset p:d"
    with pytest.raises(Forbidden, match=words):
        place.create("t")
    with pytest.raises(Forbidden, match=words):
        place.ask("CREATE TABLE t (x INT64)")
    with pytest.raises(Forbidden, match=words):
        place.load("t", trips("a"))


def test_tables_update_data(fake: FakeBigQuery, place: Place) -> None:
    """Without bigquery.tables.updateData no row changes, by load, statement or stream."""
    place.create("t")
    fake.deny("bigquery.tables.updateData")
    words = r"Access Denied: Table p:d\.t: Permission bigquery\.tables\.updateData denied on table p:d\.t"
    with pytest.raises(Forbidden, match=words):
        place.load("t", trips("a"), "WRITE_APPEND")
    with pytest.raises(Forbidden, match=words):
        place.ask("DELETE FROM t WHERE true")
    with pytest.raises(PermissionDenied, match="Permission 'TABLES_UPDATE_DATA' denied on resource"):
        pending_stream(place.storage.write, place.path("t"))


def test_readsessions_create(fake: FakeBigQuery, place: Place) -> None:
    """Without bigquery.readsessions.create no table is read over the Storage API."""
    place.create("t")
    fake.deny("bigquery.readsessions.create")
    words = r"the user does not have 'bigquery\.readsessions\.create' permission for 'projects/p'"
    with pytest.raises(PermissionDenied, match=words):
        read_all(place.storage.read, place.path("t"))


def test_tokens(tmp_path: Path) -> None:
    """A fake that knows a token lets nobody else in."""
    with FakeBigQuery(folder=tmp_path / "closed", token="secret") as fake:  # noqa: S106 - no secret
        with rest_client(fake.url, token="secret") as client:  # noqa: S106 - no secret
            client.create_dataset("d")
        with rest_client(fake.url) as client, pytest.raises(GoogleAuthError):  # it tries to renew what it has
            client.get_dataset("d")
        assert fake.requests[-1].status == 401


def test_a_refusal(fake: FakeBigQuery, place: Place) -> None:
    """A refusal comes instead of the deed, with its reason."""
    answer = Answer(status=403, reason="quotaExceeded", message="Quota exceeded: imports per table")
    fault = fake.faults.add(Fault(when=on("POST", "/tables"), do=answer))
    with pytest.raises(Forbidden, match="Quota exceeded: imports per table") as caught:
        place.create("t")
    assert caught.value.errors[0]["reason"] == "quotaExceeded"
    assert fault.fired == 1
    assert list(place.client.list_tables("d")) == []


def test_a_refusal_that_is_retried(fake: FakeBigQuery, place: Place) -> None:
    """The client asks again after rateLimitExceeded."""
    place.create("t")
    answer = Answer(status=403, reason="rateLimitExceeded")
    fault = fake.faults.add(Fault(when=on("GET", "/tables/t"), do=answer))
    assert place.client.get_table(place.name("t")).table_id == "t"
    assert fault.fired == 1
    assert [
        one.status for one in fake.requests if one.path.startswith("/bigquery/v2/projects/p/datasets/d/tables/t")
    ] == [
        403,
        200,
    ]


def test_a_connection_that_breaks(fake: FakeBigQuery, place: Place) -> None:
    """A connection that breaks before anything is done leaves nothing."""
    fake.faults.add(Fault(when=on("POST", "/tables"), do=CutBefore()))
    with pytest.raises(Broken):
        place.client.create_table(f"{place.name('t')}", retry=None)  # type: ignore[arg-type, unused-ignore]
    assert list(place.client.list_tables("d")) == []


def test_a_lost_answer(fake: FakeBigQuery, place: Place) -> None:
    """A job whose acknowledgement is lost has begun: its id is taken."""
    fake.faults.add(Fault(when=on("POST", "multipart"), do=LoseAnswer()))
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    file = parquet(trips("a"))

    def load() -> None:
        file.seek(0)
        size = len(file.getvalue())
        place.client.load_table_from_file(
            file, place.name("t"), size=size, job_id="one", job_config=config, num_retries=0
        )

    with pytest.raises((Broken, Conflict)):
        load()
    with pytest.raises(Conflict):
        load()
    place.client.get_job("one").result()
    assert len(fake.rows("d", "t")) == 1


def test_a_cut_upload(fake: FakeBigQuery, place: Place) -> None:
    """An upload that breaks goes on where it stopped: what arrived counts."""
    file = parquet(trips(*(str(number) for number in range(2_000))))
    fake.faults.add(Fault(when=on("PUT"), do=CutBody(after_bytes=1_000)))
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    place.client.load_table_from_file(file, place.name("t"), job_config=config).result()
    assert len(fake.rows("d", "t")) == 2_000
    assert next(one.bytes_in for one in fake.requests if one.method == "PUT") == 1_000


def test_downloads_that_break(fake: FakeBigQuery, place: Place) -> None:
    """An answer that is cut or damaged is no JSON."""
    for action in (CutDownload(after_bytes=10), CorruptDownload(at_byte=0)):
        fake.faults.add(Fault(when=on("GET", "/datasets/d"), do=action))
        with pytest.raises((RequestException, ValueError)):
            place.client.get_dataset("d", retry=None)  # type: ignore[arg-type, unused-ignore]


def test_delays_and_callbacks(fake: FakeBigQuery, place: Place) -> None:
    """Something else happens exactly before or after a request, and an answer takes its time."""
    seen: list[Request] = []
    fake.faults.add(Fault(when=on("GET", "/datasets/d"), do=Call(before=seen.append, after=seen.append)))
    place.client.get_dataset("d")
    assert [one.service for one in seen] == ["bigquery", "bigquery"]
    fake.faults.add(Fault(when=on("GET", "/datasets/d"), do=Delay(seconds=0.2)))
    begin = time.monotonic()
    place.client.get_dataset("d")
    assert time.monotonic() - begin > 0.2


def test_refusals_over_grpc(fake: FakeBigQuery, place: Place) -> None:
    """A status over gRPC is that of the same meaning."""
    place.create("t")
    fake.faults.add(Fault(when=on("CreateWriteStream"), do=Answer(status=429)))
    with pytest.raises(ResourceExhausted):
        place.storage.write.create_write_stream(parent=place.path("t"), write_stream=storage.WriteStream(), retry=None)


def test_lost_appends(fake: FakeBigQuery, place: Place) -> None:
    """An append whose acknowledgement is lost is done: its offset is taken."""
    place.create("t", **LAYOUT)
    stream = pending_stream(place.storage.write, place.path("t"))
    with appending(place.storage.write, stream, ROWS.schema) as connection:
        append(connection, ROWS, 0)
        fake.faults.add(Fault(when=on("AppendRows"), do=LoseAnswer()))
        with pytest.raises(ServiceUnavailable, match="Connection reset"):
            append(connection, ROWS, 2)
    assert place.storage.write.finalize_write_stream(name=stream).row_count == 4


def test_reads_that_break(fake: FakeBigQuery, place: Place) -> None:
    """A stream that breaks on the way is taken up again by the client where it stopped."""
    place.load("t", trips(*(str(number) for number in range(20_000))))
    fault = fake.faults.add(Fault(when=on("ReadRows"), do=CutDownload(after_bytes=300_000)))
    assert read_all(place.storage.read, place.path("t")).num_rows == 20_000
    assert fault.fired == 1
    assert sum(one.method == "ReadRows" for one in fake.requests) == 2


def test_it_runs_alone() -> None:
    """The fake runs as a program of its own, with the datasets that it is given."""
    words = [sys.executable, "-m", "tests.fakes.bigquery", "--port", "0", "--grpc-port", "0", "--dataset", "d"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        found = re.fullmatch(r"BigQuery (\S+), Storage (\S+), project p\n", process.stdout.readline())
        assert found is not None
        with rest_client(found[1]) as client, storage_clients(found[2]) as clients:
            place = Place(client=client, storage=clients, dataset="d")
            place.load("t", trips("a"))
            assert read_all(clients.read, place.path("t")).num_rows == 1
        process.terminate()
        assert process.wait(10) == 0


def test_it_ends_what_it_began(tmp_path: Path) -> None:
    """A fake that is closed leaves no thread, even while a job waits and a client is connected."""
    before = set(threading.enumerate())
    with running(tmp_path) as (fake, place):
        fake.job_seconds = 60
        place.client.query("SELECT 1", api_method="INSERT")
        begin = time.monotonic()
        fake.close()
        fake.close()
    left = [one.name for one in set(threading.enumerate()) - before if one.name.startswith(("job", "grpc", "Thread"))]
    assert (left, time.monotonic() - begin < 10) == ([], True)
