"""What the fake BigQuery counts and bills: columns, partitions, and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import BadRequest, GoogleAPICallError
from google.cloud import bigquery

from tests.fakes.bigquery.places import FEBRUARY, LAYOUT, Place, trips

if TYPE_CHECKING:
    from tests.fakes.bigquery import FakeBigQuery

pytest_plugins = ("tests.fakes.bigquery.fixtures",)

# Bytes of a row: id 2 + 1, source_month 8, fare 16.
ID, MONTH, FARE = 3, 8, 16
ROW = ID + MONTH + FARE
MB = 1 << 20


@pytest.fixture(autouse=True)
def months(place: Place) -> None:
    """Make two tables: `t` with two rows in January and one in February, `s` with one in January."""
    for table in ("t", "s"):
        place.create(table, **LAYOUT)
    place.load("t$202401", trips("a", "b"))
    place.load("t$202402", trips("c", month=FEBRUARY))
    place.load("s$202401", trips("a"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM t", 3 * ROW),
        ("SELECT id FROM t", 3 * ID),
        ("SELECT COUNT(*) FROM t", 0),
        ("SELECT 1", 0),
        ("SELECT id FROM t WHERE source_month = DATE '2024-01-01'", 2 * (ID + MONTH)),
        ("SELECT id FROM t WHERE DATE '2024-02-01' <= source_month", ID + MONTH),
        ("SELECT id FROM t WHERE source_month BETWEEN '2024-02-01' AND '2024-02-28'", ID + MONTH),
        ("SELECT id FROM t WHERE source_month IN ('2024-02-01', '2024-03-01')", ID + MONTH),
        ("SELECT id FROM t WHERE source_month = PARSE_DATE('%Y%m', '202402') AND fare > 1", ID + MONTH + FARE),
        ("SELECT id FROM t WHERE source_month > DATE '2024-01-31'", ID + MONTH),
        ("SELECT id FROM t WHERE source_month IS NULL", 0),
        ("SELECT id FROM t WHERE source_month = '2024-01-15'", 2 * (ID + MONTH)),
        ("SELECT id FROM t WHERE source_month = '2024-02-01' OR source_month < '2023-01-01'", ID + MONTH),
        ("SELECT id FROM t WHERE source_month = '2024-02-01' OR fare = 1", 3 * ROW),
        ("SELECT id FROM t WHERE source_month = (SELECT MIN(source_month) FROM s)", 3 * (ID + MONTH) + MONTH),
        ("SELECT id FROM t WHERE source_month = source_month", 3 * (ID + MONTH)),
        ("SELECT t.id FROM t JOIN s ON t.source_month = s.source_month", 3 * (ID + MONTH) + MONTH),
        (
            "SELECT t.id FROM t JOIN s ON t.source_month = s.source_month AND s.source_month = '2024-02-01'",
            3 * (ID + MONTH),
        ),
        ("SELECT id FROM (SELECT * FROM t) WHERE source_month = '2024-02-01'", ID + MONTH),
        ("WITH x AS (SELECT * FROM t) SELECT fare FROM x", 3 * FARE),
        ("SELECT s.id FROM s LEFT JOIN t ON t.id = s.id AND t.source_month = '2024-02-01'", ID + ID + MONTH),
        ("SELECT s.id FROM s LEFT JOIN t ON t.id = s.id AND s.source_month = '2024-02-01'", 3 * ID + ID + MONTH),
        ("INSERT INTO s SELECT * FROM t WHERE source_month = '2024-02-01'", ROW),
        ("INSERT INTO s (id) VALUES (b'z')", 0),
        ("DELETE FROM t WHERE source_month = '2024-02-01' AND id = b'c'", ROW),
        ("DELETE FROM t WHERE id = b'c'", 3 * ROW),
        ("UPDATE t SET fare = 1 WHERE source_month = '2024-01-01'", 2 * ROW),
    ],
)
def test_bytes_processed(place: Place, text: str, expected: int) -> None:
    """A dry run counts the named columns in the partitions that constants keep, and a run says the same."""
    dry = place.ask(text, dry_run=True)
    assert dry.total_bytes_processed == expected
    assert dry.dry_run
    run = place.ask(text)
    assert run.total_bytes_processed == expected


def test_a_dry_run_does_nothing(fake: FakeBigQuery, place: Place) -> None:
    """A dry run changes nothing, takes no id, and says what would fail."""
    before = len(fake.jobs())
    place.ask("DELETE FROM t WHERE true", dry_run=True)
    place.ask("CREATE TABLE new AS SELECT 1 AS x", dry_run=True)
    assert len(fake.rows("d", "t")) == 3
    assert len(fake.jobs()) == before
    with pytest.raises(BadRequest, match="Unrecognized name"):
        place.ask("SELECT nope FROM t", dry_run=True)
    assert [field.name for field in place.ask("SELECT id FROM t", dry_run=True).schema or []] == ["id"]


def test_parameters_are_constants(place: Place) -> None:
    """A parameter prunes as a literal does."""
    month = bigquery.ScalarQueryParameter("month", "DATE", FEBRUARY)
    job = place.ask("SELECT id FROM t WHERE source_month = @month", month, dry_run=True)
    assert job.total_bytes_processed == ID + MONTH


MERGE = "MERGE t AS T USING (SELECT id, fare FROM s WHERE source_month = '2024-01-01') AS S ON T.id = S.id"


@pytest.mark.parametrize(
    ("on", "when", "expected"),
    [
        ("", "WHEN NOT MATCHED THEN INSERT (id) VALUES (id)", 3 * ID + ID + MONTH),
        ("AND T.source_month = '2024-02-01'", "WHEN NOT MATCHED THEN INSERT (id) VALUES (id)", 2 * (ID + MONTH)),
        ("AND T.source_month = '2024-02-01'", "WHEN NOT MATCHED THEN INSERT (fare) VALUES (S.fare)", ROW + ID + MONTH),
        ("", "WHEN MATCHED THEN UPDATE SET fare = S.fare", 3 * ROW + ROW),
        ("AND T.source_month = '2024-02-01'", "WHEN MATCHED THEN DELETE", ROW + ID + MONTH),
    ],
)
def test_bytes_of_merge(place: Place, on: str, when: str, expected: int) -> None:
    """An insert-only MERGE counts what it names; one that changes rows the whole partitions that constants keep."""
    assert place.ask(f"{MERGE} {on} {when}", dry_run=True).total_bytes_processed == expected


def test_bills_have_a_minimum(place: Place) -> None:
    """At least 10 MB are billed for each table of which anything is read, and nothing for a mere count."""
    bills = {
        "SELECT id FROM t": 10 * MB,
        "SELECT t.id FROM t JOIN s ON t.id = s.id": 20 * MB,
        "SELECT COUNT(*) FROM t": 0,
    }
    for text, billed in bills.items():
        assert place.ask(text).total_bytes_billed == billed


def test_bills_are_rounded_up(place: Place) -> None:
    """Bills are whole MB."""
    place.ask("CREATE TABLE big AS SELECT REPEAT('x', 1000) AS x FROM UNNEST(GENERATE_ARRAY(1, 11000))")
    job = place.ask("SELECT x FROM big")
    assert (job.total_bytes_processed, job.total_bytes_billed) == (11_000 * 1_002, 11 * MB)


def test_a_limit_is_kept(fake: FakeBigQuery, place: Place) -> None:
    """A job that would bill more than it may does nothing."""
    with pytest.raises(GoogleAPICallError, match=r"Query exceeded limit for bytes billed: 1000\. 10485760 or higher"):
        place.ask("DELETE FROM t WHERE true", maximum_bytes_billed=1_000)
    assert fake.jobs()[-1]["status"]["errorResult"]["reason"] == "bytesBilledLimitExceeded"
    assert len(fake.rows("d", "t")) == 3
    place.ask("DELETE FROM t WHERE true", maximum_bytes_billed=10 * MB)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM f",
        "SELECT f.id FROM f JOIN s ON f.source_month = s.source_month",
        "DELETE FROM f WHERE id = b'a'",
        "MERGE f USING s ON f.id = s.id WHEN NOT MATCHED THEN INSERT ROW",
    ],
)
def test_a_required_filter(place: Place, text: str) -> None:
    """A table that requires a filter is not read without one."""
    place.create("f", **LAYOUT, require_partition_filter=True)
    with pytest.raises(BadRequest, match=r"Cannot query over table 'p\.d\.f' without a filter over column\(s\)"):
        place.ask(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM f WHERE source_month >= '2024-01-01'",
        "DELETE FROM f WHERE source_month = '2024-01-01'",
        "MERGE f USING s ON f.id = s.id AND f.source_month = '2024-01-01' WHEN NOT MATCHED THEN INSERT ROW",
        "INSERT INTO f SELECT * FROM s",
    ],
)
def test_a_required_filter_is_given(place: Place, text: str) -> None:
    """A constant on the partition column is a filter, and inserting needs none."""
    place.create("f", **LAYOUT, require_partition_filter=True)
    place.ask(text)
