"""The footer of a Parquet file, matched against the contract of its month, before any page is read.

Types drift from month to month (Int64, Int32 and Float64 for one column, columns of type Null, large strings): what can
hold the contract's values is taken, whatever it is; what cannot is refused by name.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from engine.contract import normalised
from engine.decode import conform
from engine.decode.layout import Mismatch, ParquetLayout, as_stored, as_text, columns_of, in_order, matched
from engine.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.contract import Column, Dataset
    from engine.month import Month

# Pages are read through a buffer of this size, and not a column of a row group at once: memory stays bounded.
_BUFFER_BYTES = 1 << 20


@contextmanager
def opened(path: Path, name: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file for reading in batches; what is damaged raises in our words, also while it is read.

    Raises:
        BadInput: The footer or a page cannot be read.

    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "crypt" in reason.lower():
            message = "this Parquet file is encrypted"
            raise BadInput(message, facts={"file": name}, next_step="decrypt it: the engine holds no keys") from error
        message = "the Parquet file is damaged"
        advice = "fetch the file again: it was damaged, at its source or on the way"
        raise BadInput(message, facts={"file": name, "reason": reason[:200]}, next_step=advice) from error


def read_footer(path: Path, dataset: Dataset, month: Month, *, name: str) -> ParquetLayout:
    """Read the footer of a Parquet file and match it.

    Args:
        path: The file.
        dataset: The dataset whose contract counts.
        month: The file's month.
        name: The file's name as its users know it, for messages.

    Raises:
        BadInput: It is damaged, encrypted or has no rows.
        HeaderMismatch: A column is unknown, missing, or of a type that cannot hold the contract's values.

    """
    mismatch = Mismatch(dataset, month, f"{name}, footer")
    with opened(path, name) as file:
        schema, rows, row_groups = file.schema_arrow, file.metadata.num_rows, file.metadata.num_row_groups
        if not rows:
            message = "the file has columns and no rows"
            raise BadInput(message, facts={"file": name})
        found = matched([normalised(n) for n in schema.names], dataset, month, "parquet", mismatch)
        sources: dict[str, pa.Field] = {}
        parsed: list[Column] = []
        for position, (field, column) in enumerate(zip(schema, found, strict=True), 1):
            if column is None:
                continue
            one = _parsed(field, column, month)
            if not conform.possible(field.type, one) and not _is_empty(file, field):
                expected = f"{column.name}, stored as something that can be {column.type}"
                actual = f"{field.name}, stored as {field.type}"
                raise mismatch(position, expected, actual, "mend the file, or the column's type")
            parsed.append(one)
            sources[column.name] = field
    ordered = in_order(parsed, dataset)
    return ParquetLayout(
        name=name,
        form="parquet",
        columns=columns_of(ordered, dataset),
        parsed=ordered,
        sources=tuple(sources[c.name].name for c in ordered),
        stored=tuple(str(sources[c.name].type) for c in ordered),
        rows=rows,
        row_groups=row_groups,
    )


def _parsed(field: pa.Field, column: Column, month: Month) -> Column:
    """Return the column as it is parsed from that field."""
    kinds = pa.types
    texts = kinds.is_string(field.type) or kinds.is_large_string(field.type) or kinds.is_dictionary(field.type)
    if column.codes is None or kinds.is_null(field.type):
        return as_stored(column)
    # A number can be a text, which was a code (Y and N were once stored as 1.0 and 0.0), but a text is never a number.
    coded = texts if column.type.kind != "text" else not texts or column.codes.span.covers(month)
    return as_text(column) if coded else as_stored(column)


def _is_empty(file: pq.ParquetFile, field: pa.Field) -> bool:
    """Tell whether a column holds nothing but nulls, by the footer: whoever wrote it had to choose some type."""
    next(file.iter_batches(1, columns=[field.name]), None)  # raises where it is encrypted; asking its metadata aborts
    nulls = 0
    for group in (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)):
        for chunk in (group.column(number) for number in range(group.num_columns)):
            if chunk.path_in_schema == field.name and chunk.statistics is not None and chunk.statistics.has_null_count:
                nulls += chunk.statistics.null_count
    return bool(nulls == file.metadata.num_rows)
