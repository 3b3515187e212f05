"""Arrow buffers inside compiled code: an address and an element type become an array, without a copy.

Kernels take addresses (int64) instead of arrays, so that one compiled signature serves every layout of columns. The
caller keeps the buffers alive during the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it publishes no types
from numba import carray, types  # type: ignore[attr-defined]  # numba exports it without saying so
from numba.extending import intrinsic

from engine.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

E = TypeVar("E", bound=np.generic)

_CACHE_LINE = 64


@intrinsic
def _pointer(_typing: object, address: Any, element: Any) -> tuple[object, Callable[..., object]]:  # noqa: ANN401 - numba's types
    """Give an int64 the type of a pointer to elements."""

    def emitted(context: Any, builder: Any, signature: Any, values: Any) -> object:  # noqa: ANN401 - numba's and LLVM's
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(element.dtype)(address, element), emitted  # type: ignore[no-untyped-call]  # numba's


@intrinsic
def _fetch(_typing: object, address: Any) -> tuple[object, Callable[..., object]]:  # noqa: ANN401 - numba's types
    """Ask for the cache line of an address (LLVM: `llvm.prefetch`, a read that is soon needed again)."""

    def emitted(context: Any, builder: Any, _signature: Any, values: Any) -> object:  # noqa: ANN401 - numba's and LLVM's
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(fetch, [builder.inttoptr(values[0], byte), number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(address), emitted


@intrinsic
def _store(_typing: object, address: Any, word: Any) -> tuple[object, Callable[..., object]]:  # noqa: ANN401 - numba's types
    """Store an int64 big-endian at an address of any alignment."""

    def emitted(context: Any, builder: Any, _signature: Any, values: Any) -> object:  # noqa: ANN401 - numba's and LLVM's
        pointer = builder.inttoptr(values[0], ir.IntType(64).as_pointer())
        builder.store(builder.bswap(values[1]), pointer, align=1)
        return context.get_dummy_value()

    return types.void(address, word), emitted


@compiled
def put_word(address: int | np.integer[Any], word: int | np.integer[Any]) -> None:
    """Write an int64 at an address, big-endian; eight bytes there are the caller's."""
    _store(address, word)  # type: ignore[call-arg]  # numba passes the typing context


@compiled
def fetch(address: int | np.integer[Any], size: int | np.integer[Any]) -> None:
    """Have `size` bytes brought into the cache while other work goes on; never fails, whatever lies there."""
    for line in range(address, address + size, _CACHE_LINE):
        _fetch(line)  # type: ignore[call-arg]  # numba passes the typing context


@compiled
def elements(address: int | np.integer[Any], count: int | np.integer[Any], element: type[E]) -> NDArray[E]:
    """Return `count` elements of type `element` (such as `np.int16`) that lie at `address`."""
    return carray(_pointer(address, element), (count,))  # type: ignore[call-arg]  # numba passes the typing context
