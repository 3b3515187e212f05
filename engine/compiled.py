"""One way to compile numeric kernels: to machine code, without the GIL, cached on disk where a place can be written.

Numba caches beside the source file, else in the user's cache folder (`NUMBA_CACHE_DIR` overrides both). Where neither
can be written (a read-only home), it refuses to cache; then each process compiles anew, which costs seconds and nothing
else. Kernels live in source files of their own, because code made by `exec` cannot be cached.

Numba looks for changes only in the file of the kernel that is called, not in those of the kernels that it calls in
turn; after an update the cache would go on with old code and wrong ids. So cached code carries a digest of all of them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


def _digest() -> str:
    """Return a digest of all source files with kernels."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        source = path.read_bytes()
        if b"@compiled" in source:
            digest.update(source)
    return digest.hexdigest()[:12]


_KERNELS = _digest()


def compiled(function: F) -> F:
    """Return the function compiled at its first call, without the GIL, cached where possible."""
    function.__qualname__ = f"{function.__qualname__}_{_KERNELS}"  # part of the name of the cached file
    try:
        return numba.njit(function, nogil=True, cache=True)  # type: ignore[no-any-return]  # numba has no types
    except RuntimeError:  # "no locator available": nowhere to write
        return numba.njit(function, nogil=True)  # type: ignore[no-any-return]
