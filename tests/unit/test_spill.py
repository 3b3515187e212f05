"""Repeated and missing keys through files on disk, against plain counting."""

from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import spill
from engine.idset import IdSet, halves
from engine.spill import KeySpill


def _ids(rng: np.random.Generator, rows: int, distinct: int) -> NDArray[np.uint8]:
    pool = rng.integers(0, 256, (distinct, 16), np.uint8)
    return pool[rng.integers(0, distinct, rows)]


@pytest.fixture(params=[1 << 4, 1 << 20], ids=["many runs", "one run"])
def _run_keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and slices small enough that there are many of them, and large enough that there is one."""
    monkeypatch.setattr(spill, "_RUN_KEYS", request.param)
    monkeypatch.setattr(spill, "_SLICE_KEYS", request.param * 4)


@pytest.mark.usefixtures("_run_keys")
@pytest.mark.parametrize("distinct", [1, 3, 400, 100_000])
def test_repeated_keys_are_those_that_stand_twice(tmp_path: Path, distinct: int) -> None:
    """However often and wherever a key stands, it comes out once, and no other key does."""
    ids = _ids(np.random.default_rng(distinct), 1000, distinct)
    keys = KeySpill(tmp_path / "keys")
    for part in np.array_split(ids, 7):
        keys.add(part)
    counted = Counter(halves(ids)[0].tolist())
    assert keys.repeated().tolist() == sorted(k for k, n in counted.items() if n > 1)
    keys.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_run_keys")
def test_missing_keys_are_counted_with_their_repetitions(tmp_path: Path) -> None:
    """A key that stands three times here and twice there is missing there."""
    rng = np.random.default_rng(5)
    here, there = _ids(rng, 700, 300), _ids(rng, 500, 300)
    there = np.concatenate([there, here[:350]])
    own, other = (KeySpill(tmp_path / name, distinct=False) for name in ("own", "other"))
    own.add(here)
    other.add(there)
    missing = Counter(halves(here)[0].tolist()) - Counter(halves(there)[0].tolist())
    assert own.missing_from(other).tolist() == sorted(missing)
    own.close()
    other.close()


def test_nothing_has_nothing_repeated_or_missing(tmp_path: Path) -> None:
    """Empty spills answer like any other."""
    with closing(KeySpill(tmp_path / "1")) as one, closing(KeySpill(tmp_path / "2")) as two:
        assert one.repeated().tolist() == []
        assert one.missing_from(two).tolist() == []


def test_an_id_set_compares_all_sixteen_bytes() -> None:
    """Ids that share their first 64 bits are told apart."""
    ids = np.zeros((4, 16), np.uint8)
    ids[:, 15] = [1, 2, 3, 4]
    known = IdSet(ids[[0, 1, 3]])
    assert known.contains(ids).tolist() == [True, True, False, True]
    assert IdSet(ids[:0]).contains(ids).tolist() == [False] * 4
