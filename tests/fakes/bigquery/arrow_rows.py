"""Arrow at the Storage APIs: the type in which a column is read, the types in which it may be written, and messages.

https://cloud.google.com/bigquery/docs/reference/storage#arrow_schema_details and
https://cloud.google.com/bigquery/docs/supported-data-types#supported_apache_arrow_data_types
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tests.fakes.bigquery.columns import NUMERIC_SCALE, mode_of, type_of
from tests.fakes.bigquery.errors import invalid, not_covered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fakes.bigquery.names import Json

_KEPT: dict[str, Any] = {
    "STRING": pa.string(),
    "JSON": pa.string(),
    "BYTES": pa.binary(),
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "NUMERIC": pa.decimal128(38, 9),
    "BIGNUMERIC": pa.decimal128(38, 18),
}
_BIG = pa.decimal256(76, 38)
_ACCEPTED: dict[str, Callable[[Any], bool]] = {
    "STRING": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "JSON": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "BYTES": lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind),
    "INTEGER": lambda kind: pa.types.is_integer(kind) and not pa.types.is_uint64(kind),
    "FLOAT": pa.types.is_floating,
    "BOOLEAN": pa.types.is_boolean,
    "DATE": pa.types.is_date32,
    "TIME": lambda kind: kind == pa.time64("us"),
    "DATETIME": lambda kind: kind == pa.timestamp("us"),
    "TIMESTAMP": lambda kind: pa.types.is_timestamp(kind) and kind.unit == "us" and kind.tz is not None,
    "NUMERIC": lambda kind: pa.types.is_decimal128(kind) and kind.scale <= NUMERIC_SCALE,
    "BIGNUMERIC": pa.types.is_decimal,
}


def kept_schema(fields: Sequence[Json]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return the Arrow schema in which rows for a table are kept until they are committed."""
    return pa.schema([(field["name"], _kept(field)) for field in fields])


def _kept(field: Json) -> Any:  # noqa: ANN401 - the same
    if mode_of(field) == "REPEATED":
        raise not_covered(what="repeated columns at the Storage Write API")
    if field.get("precision") and type_of(field) in {"NUMERIC", "BIGNUMERIC"}:
        return pa.decimal128(int(field["precision"]), int(field.get("scale") or 0))
    return _KEPT[type_of(field)]


def fitted(batch: Any, fields: Sequence[Json]) -> Any:  # noqa: ANN401 - the same
    """Return a batch with a table's columns in their types; columns that it lacks are null.

    Raises:
        ApiError: It has other columns or types than the table, or values that its types cannot hold.

    """
    by_name = {field["name"].lower(): field for field in fields}
    given = {name.lower(): number for number, name in enumerate(batch.schema.names)}
    for name in batch.schema.names:
        if name.lower() not in by_name:
            raise invalid(f"Input schema has more fields than BigQuery schema, extra fields: '{name}'")
    columns = []
    for field in fields:
        number = given.get(field["name"].lower())
        if number is None:
            columns.append(pa.nulls(batch.num_rows, _kept(field)))
            continue
        column = batch.column(number)
        if not _ACCEPTED[type_of(field)](column.type):
            raise invalid(
                f"Field {field['name']} has Arrow type {column.type}, which is not supported for a column of type "
                f"{type_of(field)}"
            )
        columns.append(_cast(column, _kept(field), field["name"]))
    return pa.record_batch(columns, schema=kept_schema(fields))


def _cast(column: Any, kind: Any, name: str) -> Any:  # noqa: ANN401 - the same
    if column.type == kind:
        return column
    try:
        return pc.cast(column, kind)
    except pa.ArrowInvalid as error:
        raise invalid(f"Field {name}: {error}") from error


def nulls(batch: Any, fields: Sequence[Json]) -> list[tuple[int, str]]:  # noqa: ANN401 - the same
    """Return row numbers and names of REQUIRED columns that hold nothing."""
    found = []
    for number, field in enumerate(fields):
        column = batch.column(number)
        if mode_of(field) == "REQUIRED" and column.null_count:
            found += [(row, field["name"]) for row in pc.indices_nonzero(pc.is_null(column)).to_pylist()]
    return sorted(found)


def read_type(field: Json, kind: Any) -> Any:  # noqa: ANN401 - the same
    """Return the type in which a column is read that DuckDB gives as `kind`."""
    return _BIG if type_of(field) == "BIGNUMERIC" and mode_of(field) != "REPEATED" else kind


def read_schema(fields: Sequence[Json], schema: Any) -> Any:  # noqa: ANN401 - the same
    """Return the schema in which rows are read that DuckDB gives with `schema`."""
    return pa.schema(
        [(name, read_type(field, kind)) for field, name, kind in zip(fields, schema.names, schema.types, strict=True)]
    )


def read_batch(batch: Any, schema: Any) -> Any:  # noqa: ANN401 - the same
    """Return a batch of DuckDB's in the types in which it is read."""
    return batch if batch.schema == schema else batch.cast(schema)


def message(batch: Any, compression: str | None) -> bytes:  # noqa: ANN401 - the same
    """Return a batch as one IPC message without schema."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(sink.getvalue()))
    reader.read_next_message()
    found: bytes = reader.read_next_message().serialize().to_pybytes()
    return found


def schema_message(schema: Any) -> bytes:  # noqa: ANN401 - the same
    """Return a schema as an IPC message."""
    found: bytes = schema.serialize().to_pybytes()
    return found
