"""What the calendar says of a moment, in UTC: hour (0 to 23), minute, weekday (0, Monday, to 6)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.timeframes import DAY_MS, HOUR_MS, MINUTE_MS

_THURSDAY = 3  # 1 January 1970, counted from Monday = 0

# name -> (length of one, how many come before it starts over, which the first of 1970 was)
_CYCLES: Mapping[str, tuple[int, int, int]] = {
    "hour": (HOUR_MS, 24, 0),
    "minute": (MINUTE_MS, 60, 0),
    "weekday": (DAY_MS, 7, _THURSDAY),
}


def calendar_column(name: str, moments: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a field of the calendar at each moment.

    Parameters
    ----------
    name : str
        One of `engine.idea_card.features.CALENDAR_FIELDS`.
    moments : int64[n]
        UTC epoch milliseconds.

    Returns
    -------
    float64[n]
        Whole numbers.
    """
    length, cycle, first = _CYCLES[name]
    return ((moments // length + first) % cycle).astype(np.float64)
