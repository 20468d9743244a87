"""Rounding to the exchange's steps: the one place where prices meet ticks and sizes meet lots.

A step such as 0.1 has no exact binary form, so n * 0.1 drifts away from the decimal that is meant
(3 * 0.1 = 0.30000000000000004). Where the step's inverse is a whole number, n / inverse gives exactly the
double nearest to the decimal, which is also what parsing the exchange's text gives.
"""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare

# Quotients this close to a whole number are taken as that number: 0.3 / 0.1 is 2.9999999999999996.
# Relative, because the noise of a quotient grows with it.
_RELATIVE_NOISE = 1e-12


@compiled_bare
def _on_step(count: float, step: float) -> float:
    inverse = np.rint(1.0 / step)
    if abs(inverse * step - 1.0) < 1e-9:
        return count / inverse
    return count * step


@compiled_bare
def floor_to_step(value: float, step: float) -> float:
    """Return the largest multiple of `step` that is not above `value` (both above 0, same unit)."""
    quotient = value / step
    return _on_step(np.floor(quotient + quotient * _RELATIVE_NOISE + _RELATIVE_NOISE), step)


@compiled_bare
def ceil_to_step(value: float, step: float) -> float:
    """Return the smallest multiple of `step` that is not below `value` (both above 0, same unit)."""
    quotient = value / step
    return _on_step(np.ceil(quotient - quotient * _RELATIVE_NOISE - _RELATIVE_NOISE), step)


@compiled_bare
def round_against(price: float, tick_size: float, side: int) -> float:
    """Return `price` on the tick, rounded against the trader: up for a buy (+1), down for a sell (-1)."""
    if side > 0:
        return ceil_to_step(price, tick_size)
    return floor_to_step(price, tick_size)
