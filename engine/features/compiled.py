"""How the kernels of the features are compiled: on their first call, for one kind of argument each.

Numba is imported at that first call and not before, so that checking a card, which reads the whole
catalogue, stays quick. The options and the cache are those of `engine.compiled`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, update_wrapper
from threading import RLock
from types import FunctionType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

type Read = NDArray[np.float64]
"""An array a kernel reads: contiguous, perhaps not writeable."""
type Write = NDArray[np.float64]
"""An array a kernel fills: contiguous, no part of what it reads."""

# a writeable array can be passed where a read-only one is declared: one specialisation serves both
_MACHINE_TYPES = {
    "Read": "Array(float64, 1, 'C', readonly=True)",
    "Write": "Array(float64, 1, 'C')",
    "float": "float64",
    "int": "int64",
    "bool": "boolean",
    "None": "void",
    "tuple[float, float]": "UniTuple(float64, 2)",
    "tuple[float, float, float, float]": "UniTuple(float64, 4)",
}


# Numba is told where its cache is by a setting of the whole process: threads compile one after the other
_COMPILING = RLock()


def kernel[F: Callable[..., Any]](function: F) -> F:
    """Compile `function` when it is first called, for the types its annotations name.

    It runs without holding Python's lock, so that a sweep can compute features in threads. It may call other
    kernels. It fills arrays it is given and allocates none: that halves the time it takes to compile.
    """
    return cast(F, _Kernel(cast(FunctionType, function)))


class _Kernel:
    def __init__(self, function: FunctionType) -> None:
        self._function = function
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        return self.machine_code(*arguments)

    @cached_property
    def machine_code(self) -> Callable[..., Any]:
        """What Python calls: compiled when it is first asked for."""
        from engine.compiled import compiled_for

        with _COMPILING:
            return compiled_for(self._resolved, _signature(self._function))

    @cached_property
    def part(self) -> Callable[..., Any]:
        """What other kernels call: compiled with them."""
        from engine.compiled import compiled

        return compiled(self._resolved)

    @cached_property
    def _resolved(self) -> FunctionType:
        # Numba does not know this class: the kernels called are put in as what it makes of them
        function, known = self._function, self._function.__globals__
        called = {
            name: known[name].part
            for name in function.__code__.co_names
            if isinstance(known.get(name), _Kernel)
        }
        own = FunctionType(function.__code__, {**known, **called}, function.__name__)
        own.__module__, own.__qualname__ = function.__module__, function.__qualname__
        return own


def _signature(function: FunctionType) -> str:
    types = {name: _MACHINE_TYPES[str(written)] for name, written in function.__annotations__.items()}
    returned = types.pop("return")
    return f"{returned}({', '.join(types.values())})"
