"""Receipts: stable keys, load ids, and when a file is the one that was seen before."""

import json
import time
import uuid

import pytest

from engine.receipt import Counts, Receipt, Rows, SourceInfo, State, new_load_id

RECEIPT = Receipt(
    load_id="0197c3a0-0000-7000-8000-000000000000",
    dataset="green",
    month="2020-05",
    state=State.LOADED,
    target="t",
    source=SourceInfo(url="u", bytes=5, sha256="aa", etag='"x"'),
    rows=Rows(lines=3, loaded=2, quarantined=1, total=2),
    counts=Counts(strays=1, nulls={"vendorid": 2}),
    seconds={"total": 1.5},
)


def test_a_receipt_comes_back_from_json_as_it_was() -> None:
    """What the ledger keeps is the whole receipt."""
    assert Receipt.from_json(RECEIPT.to_json()) == RECEIPT


def test_schema_version_is_the_first_key_and_newer_keys_are_left_out() -> None:
    """A reader knows the version before anything else; an older engine reads what it knows."""
    data = json.loads(RECEIPT.to_json())
    assert next(iter(data)) == "schema_version"
    assert Receipt.from_json(json.dumps({**data, "later": 1})) == RECEIPT


def test_load_ids_are_uuid_7_in_order_of_time() -> None:
    """Ids made later sort later, and carry version and variant of RFC 9562."""
    first = new_load_id()
    time.sleep(0.002)
    second = new_load_id()
    assert first < second
    assert uuid.UUID(first).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"sha256": None}, True),
        ({"bytes": 6}, False),
        ({"bytes": None}, False),
        ({"etag": '"y"'}, False),
        ({"etag": None}, False),
        ({"last_modified": "Tue"}, False),
        ({"url": "v"}, False),
    ],
)
def test_a_file_is_unchanged_only_if_all_validators_are_equal(change: dict[str, object], same: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """One validator that differs or is gone makes the file new again."""
    now = SourceInfo(**{"url": "u", "bytes": 5, "etag": '"x"', **change})  # type: ignore[arg-type]  # a table of changes
    assert now.unchanged_since(RECEIPT.source) is same


def test_a_weak_etag_needs_a_date_beside_it() -> None:
    """RFC 9110, 8.8.1: a weak validator may stay the same while the bytes change."""
    weak = SourceInfo(url="u", bytes=5, etag='W/"x"')
    dated = SourceInfo(url="u", bytes=5, etag='W/"x"', last_modified="Tue")
    assert not weak.unchanged_since(weak)
    assert dated.unchanged_since(dated)
