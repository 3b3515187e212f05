"""The other ways into BigQuery, by a bucket and by the Storage Write API: what they share with the first one."""

from __future__ import annotations

import pytest

from tests.conformance.test_evolution import test_a_new_column_leaves_old_months_alone
from tests.conformance.test_loading import (
    test_a_first_load_has_every_row_once,
    test_append_adds_only_what_is_missing,
    test_append_counts_identical_rows,
    test_corrected_bytes_replace_the_month,
    test_forced_bytes_are_loaded_again,
    test_months_are_apart,
)
from tests.conformance.test_rejects import test_a_month_of_rejects_only, test_rejects_are_kept_with_the_month
from tests.conformance.test_stored_rows import (
    test_a_later_column_joins_old_months,
    test_carried_columns_survive,
    test_values_come_back_as_they_were,
)

__all__ = [
    "test_a_first_load_has_every_row_once",
    "test_a_later_column_joins_old_months",
    "test_a_month_of_rejects_only",
    "test_a_new_column_leaves_old_months_alone",
    "test_append_adds_only_what_is_missing",
    "test_append_counts_identical_rows",
    "test_carried_columns_survive",
    "test_corrected_bytes_replace_the_month",
    "test_forced_bytes_are_loaded_again",
    "test_months_are_apart",
    "test_rejects_are_kept_with_the_month",
    "test_values_come_back_as_they_were",
]

pytestmark = pytest.mark.parametrize("world", ["bigquery-staged", "bigquery-write-api"], indirect=True)
