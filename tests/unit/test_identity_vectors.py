"""The published vectors, against the kernels and against the code that the document shows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine import catalog
from engine.contract import ID, Column
from engine.identity import Checksum, digests, identify, repeated, sql_query
from engine.logical import Logical
from tests.identity_document import Vector, block, frame_of, published, reference, vectors

VECTORS = vectors()


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.note for vector in VECTORS])
def test_engine_computes_published_ids(vector: Vector) -> None:
    """The engine gives each published row its published id."""
    frame = frame_of([vector.values], vector.contract.columns)
    first = digests(frame, vector.contract, vector.contract.columns)
    assert repeated(first, np.array([vector.occurrence])).tobytes() == vector.id


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.note for vector in VECTORS])
def test_documented_code_computes_published_ids(vector: Vector) -> None:
    """The code in docs/row-identity.md gives each published row its published id."""
    base = {name: str(vector.contract.column(name).type) for name in vector.contract.identity.columns}
    added = {column.name: str(column.type) for column in vector.contract.columns if column.name not in base}
    assert reference()["unique_row_id"](base, added, vector.values, vector.occurrence) == vector.id


@pytest.mark.parametrize("name", published()["contracts"])
def test_rows_of_one_contract_have_the_same_ids_side_by_side(name: str) -> None:
    """A published row keeps its id when it stands in one frame with all others, in either order."""
    contract = published()["contracts"][name]
    chosen = [v for v in VECTORS if v.note.startswith(f"{name}:") and not v.occurrence]
    for group in (chosen, chosen[::-1]):
        columns = group[0].contract.columns
        frame = identify(frame_of([v.values for v in group], columns).lazy(), group[0].contract, columns).collect()
        assert frame[ID].to_list() == [v.id for v in group], contract


@pytest.mark.parametrize("case", published()["checksums"], ids=lambda case: f"{len(case['ids'])} ids")
def test_published_checksums(case: dict[str, object]) -> None:
    """The engine and the documented code compute the published checksums."""
    ids = [bytes.fromhex(one) for one in case["ids"]]  # type: ignore[attr-defined]  # a list of texts
    checksum = Checksum()
    checksum.add(np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16))
    assert checksum.hexdigest() == case["checksum"] == reference()["id_checksum"](ids)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.note for vector in VECTORS])
def test_a_column_more_fails_no_published_vector(vector: Vector) -> None:
    """A contract that grows computes every published id as before, in rows in which the new column is null."""
    later = Column(name="later_fee", type=Logical.parse("decimal(10,2)"))
    contract = dataclasses.replace(vector.contract, columns=(*vector.contract.columns, later))
    assert contract.identity_label == vector.contract.identity_label
    frame = frame_of([{**vector.values, later.name: None}], contract.columns)
    first = digests(frame, contract, contract.columns)
    assert repeated(first, np.array([vector.occurrence])).tobytes() == vector.id


@pytest.mark.parametrize(
    ("dataset", "label"),
    [
        ("yellow", "row-v1:b7a493f8"),
        ("green", "row-v1:8de10562"),
        ("fhv", "row-v1:69c38414"),
        ("fhvhv", "row-v1:44a8da2c"),
    ],
)
def test_identities_of_shipped_datasets_are_for_ever(dataset: str, label: str) -> None:
    """Whatever becomes of a contract, the base columns and their types stay: tables out there have this label."""
    assert catalog.find(dataset).contract.identity_label == label


def test_documented_query_is_the_one_that_is_printed() -> None:
    """The query in the document is what `sql_query` returns for yellow trips."""
    contract = catalog.find("yellow").contract
    assert block("sql").strip() == sql_query(contract, "yellow_tripdata", contract.columns)
