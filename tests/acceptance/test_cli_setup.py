"""`engine setup`: what a target lacks is made once, what is there stays, and a dry run changes nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.fakes import faults
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.bigquery.clients import rest_client
from tests.fakes.faults import Fault, on
from tests.fakes.gcs import FakeGCS
from tests.fakes.gcs.clients import storage_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Ended, Engine

pytestmark = pytest.mark.usefixtures("collected")
LAKE = "gs://lake/nyc"
WAREHOUSE = "bigquery://p/taxi"
TABLES = ["engine_loads", "engine_months", "engine_rejects", "green_tripdata", "yellow_tripdata"]
WASTE = ["nyc/_engine/staging/", "nyc/_engine/locks/"]
RULE = {"action": {"type": "Delete"}, "condition": {"age": 7, "matchesPrefix": WASTE}}
OTHERS_RULE = {"action": {"type": "Delete"}, "condition": {"age": 3, "matchesPrefix": ["theirs/"]}}
PRIVATE = {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}}


@pytest.fixture
def gcs() -> Iterator[FakeGCS]:
    """Run a Cloud Storage without a bucket; at the end it must have had no defect."""
    with FakeGCS() as running:
        yield running
        assert running.errors == []


@pytest.fixture
def bigquery(tmp_path: Path) -> Iterator[FakeBigQuery]:
    """Run a BigQuery without a dataset."""
    with FakeBigQuery(folder=tmp_path / "bigquery") as running:
        yield running


def run(engine: Engine, cloud: FakeGCS | FakeBigQuery, *words: object) -> Ended:
    """Set up a target in a fake."""
    variables = {"ENGINE_RETRY_SECONDS": "3"}
    if isinstance(cloud, FakeGCS):
        variables["STORAGE_EMULATOR_HOST"] = cloud.url
    else:
        variables |= {
            "BIGQUERY_EMULATOR_HOST": cloud.url,
            "BIGQUERY_STORAGE_EMULATOR_HOST": cloud.grpc_address,
        }
    return engine.run("setup", *words, **variables)


def states(ended: Ended) -> dict[str, str]:
    """Return what was said of each thing, by its name."""
    assert ended.code == 0, ended.err
    assert set(ended.object) == {"target", "things", "error"}
    assert ended.object["error"] == ""
    return {thing["what"]: thing["state"] for thing in ended.object["things"]}


def details(ended: Ended) -> dict[str, str]:
    """Return the details by the names of their things."""
    return {thing["what"]: thing["detail"] for thing in ended.object["things"]}


def writes(cloud: FakeGCS | FakeBigQuery) -> list[str]:
    """Return the requests that may have changed something."""
    return [f"{seen.method} {seen.path}" for seen in cloud.requests if seen.method != "GET"]


def make(gcs: FakeGCS, location: str = "US", **resource: Any) -> None:  # noqa: ANN401 - a bucket's own fields
    """Make the bucket as somebody else would."""
    with storage_client(gcs.url) as client:
        bucket = client.bucket("lake")
        for key, value in resource.items():
            bucket._patch_property(key, value)  # noqa: SLF001 - any field by its own name
        client.create_bucket(bucket, location=location)
    gcs.forget_requests()


# --- a bucket


def test_a_bucket_is_made_with_all_it_needs(engine: Engine, gcs: FakeGCS) -> None:
    """A new bucket is private and clears what dead engines leave; a second time nothing is done."""
    made = run(engine, gcs, LAKE, "--output", "json", "--location", "EU")
    assert set(states(made).values()) == {"made"}
    assert details(made)["bucket gs://lake"] == "location EU"
    found = gcs.bucket("lake")
    assert found["iamConfiguration"] == PRIVATE
    assert (found["location"], found["lifecycle"]) == ("EU", {"rule": [RULE]})
    gcs.forget_requests()
    assert set(states(run(engine, gcs, LAKE, "--output", "json"))) == set(states(made))
    assert set(states(run(engine, gcs, LAKE, "--output", "json")).values()) == {"there"}
    assert writes(gcs) == []


def test_a_bucket_that_was_set_up_can_be_loaded_into(engine: Engine, gcs: FakeGCS, months: Path) -> None:
    """What a setup makes is what a load needs; without a location it lies in the US."""
    assert run(engine, gcs, LAKE).out.splitlines() == [
        "made          bucket gs://lake: location US",
        "made          uniform bucket-level access",
        "made          public access prevention: enforced",
        "made          lifecycle rule: deletes after 7 days below nyc/_engine/staging/, nyc/_engine/locks/",
    ]
    load = ("ingest", "yellow", "2019-01", "--from", months, "--to", LAKE)
    assert engine.run(*load, STORAGE_EMULATOR_HOST=gcs.url).code == 0


def test_a_dry_run_makes_no_bucket(engine: Engine, gcs: FakeGCS) -> None:
    """It says what would be made, for one look."""
    found = run(engine, gcs, LAKE, "--dry-run", "--output", "json")
    assert set(states(found).values()) == {"would make"}
    assert details(found)["bucket gs://lake"] == "location US"
    assert [exchange.method for exchange in gcs.requests] == ["GET"]


def test_others_rules_stay(engine: Engine, gcs: FakeGCS) -> None:
    """The rule is added to those that are there, and no other setting is touched; another prefix gets its own."""
    make(gcs, iamConfiguration=PRIVATE, lifecycle={"rule": [OTHERS_RULE]}, labels={"team": "theirs"})
    assert states(run(engine, gcs, LAKE, "--dry-run", "--output", "json"))["lifecycle rule"] == "would change"
    assert writes(gcs) == []
    found = states(run(engine, gcs, LAKE, "--output", "json"))
    assert (found.pop("lifecycle rule"), set(found.values())) == ("changed", {"there"})
    assert gcs.bucket("lake")["lifecycle"] == {"rule": [OTHERS_RULE, RULE]}
    assert gcs.bucket("lake")["labels"] == {"team": "theirs"}
    assert states(run(engine, gcs, "gs://lake", "--output", "json"))["lifecycle rule"] == "changed"
    assert len(gcs.bucket("lake")["lifecycle"]["rule"]) == 3


@pytest.mark.parametrize(
    "condition",
    [
        {"age": 30, "matchesPrefix": WASTE},
        {"age": 7, "matchesPrefix": WASTE, "isLive": False},
        {"age": 7, "matchesSuffix": ["x"]},
    ],
    ids=["too late", "old versions only", "some objects only"],
)
def test_a_rule_that_does_less_does_not_count(engine: Engine, gcs: FakeGCS, condition: dict[str, object]) -> None:
    """Only a rule that deletes by age alone, and in time, is the one that is needed."""
    rule = {"action": {"type": "Delete"}, "condition": condition}
    make(gcs, iamConfiguration=PRIVATE, lifecycle={"rule": [rule]})
    assert states(run(engine, gcs, LAKE, "--output", "json"))["lifecycle rule"] == "changed"
    assert gcs.bucket("lake")["lifecycle"] == {"rule": [rule, RULE]}


def test_a_rule_that_somebody_adds_at_the_same_time_stays(engine: Engine, gcs: FakeGCS) -> None:
    """Rules are written over only as they were read."""
    make(gcs, iamConfiguration=PRIVATE)

    def others(_: object) -> None:
        with storage_client(gcs.url) as client:
            bucket = client.get_bucket("lake")
            bucket.lifecycle_rules = [OTHERS_RULE]
            bucket.update()

    gcs.faults.add(Fault(do=faults.Call(before=others), when=on("PATCH")))
    assert states(run(engine, gcs, LAKE, "--output", "json"))["lifecycle rule"] == "changed"
    assert gcs.bucket("lake")["lifecycle"] == {"rule": [OTHERS_RULE, RULE]}


def test_access_to_an_existing_bucket_is_not_changed_silently(engine: Engine, gcs: FakeGCS) -> None:
    """Whoever owns it is told what differs and which command changes it."""
    make(gcs)
    found = run(engine, gcs, LAKE).out.splitlines()
    start = "gcloud storage buckets update gs://lake"
    assert found[1] == f"differs       uniform bucket-level access: it is off; {start} --uniform-bucket-level-access"
    assert found[2] == f"differs       public access prevention: it is inherited; {start} --public-access-prevention"
    assert gcs.bucket("lake")["iamConfiguration"] != PRIVATE
    assert "iamConfiguration" not in "".join(writes(gcs))


def test_a_bucket_elsewhere_is_an_error(engine: Engine, gcs: FakeGCS) -> None:
    """A bucket cannot move; without --location it is right where it is."""
    make(gcs, location="EU", iamConfiguration=PRIVATE)
    found = run(engine, gcs, LAKE, "--location", "us", "--output", "json")
    assert (found.code, found.object["things"]) == (2, [])
    assert "bucket gs://lake is in another location" in found.object["error"]
    assert "found     EU" in found.err
    assert states(run(engine, gcs, LAKE, "--output", "json", "--location", "eu"))["bucket gs://lake"] == "there"
    assert details(run(engine, gcs, LAKE, "--output", "json"))["bucket gs://lake"] == "location EU"


@pytest.mark.parametrize("permission", ["storage.buckets.get", "storage.buckets.create", "storage.buckets.update"])
def test_who_may_not_make_a_bucket_is_told_what_to_grant(engine: Engine, gcs: FakeGCS, permission: str) -> None:
    """The permission that is missing is named with the role that has it, and what was seen before it is shown."""
    if permission == "storage.buckets.update":
        make(gcs, iamConfiguration=PRIVATE)
    gcs.deny(permission)
    found = run(engine, gcs, LAKE, "--output", "json")
    assert found.code == 20
    assert f"permission {permission}" in " ".join(found.err.split())
    assert "grant roles/storage.admin on the project" in found.err
    assert "of this load" not in found.err
    assert len(found.object["things"]) == (3 if permission == "storage.buckets.update" else 0)


def test_a_bucket_that_somebody_makes_at_the_same_time(engine: Engine, gcs: FakeGCS) -> None:
    """Whoever was first made it; it is looked at as any that was there."""
    gcs.faults.add(Fault(do=faults.Call(before=lambda _: make(gcs, "EU")), when=on("POST", "project")))
    found = states(run(engine, gcs, LAKE, "--output", "json"))
    assert found["bucket gs://lake"] == "there"
    assert found["public access prevention"] == "differs"


# --- a dataset of BigQuery


def test_a_dataset_is_made_with_its_tables(engine: Engine, bigquery: FakeBigQuery, months: Path) -> None:
    """Dataset, ledger, view and tables are made once, as a load makes them; a load finds them and adds nothing."""
    words = (WAREHOUSE, "yellow", "green", "--location", "EU")
    made = run(engine, bigquery, *words, "--output", "json")
    assert set(states(made).values()) == {"made"}
    assert [what.rpartition(" ")[2] for what in states(made)][1:] == [
        "engine_loads",
        "engine_months",
        "yellow_tripdata",
        "green_tripdata",
        "engine_rejects",
    ]
    assert details(made)["dataset p.taxi"] == "location EU"
    with rest_client(bigquery.url) as client:
        found = client.get_dataset("p.taxi")
        assert (found.location, found.labels) == ("EU", {"engine": "target"})
        assert found.description
        assert sorted(table.table_id for table in client.list_tables("taxi")) == TABLES
    bigquery.requests.clear()
    assert set(states(run(engine, bigquery, *words, "--output", "json")).values()) == {"there"}
    assert writes(bigquery) == []
    places = {"BIGQUERY_EMULATOR_HOST": bigquery.url, "BIGQUERY_STORAGE_EMULATOR_HOST": bigquery.grpc_address}
    loaded = engine.run("ingest", "yellow", "2019-01", "--from", months, "--to", WAREHOUSE, **places)
    assert loaded.code == 0, loaded.err


def test_without_a_dataset_all_of_the_catalog_are_meant(engine: Engine, bigquery: FakeBigQuery) -> None:
    """Every dataset that the engine knows gets its table."""
    found = states(run(engine, bigquery, WAREHOUSE, "--output", "json"))
    names = {f"table {name}_tripdata" for name in ("yellow", "green", "fhv", "fhvhv")}
    assert names <= set(found)


def test_a_dry_run_makes_no_dataset(engine: Engine, bigquery: FakeBigQuery) -> None:
    """It says the same as a run, in the same order, and sends nothing but looks."""
    planned = run(engine, bigquery, WAREHOUSE, "yellow", "green", "--dry-run", "--output", "json")
    assert set(states(planned).values()) == {"would make"}
    assert writes(bigquery) == []
    made = run(engine, bigquery, WAREHOUSE, "yellow", "--output", "json")
    assert [what for what in states(planned) if what != "table green_tripdata"] == list(states(made))
    bigquery.requests.clear()
    half = states(run(engine, bigquery, WAREHOUSE, "yellow", "green", "--dry-run", "--output", "json"))
    assert {what for what, state in half.items() if state == "would make"} == {"table green_tripdata"}
    assert writes(bigquery) == []


def test_columns_that_a_table_lacks_are_added(engine: Engine, bigquery: FakeBigQuery) -> None:
    """A main table of an older contract is brought up to this one."""
    run(engine, bigquery, WAREHOUSE, "yellow")
    with rest_client(bigquery.url) as client:
        table = client.get_table("taxi.yellow_tripdata")
        client.delete_table(table)
        lacking = [field for field in table.schema if field.name != "airport_fee"]
        older = type(table)("p.taxi.yellow_tripdata", schema=lacking)
        older.time_partitioning, older.description = table.time_partitioning, table.description
        client.create_table(older)
    planned = run(engine, bigquery, WAREHOUSE, "yellow", "--dry-run", "--output", "json")
    changed = run(engine, bigquery, WAREHOUSE, "yellow", "--output", "json")
    assert states(planned)["table yellow_tripdata"] == "would change"
    assert states(changed)["table yellow_tripdata"] == "changed"
    assert details(planned) == details(changed)
    assert details(changed)["table yellow_tripdata"] == "columns that it lacked: airport_fee"


def test_a_dataset_elsewhere_is_an_error(engine: Engine, bigquery: FakeBigQuery) -> None:
    """A dataset cannot move; nothing is made in it."""
    run(engine, bigquery, WAREHOUSE, "yellow", "--location", "EU")
    bigquery.requests.clear()
    found = run(engine, bigquery, WAREHOUSE, "green", "--location", "US")
    assert (found.code, found.out) == (2, "")
    assert "dataset p.taxi is in another location" in found.err
    assert writes(bigquery) == []


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("bigquery.datasets.create", "roles/bigquery.user on the project"),
        ("bigquery.tables.create", "roles/bigquery.dataEditor on the dataset"),
    ],
)
def test_who_may_not_make_tables_is_told_what_to_grant(
    engine: Engine,
    bigquery: FakeBigQuery,
    permission: Any,  # noqa: ANN401 - one of the fake's own words
    role: str,
) -> None:
    """The permission that is missing is named with the smallest role that has it."""
    bigquery.deny(permission)
    found = run(engine, bigquery, WAREHOUSE, "yellow", "--output", "json")
    assert (found.code, f"grant {role}" in found.err) == (20, True)
    made = {thing["what"]: thing["state"] for thing in found.object["things"]}
    assert made == ({} if "datasets" in permission else {"dataset p.taxi": "made"})


def test_a_table_of_somebody_elses_is_an_error(engine: Engine, bigquery: FakeBigQuery) -> None:
    """A table of that name that is none of ours stays as it is, in a dry run too."""
    with rest_client(bigquery.url) as client:
        client.create_dataset("p.taxi")
        client.query("CREATE TABLE taxi.yellow_tripdata (a INT64)").result()
    for more in ((), ("--dry-run",)):
        found = run(engine, bigquery, WAREHOUSE, "yellow", *more)
        assert (found.code, "is not ours" in found.err) == (13, True)


# --- a schema of PostgreSQL


def _tables(url: str, schema: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema])
        return [row[0] for row in rows]


def test_a_schema_is_made_with_its_tables(engine: Engine, database_url: str) -> None:
    """Schema, ledger and tables are made once; a dry run says the same and makes none of it."""
    words = ("setup", database_url, "yellow", "green", "--schema", 'Raw "data"', "--output", "json")
    planned = engine.call(*words, "--dry-run")
    assert _tables(database_url, 'Raw "data"') == []
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'Raw%'").fetchall() == []
    made = engine.call(*words)
    again = engine.call(*words)
    assert _tables(database_url, 'Raw "data"') == [t for t in TABLES if t != "engine_months"]
    assert list(states(planned)) == list(states(made)) == list(states(again))
    for found, state in ((planned, "would make"), (made, "made"), (again, "there")):
        assert {state for state in states(found).values() if state != "hint"} == {state}
    assert 'GRANT USAGE ON SCHEMA "Raw ""data""" TO "READER";' in states(made)


def test_columns_that_a_table_of_postgres_lacks_are_added(engine: Engine, database_url: str) -> None:
    """A main table of an older contract is brought up to this one."""
    engine.call("setup", database_url, "yellow")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE yellow_tripdata DROP COLUMN airport_fee")
    planned = engine.call("setup", database_url, "yellow", "--dry-run", "--output", "json")
    changed = engine.call("setup", database_url, "yellow", "--output", "json")
    assert states(planned)["table public.yellow_tripdata"] == "would change"
    assert states(changed)["table public.yellow_tripdata"] == "changed"
    assert details(planned) == details(changed)
    assert details(changed)["table public.yellow_tripdata"] == "columns that it lacked: airport_fee"


def test_the_grants_are_enough(engine: Engine, database_url: str, months: Path) -> None:
    """After the printed statements one role loads and another one reads, months that come later included."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    loader, reader = f"loader_{name}", f"Reader {name}"
    made = engine.call("setup", database_url, "yellow", "--schema", "raw")
    assert "-- for a role that loads\n" in made.out
    statements = [line for line in made.out.splitlines() if line.endswith(";")]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{loader}" LOGIN'.encode())
        connection.execute(f'CREATE ROLE "{reader}" LOGIN'.encode())
        for statement in statements:
            connection.execute(statement.replace("LOADER", loader).replace("READER", reader).encode())
        try:
            options = {"PGOPTIONS": f"-c role={loader}"}
            load = ("ingest", "yellow", "2019-01", "--from", months, "--to", database_url, "--schema", "raw")
            assert engine.run(*load, **options).code == 0
            assert engine.run(*load, "--force", **options).code == 0
            connection.execute(f'SET ROLE "{reader}"'.encode())
            assert connection.execute("SELECT count(*) FROM raw.yellow_tripdata").fetchone() == (2_000,)
            connection.execute("SELECT FROM raw.engine_loads, raw.engine_rejects")
            owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'raw'").fetchall()
            assert owners == [(loader,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM raw.yellow_tripdata")
        finally:
            connection.execute("RESET ROLE")
            for role in (loader, reader):
                connection.execute(f'DROP OWNED BY "{role}" CASCADE'.encode())
                connection.execute(f'DROP ROLE "{role}"'.encode())


def test_who_may_not_make_a_schema_is_told_what_to_grant(engine: Engine, database_url: str) -> None:
    """A role without CREATE on the database is told so."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE nobody_{name} LOGIN".encode())
        try:
            words = ("setup", database_url, "yellow", "--schema", "raw")
            found = engine.run(*words, PGOPTIONS=f"-c role=nobody_{name}")
        finally:
            connection.execute(f"DROP ROLE nobody_{name}".encode())
    assert (found.code, "GRANT CREATE ON DATABASE" in found.err) == (20, True)


# --- a folder, and what makes no sense


def test_folders_are_made(engine: Engine, months: Path) -> None:
    """Folders for the datasets and the engine are made once; a load and a status are fine with them."""
    words = ("setup", "out", "yellow", "--output", "json")
    planned = engine.call(*words, "--dry-run")
    assert not (engine.folder / "out").exists()
    made, again = engine.call(*words), engine.call(*words)
    names = [f"folder {engine.folder / name}" for name in ("out", "out/_engine", "out/yellow")]
    for found, state in ((planned, "would make"), (made, "made"), (again, "there")):
        assert states(found) == dict.fromkeys(names, state)
    assert "nothing is loaded here yet" in engine.call("status", "--to", "out").out
    assert engine.call("ingest", "yellow", "2019-01", "--from", months, "--to", "out").code == 0


def test_a_folder_that_cannot_be_made(engine: Engine) -> None:
    """A file in its place ends with 20 and what the operating system says."""
    (engine.folder / "out").touch()
    found = engine.call("setup", "out", "yellow")
    assert (found.code, "the target folder cannot be made" in found.err) == (20, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("s3://bucket",), "there is no kind of target s3://"),
        (("gs://UPPER",), "names no bucket"),
        (("bigquery://project",), "names no dataset"),
        (("out", "reds"), "there is no dataset 'reds'"),
        (("out", "--location", "EU"), "a folder target has no location"),
    ],
)
def test_what_makes_no_sense_is_refused(engine: Engine, words: tuple[str, ...], said: str) -> None:
    """A usage error changes nothing, and is one JSON object where that is asked for."""
    found = engine.call("setup", *words, "--output", "json")
    assert (found.code, said in found.object["error"]) == (2, True)
    assert not list(engine.folder.iterdir())
