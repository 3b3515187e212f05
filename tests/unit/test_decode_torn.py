"""Files that end too early, plain or in gzip: they stop the month."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

from engine.errors import TornInput
from tests.unit.decoded import GOOD, HEADER, Decoded

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
@pytest.mark.parametrize("tail", [b"1,2020-01-02", GOOD.rstrip().replace(b"true", b'"tr'), b"\0\0\0", b"x" * 100_000])
def test_a_torn_last_line_is_fatal_and_shown(tmp_path: Path, tail: bytes, block_bytes: int) -> None:
    """A last line without end that is not whole stops the month, with its number and text."""
    with pytest.raises(TornInput, match="line 4") as caught:
        Decoded(tmp_path, HEADER + GOOD * 2 + tail, block_bytes=block_bytes)
    assert caught.value.facts["file"] == "f.csv, line 4"
    assert caught.value.facts["found"].startswith(tail[:10].decode().replace("\0", r"\x00"))


def many(lines: int = 3000) -> bytes:
    """Return a file that compresses badly enough to be cut."""
    rows = (
        GOOD.replace(b"9.50", f"{i * 7919 % 9973}".encode()).replace(b"N", os.urandom(8).hex().encode())
        for i in range(lines)
    )
    return HEADER + b"".join(rows)


def test_a_gzip_file_that_ends_early_is_torn(tmp_path: Path) -> None:
    """Cut anywhere, the last line that could be read is named and shown."""
    whole = many()
    packed = gzip.compress(whole)
    for keep in (len(packed) // 3, len(packed) // 2, len(packed) - 4, len(packed) - 9):
        with pytest.raises(TornInput) as caught:
            Decoded(tmp_path, packed[:keep], block_bytes=10_000)
        number = int(caught.value.facts["file"].rpartition(" ")[2])
        assert whole.splitlines()[number - 1].decode().startswith(caught.value.facts["found"])


def test_a_wrong_checksum_is_torn(tmp_path: Path) -> None:
    """CRC and length of a gzip member are checked."""
    packed = gzip.compress(many())
    for place in (-1, -5):
        broken = bytearray(packed)
        broken[place] ^= 1
        with pytest.raises(TornInput):
            Decoded(tmp_path, bytes(broken))


def test_a_gzip_file_of_several_members_is_one_file(tmp_path: Path) -> None:
    """Members follow one another, also cut within a line; padding with zeros is legal."""
    whole = many()
    packed = gzip.compress(whole[:5000]) + gzip.compress(whole[5000:]) + bytes(100)
    found = Decoded(tmp_path, packed)
    assert found.report.rows == 3000
    assert found.report.bytes_read == len(packed)
    assert_frame_equal(found.frame, Decoded(tmp_path, whole).frame)
