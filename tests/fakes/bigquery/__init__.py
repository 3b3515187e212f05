"""A little BigQuery over DuckDB for the real clients: datasets, tables, jobs, the Storage APIs, faults."""

from tests.fakes.bigquery.fake import FakeBigQuery
from tests.fakes.bigquery.http import Seen

__all__ = ["FakeBigQuery", "Seen"]
