"""Datasets and tables of the fake BigQuery, as google-cloud-bigquery sees them."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from google.cloud import bigquery

from tests.fakes.bigquery.places import FEBRUARY, LAYOUT, SCHEMA, Place, trips

if TYPE_CHECKING:
    from tests.fakes.bigquery import FakeBigQuery


pytest_plugins = ("tests.fakes.bigquery.fixtures",)


def test_dataset_settings(place: Place) -> None:
    """A dataset keeps its location, labels, description and access."""
    asked = bigquery.Dataset("p.elsewhere")
    asked.location, asked.labels, asked.description = "EU", {"team": "data"}, "trips"
    place.client.create_dataset(asked)
    found = place.client.get_dataset("elsewhere")
    assert (found.location, found.labels, found.description) == ("EU", {"team": "data"}, "trips")
    assert {entry.role for entry in found.access_entries} == {"OWNER", "READER", "WRITER"}


def test_dataset_location_defaults_to_us(place: Place) -> None:
    """A dataset that says no location lies in the US."""
    assert place.client.get_dataset("d").location == "US"


def test_dataset_changes_under_if_match(place: Place) -> None:
    """A change of a dataset gives a new etag, and a change that knows only the old one is refused."""
    found = place.client.get_dataset("d")
    found.labels = {"a": "b"}
    changed = place.client.update_dataset(found, ["labels"])
    assert changed.etag != found.etag
    with pytest.raises(PreconditionFailed, match="Precondition check failed"):
        place.client.update_dataset(found, ["labels"])


def test_dataset_twice(place: Place) -> None:
    """A dataset's name is taken once."""
    with pytest.raises(Conflict, match="Already Exists: Dataset p:d"):
        place.client.create_dataset("d")


def test_dataset_missing(place: Place) -> None:
    """A dataset that is not there is not found, whatever is asked of it."""
    for ask in (
        place.client.get_dataset,
        place.client.delete_dataset,
        lambda name: list(place.client.list_tables(name)),
    ):
        with pytest.raises(NotFound, match="Not found: Dataset p:nowhere"):
            ask("nowhere")


def test_dataset_deletion(place: Place) -> None:
    """A dataset with tables is deleted only with its contents."""
    place.create("t")
    with pytest.raises(BadRequest, match="Dataset p:d is still in use"):
        place.client.delete_dataset("d")
    place.client.delete_dataset("d", delete_contents=True)
    assert [one.dataset_id for one in place.client.list_datasets()] == []


def test_datasets_are_listed(place: Place) -> None:
    """A listing has every dataset, over several pages, and none of the service's own."""
    for number in range(3):
        place.client.create_dataset(f"d{number}")
    listed = place.client.list_datasets(page_size=2)
    assert [one.dataset_id for one in listed] == ["d", "d0", "d1", "d2"]


def test_table_settings(place: Place) -> None:
    """A table keeps schema, partitioning, clustering, labels, description and the required filter."""
    schema = [
        bigquery.SchemaField("id", "BYTES", "REQUIRED", description="who"),
        bigquery.SchemaField("source_month", "DATE"),
        bigquery.SchemaField("fare", "NUMERIC", precision=12, scale=2),
    ]
    settings = {"labels": {"a": "b"}, "description": "trips", "require_partition_filter": True}
    place.create("t", schema, **LAYOUT, **settings)
    found = place.client.get_table(place.name("t"))
    assert found.schema == schema
    assert (found.time_partitioning.type_, found.time_partitioning.field) == ("MONTH", "source_month")
    assert found.clustering_fields == ["id"]
    assert (found.labels, found.description, found.require_partition_filter) == ({"a": "b"}, "trips", True)
    assert (found.num_rows, found.num_bytes, found.table_type, found.location) == (0, 0, "TABLE", "US")


def test_table_twice(place: Place) -> None:
    """Of many who make the same table at once, one does."""

    def make(_: int) -> bool:
        try:
            place.create("t")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(8))) == 1
    with pytest.raises(Conflict, match=r"Already Exists: Table p:d\.t"):
        place.create("t")


def test_table_missing(place: Place) -> None:
    """A table that is not there is not found."""
    with pytest.raises(NotFound, match=r"Not found: Table p:d\.t"):
        place.client.get_table(place.name("t"))
    with pytest.raises(NotFound, match=r"Not found: Table p:d\.t"):
        place.client.delete_table(place.name("t"))


def test_table_changes_under_if_match(place: Place) -> None:
    """Every change of settings gives a new etag, and one that knows only an old one is refused and changes nothing."""
    old = place.create("t", labels={"a": "1"})
    seen = {old.etag}
    for labels in ({"a": "2"}, {"b": "3"}):
        fresh = place.client.get_table(place.name("t"))
        fresh.labels = labels
        seen.add(place.client.update_table(fresh, ["labels"]).etag)
    assert len(seen) == 3
    old.description = "late"
    with pytest.raises(PreconditionFailed, match="Precondition check failed"):
        place.client.update_table(old, ["description"])
    assert place.client.get_table(place.name("t")).description is None


def test_one_of_many_changes_wins(place: Place) -> None:
    """Of many who change a table that all of them saw in the same state, one does."""
    place.create("t")
    states = [place.client.get_table(place.name("t")) for _ in range(8)]

    def change(number: int) -> bool:
        states[number].labels = {"owner": str(number)}
        try:
            place.client.update_table(states[number], ["labels"])
        except PreconditionFailed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(change, range(8))) == 1


def test_deletion_under_if_match(place: Place) -> None:
    """A table is deleted only in the state that If-Match says."""
    old = place.create("t").etag
    fresh = place.client.get_table(place.name("t"))
    fresh.description = "new"
    etag = place.client.update_table(fresh, ["description"]).etag
    url, connection = "/projects/p/datasets/d/tables/t", place.client._connection  # noqa: SLF001 - its methods send none
    with pytest.raises(PreconditionFailed):
        connection.api_request(method="DELETE", path=url, headers={"If-Match": old})
    connection.api_request(method="DELETE", path=url, headers={"If-Match": etag})
    with pytest.raises(NotFound):
        place.client.get_table(place.name("t"))


def test_rows_change_the_etag(place: Place) -> None:
    """A load changes a table's etag as well."""
    before = place.create("t", **LAYOUT).etag
    place.load("t$202401", trips("a"))
    assert place.client.get_table(place.name("t")).etag != before


def test_labels_are_merged(place: Place) -> None:
    """A change of labels keeps the others, and null removes one."""
    table = place.create("t", labels={"a": "1", "b": "2"})
    table.labels = {"a": None, "c": "3"}  # type: ignore[dict-item, unused-ignore]
    assert place.client.update_table(table, ["labels"]).labels == {"b": "2", "c": "3"}


@pytest.mark.parametrize("labels", [{"A": "b"}, {"a": "B"}, {"a": "b.c"}, {"1a": ""}, {"a": "x" * 64}])
def test_bad_labels(place: Place, labels: dict[str, str]) -> None:
    """Labels with other characters than lower-case letters, digits, _ and - are refused."""
    with pytest.raises(BadRequest, match="has invalid characters"):
        place.create("t", labels=labels)


def test_expiration(fake: FakeBigQuery, place: Place) -> None:
    """A table whose time has come is gone, and its name is free."""
    place.create("t", expires=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    place.client.get_table(place.name("t"))
    fake.pass_time(3_601)
    with pytest.raises(NotFound):
        place.client.get_table(place.name("t"))
    assert list(place.client.list_tables("d")) == []
    place.create("t")


def test_expiration_in_the_past(place: Place) -> None:
    """A table cannot expire before now."""
    with pytest.raises(BadRequest, match="must be in the future"):
        place.create("t", expires=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))


def test_tables_are_listed(place: Place) -> None:
    """A listing has every table with its labels, over several pages."""
    for number in range(3):
        place.create(f"t{number}", labels={"number": str(number)})
    listed = place.client.list_tables("d", page_size=2)
    assert [(one.table_id, one.labels) for one in listed] == [(f"t{n}", {"number": str(n)}) for n in range(3)]


def test_rows_and_bytes_of_partitions(place: Place) -> None:
    """A partition's resource has its own rows and bytes, and an empty one none."""
    place.create("t", **LAYOUT)
    place.load("t$202401", trips("a", "b", "c"))
    place.load("t$202402", trips("d", month=FEBRUARY))
    sizes = [place.client.get_table(place.name(name)) for name in ("t", "t$202401", "t$202402", "t$202403")]
    assert [one.num_rows for one in sizes] == [4, 3, 1, 0]
    assert [one.num_bytes for one in sizes] == [4 * 27, 3 * 27, 27, 0]  # bytes 2 + 1, date 8, numeric 16


def test_partition_of_another_unit(place: Place) -> None:
    """A decorator that does not fit the partitioning is refused."""
    place.create("t", **LAYOUT)
    with pytest.raises(BadRequest, match="Invalid partition ID '20240101'"):
        place.client.get_table(place.name("t$20240101"))


def test_partition_column_must_be_there(place: Place) -> None:
    """A table cannot be partitioned by a column that it lacks, or that is no time."""
    for field, words in (("nothing", "cannot be found in the schema"), ("fare", "can only be of type")):
        by = bigquery.TimePartitioning(type_="MONTH", field=field)
        with pytest.raises(BadRequest, match=words):
            place.create("t", SCHEMA, time_partitioning=by)
