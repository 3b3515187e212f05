"""One way to compile numeric kernels: to machine code, without the GIL, cached on disk where a place can be written.

Numba caches beside the source file, else in the user's cache folder (`NUMBA_CACHE_DIR` overrides both), and only in
folders that can be written. An image that was warmed when it was built runs read-only, so here a cache that lies beside
the source is read wherever it is; what it lacks is compiled anew by each process, which costs seconds and nothing else.
Kernels live in source files of their own, because code made by `exec` cannot be cached.

Numba looks for changes only in the file of the kernel that is called, not in those of the kernels that it calls in
turn; after an update the cache would go on with old code and wrong ids. So cached code carries a digest of all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numba
from numba.core import caching

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


class _Beside(caching.InTreeCacheLocator):
    """The folder beside the source, whether it can be written or not."""

    def ensure_cache_path(self) -> None:
        """Ask for nothing: who comes here knows that it is there."""


class _Stored(caching.CompileResultCacheImpl):
    _locator_classes: list[type[object]] = [_Beside]  # noqa: RUF012  # as its base declares it


class _ReadOnly(caching.FunctionCache):
    """Compiled code that is there already."""

    _impl_class = _Stored

    def save_overload(self, _signature: object, _code: object) -> None:
        """Leave what was compiled anew to this process."""


def compiled(function: F) -> F:
    """Return the function compiled at its first call, without the GIL, cached where possible."""
    function.__qualname__ = f"{function.__qualname__}_{_KERNELS}"  # part of the name of the cached file
    kernel = numba.njit(function, nogil=True)
    if _baked(Path(inspect.getfile(function)).parent / "__pycache__"):
        # As `enable_caching` does, which knows one kind of cache only.
        kernel._cache = _ReadOnly(function)  # type: ignore[no-untyped-call]  # noqa: SLF001
        return kernel  # type: ignore[no-any-return]  # numba has no types
    with contextlib.suppress(RuntimeError):  # "no locator available": nowhere to write
        kernel.enable_caching()
    return kernel  # type: ignore[no-any-return]  # numba has no types


def _baked(folder: Path) -> bool:
    """Tell whether compiled code of these very kernels lies in a folder that cannot be written."""
    if numba.config.CACHE_DIR or os.access(folder, os.W_OK):  # type: ignore[attr-defined]  # set by code
        return False
    return next(folder.glob(f"*{_KERNELS}*.nbi"), None) is not None
