"""Rows as the REST API answers them: pages of cells, every value a text.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/list
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
from typing import TYPE_CHECKING, Any

from tests.fakes.bigquery.names import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.bigquery.catalog import Table
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_PAGE_ROWS = 20_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def page(service: Service, table: Table, options: Mapping[str, str]) -> Json:
    """Return one page of a table's rows, with a `pageToken` where more follow.

    Args:
        service: The project.
        table: The table; its rows come in the order in which they were written.
        options: Parameters of the request: maxResults, pageToken, startIndex, selectedFields, formatOptions.

    """
    begin = int(options.get("pageToken") or options.get("startIndex") or 0)
    size = min(int(options.get("maxResults") or _PAGE_ROWS), _PAGE_ROWS)
    wanted = [name.lower() for name in (options.get("selectedFields") or "").split(",") if name]
    names = [field["name"] for field in table.fields if not wanted or field["name"].lower() in wanted]
    selected = ", ".join(quoted(name) for name in names) or "*"
    whole = options.get("formatOptions.useInt64Timestamp", "").lower() == "true"
    with service.warehouse.reading() as cursor:
        cursor.execute("BEGIN TRANSACTION")
        total = int(cursor.execute(f"SELECT count(*) FROM {table.name.sql}").fetchall()[0][0])  # noqa: S608 - quoted
        found = cursor.sql(f"SELECT {selected} FROM {table.name.sql} LIMIT {size} OFFSET {begin}").to_arrow_table()  # noqa: S608 - quoted
    columns = [column.to_pylist() for column in found.columns]
    rows = [{"f": [{"v": cell(value, whole=whole)} for value in row]} for row in zip(*columns, strict=True)]
    body: Json = {"totalRows": str(total)}
    if rows:  # the service leaves an empty list out, and the client takes one for the whole result
        body["rows"] = rows
    if rows and begin + size < total:
        body["pageToken"] = str(begin + size)
    return body


def cell(value: Any, *, whole: bool) -> Any:  # noqa: ANN401, PLR0911 - one answer for each type
    """Return a value as a cell has it; `whole`: moments as microseconds, else as seconds with a fraction."""
    match value:
        case None:
            return None
        case list():
            return [{"v": cell(one, whole=whole)} for one in value]
        case bool():
            return str(value).lower()
        case bytes():
            return base64.b64encode(value).decode()
        case dt.datetime() if value.tzinfo is not None:
            microseconds = (value - _EPOCH) // _MICROSECOND
            return str(microseconds) if whole else repr(microseconds / 1e6)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case decimal.Decimal():
            return _decimal(value)
        case float():
            return _float(value)
        case _:
            return str(value)


def _decimal(value: decimal.Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
