"""How the loops of the features are compiled: one decorator, so that all obey the same rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any


def compiled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` with Numba when it is first called.

    No fastmath, division as in NumPy, cached on disk, one thread. Numba itself is imported at that first
    call and not before, so that checking a card, which reads the whole catalogue, stays quick. For the
    same reason a compiled function cannot call another one.
    """

    @cache
    def machine_code() -> Any:
        import numba

        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        result: R = machine_code()(*args, **kwargs)
        return result

    return call
