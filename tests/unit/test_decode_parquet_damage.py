"""Parquet files that are cut, encrypted, damaged or no Parquet: refused in their own words, and no row is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import BadInput
from tests.unit.parquet_months import ROW, drained, written

if TYPE_CHECKING:
    from pathlib import Path


def torn(content: bytes) -> list[tuple[str, bytes]]:
    """Return ways in which a file can be broken, with the words that are said then."""
    page = content.find(b"PAR1", 4)
    return [
        ("without its footer", content[:-4]),
        ("without its footer", content[: len(content) // 2]),
        ("without its footer", b"PAR1"),
        ("encrypted", b"PARE" + content[4:-4] + b"PARE"),
        ("no Parquet file, although its name says so", b"id,fare\n1,2\n"),
        ("no Parquet file, although its name says so", b"<!DOCTYPE html>"),
        ("damaged", content[:page][:8] + content[-8 - 4 :]),
        ("damaged", content[:-8] + b"\xff\xff\x00\x00PAR1"),
        ("empty", b""),
    ]


@pytest.mark.parametrize("way", range(9))
def test_what_is_no_whole_parquet_file_is_refused(way: int, tmp_path: Path) -> None:
    """Cut, encrypted, of a wrong magic or damaged: each has its words, and no row is read."""
    path = written(tmp_path, ROW)
    words, content = torn(path.read_bytes())[way]
    path.write_bytes(content)
    with pytest.raises(BadInput, match=words) as caught:
        drained(path)
    assert caught.value.exit_code == 11


def test_an_encrypted_column_is_refused(tmp_path: Path) -> None:
    """A file with keys of its own is told apart from a damaged one."""
    path = written(tmp_path, ROW)
    import pyarrow.parquet.encryption as pe  # noqa: PLC0415 - only here

    class Keys(pe.KmsClient):  # type: ignore[misc]  # pyarrow has no types
        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            del master_key_identifier
            return key_bytes

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            del master_key_identifier
            return wrapped_key

    factory = pe.CryptoFactory(lambda _: Keys())
    for plain_footer in (True, False):
        configuration = pe.EncryptionConfiguration(
            footer_key="f",
            column_keys={"c": ["fare"]},
            plaintext_footer=plain_footer,
            encryption_algorithm="AES_GCM_V1",
        )
        properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
        pq.write_table(pa.table(ROW), path, encryption_properties=properties)
        with pytest.raises(BadInput, match="encrypted"):
            drained(path)


def test_a_damaged_page_fails_the_file(tmp_path: Path) -> None:
    """A page whose checksum does not fit ends the scan; what was read before is never taken for the file."""
    rows = 300_000
    columns = {k: v.take(pa.array([0] * rows)) for k, v in ROW.items()} | {
        "miles": pa.array([n / 7 for n in range(rows)])
    }
    path = written(tmp_path, columns, write_page_checksum=True, use_dictionary=False, compression="NONE")
    content = bytearray(path.read_bytes())
    at = content.find(pa.array([250_000 / 7]).buffers()[1].to_pybytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(BadInput, match="damaged"):
        drained(path)


def test_columns_without_rows_are_no_month(tmp_path: Path) -> None:
    """A file of no rows is refused as an empty CSV is."""
    with pytest.raises(BadInput, match="no rows"):
        drained(written(tmp_path, {k: v.slice(0, 0) for k, v in ROW.items()}))
