"""Arrow buffers inside compiled code: an address and an element type become an array, without a copy.

Kernels take addresses (int64) instead of arrays, so that one compiled signature serves every layout of columns. The
caller keeps the buffers alive during the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numba import carray, types  # type: ignore[attr-defined]  # numba exports it without saying so
from numba.extending import intrinsic

from engine.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

E = TypeVar("E", bound=np.generic)


@intrinsic
def _pointer(_typing: object, address: Any, element: Any) -> tuple[object, Callable[..., object]]:  # noqa: ANN401 - numba's types
    """Give an int64 the type of a pointer to elements."""

    def emitted(context: Any, builder: Any, signature: Any, values: Any) -> object:  # noqa: ANN401 - numba's and LLVM's
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(element.dtype)(address, element), emitted  # type: ignore[no-untyped-call]  # numba's


@compiled
def elements(address: int | np.integer[Any], count: int | np.integer[Any], element: type[E]) -> NDArray[E]:
    """Return `count` elements of type `element` (such as `np.int16`) that lie at `address`."""
    return carray(_pointer(address, element), (count,))  # type: ignore[call-arg]  # numba passes the typing context
