"""One way to compile numeric kernels: to machine code, without the GIL, cached on disk where a place can be written.

Numba caches beside the source file, else in the user's cache folder (`NUMBA_CACHE_DIR` overrides both). Where neither
can be written (a read-only home), it refuses to cache; then each process compiles anew, which costs seconds and nothing
else. Kernels live in source files of their own, because code made by `exec` cannot be cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


def compiled(function: F) -> F:
    """Return the function compiled at its first call, without the GIL, cached where possible."""
    try:
        return numba.njit(function, nogil=True, cache=True)  # type: ignore[no-any-return]  # numba has no types
    except RuntimeError:  # "no locator available": nowhere to write
        return numba.njit(function, nogil=True)  # type: ignore[no-any-return]
