"""Jobs of the fake BigQuery: ids, states, places, lists and pages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud import bigquery

from tests.fakes.bigquery.clients import parquet, rest_client
from tests.fakes.bigquery.places import LAYOUT, Place, trips

if TYPE_CHECKING:
    from tests.fakes.bigquery import FakeBigQuery

pytest_plugins = ("tests.fakes.bigquery.fixtures",)


def load(place: Place, job_id: str) -> bigquery.LoadJob:
    """Start to load a row."""
    config = bigquery.LoadJobConfig(source_format="PARQUET", labels={"load": "1"})
    return place.client.load_table_from_file(parquet(trips("a")), place.name("t"), job_id=job_id, job_config=config)


def test_an_id_is_used_once(fake: FakeBigQuery, place: Place) -> None:
    """A job's id is refused the second time, and nothing happens twice."""
    load(place, "one").result()
    with pytest.raises(Conflict, match=r"Already Exists: Job p:US\.one"):
        load(place, "one")
    assert len(fake.rows("d", "t")) == 1


def test_a_failed_id_stays_taken(place: Place) -> None:
    """The id of a job that failed is taken as well."""
    job = place.client.query("SELECT nothing", job_id="one", job_retry=None)
    with pytest.raises(BadRequest):
        job.result()
    with pytest.raises(Conflict):
        load(place, "one")


def test_a_job_that_runs(fake: FakeBigQuery, place: Place) -> None:
    """A job can be found while it runs; it has done nothing before it is done."""
    fake.job_seconds = 0.3
    load(place, "slow")
    found = place.client.get_job("slow")
    assert isinstance(found, bigquery.LoadJob)
    assert (found.state, found.labels) == ("RUNNING", {"load": "1"})
    with pytest.raises(NotFound):
        place.client.get_table(place.name("t"))
    found.result(timeout=10)
    assert found.output_rows == 1
    assert place.client.get_job("slow").state == "DONE"
    assert found.ended > found.started >= found.created


def test_a_job_is_cancelled(fake: FakeBigQuery, place: Place) -> None:
    """A job that was cancelled before its work has done nothing, and says so."""
    fake.job_seconds = 30
    begin = time.monotonic()
    load(place, "slow")
    place.client.cancel_job("slow")
    fake.job_seconds = 0
    job = place.client.get_job("slow")
    assert job.error_result["reason"] == "stopped"
    assert time.monotonic() - begin < 10
    with pytest.raises(NotFound):
        place.client.get_table(place.name("t"))


def test_a_missing_job(place: Place) -> None:
    """A job that nobody started is not found."""
    with pytest.raises(NotFound, match="Not found: Job p:"):
        place.client.get_job("none")


def test_jobs_are_listed(place: Place) -> None:
    """A listing has every job with its labels, the newest first."""
    for number in range(3):
        load(place, f"j{number}").result()
    listed = list(place.client.list_jobs(page_size=2))
    assert [job.job_id for job in listed] == ["j2", "j1", "j0"]
    assert listed[0].labels == {"load": "1"}
    assert list(place.client.list_jobs(state_filter="running")) == []


def test_what_jobs_did(fake: FakeBigQuery, place: Place) -> None:
    """Tests see the resources of all jobs."""
    load(place, "one").result()
    found = fake.jobs()[0]
    assert found["jobReference"] == {"projectId": "p", "jobId": "one", "location": "US"}
    assert found["configuration"]["load"]["destinationTable"]["tableId"] == "t"
    assert found["statistics"]["load"]["badRecords"] == "0"


def test_locations(fake: FakeBigQuery, place: Place) -> None:
    """A job finds datasets only where it runs, and is found there."""
    europe = bigquery.Dataset("p.europe")
    europe.location = "europe-west1"
    place.client.create_dataset(europe)
    place.load("t", trips("a"))
    with rest_client(fake.url, location="EU") as client:
        with pytest.raises(NotFound, match="Not found: Dataset p:d was not found in location EU"):
            client.query("SELECT * FROM d.t").result()
        with pytest.raises(NotFound, match="Not found: Dataset p:d was not found in location EU"):
            client.load_table_from_file(
                parquet(trips("a")), "p.d.t", job_config=bigquery.LoadJobConfig(source_format="PARQUET")
            ).result()
    job = place.client.query("CREATE TABLE europe.t AS SELECT 1 AS x")
    job.result()
    assert job.location == "europe-west1"
    with pytest.raises(NotFound):
        place.client.get_job(job.job_id)
    assert place.client.get_job(job.job_id, location="europe-west1").state == "DONE"


def test_pages(place: Place) -> None:
    """Rows come in pages of the size that was asked for, in the order of the query."""
    text = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x ORDER BY x DESC"
    found = place.client.query(text).result(page_size=10)
    assert [row.x for row in found] == list(range(25, 0, -1))
    assert found.total_rows == 25
    assert sum(1 for _ in place.client.query(text).result(page_size=10).pages) == 3


def test_rows_of_a_table(place: Place) -> None:
    """Rows of a table are listed in pages, from any row on, with the columns that were asked for."""
    place.load("t", trips("a", "b", "c", "d"))
    table = place.client.get_table(place.name("t"))
    found = place.client.list_rows(table, selected_fields=table.schema[:1], start_index=1, page_size=2)
    assert [tuple(row) for row in found] == [(b"b",), (b"c",), (b"d",)]


def test_a_query_in_one_request(fake: FakeBigQuery, place: Place) -> None:
    """A query that is short comes back with the answer to the first request."""
    rows = place.client.query_and_wait("SELECT 1 AS x, 'a' AS y")
    assert [tuple(row) for row in rows] == [(1, "a")]
    assert [one.method for one in fake.requests if "/queries" in one.path] == ["POST"]


def test_a_query_that_takes_longer(fake: FakeBigQuery, place: Place) -> None:
    """A query that is not done in time is waited for."""
    fake.job_seconds = 0.3
    assert [tuple(row) for row in place.client.query_and_wait("SELECT 1")] == [(1,)]


def test_a_query_asked_twice(place: Place, fake: FakeBigQuery) -> None:
    """A request with the id of an earlier one gets that one's job."""
    body = {"query": "SELECT 1", "useLegacySql": False, "requestId": "same"}
    connection = place.client._connection  # noqa: SLF001 - the client makes a new id for each query
    found = [connection.api_request(method="POST", path="/projects/p/queries", data=body) for _ in range(2)]
    assert found[0]["jobReference"] == found[1]["jobReference"]
    assert len(fake.jobs()) == 1


def test_results_into_a_table(fake: FakeBigQuery, place: Place) -> None:
    """A query writes its rows into a table or a partition."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a"))
    text = "SELECT b'z' AS id, DATE '2024-01-01' AS source_month, NUMERIC '2' AS fare"
    place.ask(text, destination=place.name("t$202401"), write_disposition="WRITE_TRUNCATE")
    assert [row[0] for row in fake.rows("d", "t")] == [b"z"]
    with pytest.raises(Conflict):
        place.ask(text, destination=place.name("t"))


def test_copies(fake: FakeBigQuery, place: Place) -> None:
    """A table is copied with its layout, and a partition into the same one of a like table."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a"))
    place.client.copy_table(place.name("t"), place.name("u")).result()
    assert place.client.get_table(place.name("u")).clustering_fields == ["id"]
    place.load("u$202401", trips("b", "c"))
    for write, rows in (("WRITE_TRUNCATE", [b"b", b"c"]), ("WRITE_APPEND", [b"b", b"c", b"b", b"c"])):
        config = bigquery.CopyJobConfig(write_disposition=write)
        job = place.client.copy_table(place.name("u$202401"), place.name("t$202401"), job_config=config)
        job.result()
        assert [row[0] for row in fake.rows("d", "t")] == rows
    with pytest.raises(Conflict):
        place.client.copy_table(place.name("u"), place.name("t")).result()


def test_copies_of_unlike_tables(place: Place) -> None:
    """Tables of other partitioning, clustering or columns are not copied onto each other."""
    place.create("t", **LAYOUT)
    place.create("plain")
    place.create("narrow", [bigquery.SchemaField("id", "BYTES")])
    config = bigquery.CopyJobConfig(write_disposition="WRITE_APPEND")
    with pytest.raises(BadRequest, match="incompatible partitioning/clustering"):
        place.client.copy_table(place.name("plain"), place.name("t"), job_config=config).result()
    with pytest.raises(BadRequest, match="Provided Schema does not match"):
        place.client.copy_table(place.name("plain"), place.name("narrow"), job_config=config).result()
    with pytest.raises(NotFound):
        place.client.copy_table(place.name("none"), place.name("t"), job_config=config).result()
