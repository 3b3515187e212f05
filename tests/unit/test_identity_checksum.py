"""The checksum of ids, and ids as bytes from every layout that Polars and Arrow have for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from engine.identity import Checksum
from engine.identity.arrays import id_bytes
from tests.identity_document import reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ids = NDArray[np.uint8]

IDS: Ids = np.random.default_rng(7).integers(0, 256, (5000, 16), np.uint8)
TEXTS = [one.tobytes() for one in IDS]


def _summed(*parts: Ids | pl.Series | pa.Array) -> str:
    checksum = Checksum()
    for part in parts:
        checksum.add(part)
    return checksum.hexdigest()


LAYOUTS: dict[str, Callable[[list[bytes]], pl.Series | pa.Array]] = {
    "polars": lambda ids: pl.Series(ids, dtype=pl.Binary),
    "fixed": lambda ids: pa.array(ids, pa.binary(16)),
    "binary": lambda ids: pa.array(ids, pa.binary()),
    "large binary": lambda ids: pa.array(ids, pa.large_binary()),
    "view": lambda ids: pa.array(ids, pa.binary_view()),
}
layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@layouts
def test_ids_are_read_from_every_layout(layout: Callable[[list[bytes]], pl.Series | pa.Array]) -> None:
    """Ids come out as they went in: whole, sliced, and none at all."""
    whole = layout(TEXTS)
    assert id_bytes(whole).tobytes() == IDS.tobytes()
    assert id_bytes(whole[13:4001]).tobytes() == IDS[13:4001].tobytes()
    assert id_bytes(whole[:0]).shape == (0, 16)


@layouts
@pytest.mark.parametrize("wrong", [b"", b"short", b"seventeen bytes!!"])
def test_another_length_is_refused(layout: Callable[[list[bytes]], pl.Series | pa.Array], wrong: bytes) -> None:
    """A value that is not 16 bytes long is no id."""
    with pytest.raises(ValueError, match=r"16|length"):
        id_bytes(layout([TEXTS[0], wrong]))


@layouts
def test_null_is_refused(layout: Callable[[list[bytes | None]], pl.Series | pa.Array]) -> None:
    """Null is no id."""
    with pytest.raises(ValueError, match="null"):
        id_bytes(layout([TEXTS[0], None]))


def test_ids_that_polars_moved_around() -> None:
    """Ids in several chunks and buffers, filtered and sorted, are still themselves."""
    series = pl.concat([pl.Series(TEXTS[:99]), pl.Series(TEXTS[50:])], rechunk=False)
    assert id_bytes(series).tobytes() == b"".join(TEXTS[:99] + TEXTS[50:])
    assert id_bytes(series.sort()).tobytes() == b"".join(sorted(TEXTS[:99] + TEXTS[50:]))
    odd = pl.int_range(len(series), eager=True) % 2 == 1
    assert id_bytes(series.filter(odd)).tobytes() == b"".join((TEXTS[:99] + TEXTS[50:])[1::2])


@layouts
def test_checksum_of_every_layout(layout: Callable[[list[bytes]], pl.Series | pa.Array]) -> None:
    """The checksum is the document's, from whatever layout."""
    assert _summed(layout(TEXTS)) == reference()["id_checksum"](TEXTS)


def test_checksum_depends_neither_on_order_nor_on_batches() -> None:
    """The same ids in another order and in other batches have the same checksum."""
    assert _summed(IDS[::-1]) == _summed(IDS[2000:], IDS[:2000]) == _summed(IDS)


def test_checksum_notices_a_pair() -> None:
    """Two equal ids more are another checksum (with exclusive or they would not be)."""
    assert _summed(IDS, IDS[:1], IDS[:1]) != _summed(IDS)


def test_subtracting_takes_back() -> None:
    """What is subtracted counts as if it had never been added, also where it comes first."""
    checksum = Checksum()
    checksum.subtract(IDS[:700])
    checksum.add(IDS)
    assert checksum.hexdigest() == _summed(IDS[700:])
    checksum.subtract(IDS[700:])
    assert checksum == Checksum()
    assert checksum.hexdigest() == "0" * 32


def test_checksums_compare_by_value() -> None:
    """Two checksums of the same ids are equal, and a checksum cannot be a key while it changes."""
    first, second = Checksum(), Checksum()
    first.add(IDS)
    assert first != second
    second.add(IDS)
    assert first == second
    assert repr(first) == f"Checksum({first.hexdigest()})"
    with pytest.raises(TypeError):
        hash(first)
