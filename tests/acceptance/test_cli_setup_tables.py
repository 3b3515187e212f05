"""`engine setup` of BigQuery and PostgreSQL: tables are made once, what is there stays, a dry run changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.acceptance.setups import details, run, states, writes
from tests.fakes.bigquery import FakeBigQuery
from tests.fakes.bigquery.clients import rest_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Engine

pytestmark = pytest.mark.usefixtures("collected")
WAREHOUSE = "bigquery://p/taxi"
TABLES = ["engine_loads", "engine_months", "engine_rejects", "green_tripdata", "yellow_tripdata"]


@pytest.fixture
def bigquery(tmp_path: Path) -> Iterator[FakeBigQuery]:
    """Run a BigQuery without a dataset."""
    with FakeBigQuery(folder=tmp_path / "bigquery") as running:
        yield running


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
