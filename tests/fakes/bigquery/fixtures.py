"""Fixtures of tests that ask a fake BigQuery: `pytest_plugins = ("tests.fakes.bigquery.fixtures",)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.bigquery.places import Place, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.bigquery import FakeBigQuery


@pytest.fixture
def bigquery_started(tmp_path: Path) -> Iterator[tuple[FakeBigQuery, Place]]:
    """Run a fake with a dataset `d`."""
    with running(tmp_path / "bigquery") as found:
        yield found


@pytest.fixture
def fake(bigquery_started: tuple[FakeBigQuery, Place]) -> FakeBigQuery:
    """Give the fake."""
    return bigquery_started[0]


@pytest.fixture
def place(bigquery_started: tuple[FakeBigQuery, Place]) -> Place:
    """Give its dataset and clients."""
    return bigquery_started[1]
