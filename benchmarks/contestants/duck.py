"""What the DuckDB contestants share: the month's types, the reader, and an MD5 over all columns.

`detected` is what one writes who lets DuckDB find the types (money becomes DOUBLE), and hashes these values. `typed`
has every type written out, money as DECIMAL, so that the id does not depend on how a number was written: the same
promise as the engine's. `text` hashes the fields as they stand, which is less work and promises less.
"""

from __future__ import annotations

MONEY = "DECIMAL(10,2)"
TYPES = {
    "VendorID": "SMALLINT",
    "tpep_pickup_datetime": "TIMESTAMP",
    "tpep_dropoff_datetime": "TIMESTAMP",
    "passenger_count": "SMALLINT",
    "trip_distance": "DOUBLE",
    "RatecodeID": "SMALLINT",
    "store_and_fwd_flag": "VARCHAR",
    "PULocationID": "SMALLINT",
    "DOLocationID": "SMALLINT",
    "payment_type": "SMALLINT",
    "fare_amount": MONEY,
    "extra": MONEY,
    "mta_tax": MONEY,
    "tip_amount": MONEY,
    "tolls_amount": MONEY,
    "improvement_surcharge": MONEY,
    "total_amount": MONEY,
    "congestion_surcharge": MONEY,
}


def source(file: str, over: str) -> str:
    """Return the call that reads a month: types as DuckDB detects them, or nothing left to guess."""
    if over == "detected":
        return f"read_csv('{file}')"
    kinds = ", ".join(f"'{name}': '{kind if over == 'typed' else 'VARCHAR'}'" for name, kind in TYPES.items())
    return (
        f"read_csv('{file}', header = true, auto_detect = false, delim = ',', quote = '\"', "
        f"timestampformat = '%Y-%m-%d %H:%M:%S', columns = {{{kinds}}})"
    )


def md5() -> str:
    """Return the digest of a row, all columns joined with a separator, as hex digits."""
    return f"md5(concat_ws('|', {', '.join(TYPES)}))"


def values(over: str) -> str:
    """Return the columns under their lower-case names, as typed values."""
    if over in ("typed", "detected"):
        return ", ".join(f"{name} AS {name.lower()}" for name in TYPES)
    return ", ".join(f"{name}::{kind} AS {name.lower()}" for name, kind in TYPES.items())
