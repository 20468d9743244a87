"""Means by volume since an anchor: the beginning of a session, or the last swing."""

from __future__ import annotations

import numpy as np

from engine.features.compiled import Read, Write, kernel
from engine.features.kernels.structure import is_swing


@kernel
def since_starts(values: Read, volumes: Read, starts: Read, means: Write) -> None:
    """Fill the mean by volume since the last row where `starts` is not 0; NaN before the first.

    Where nothing has traded since it is the newest value.
    """
    begun = False
    centre, moved, volume = np.nan, 0.0, 0.0
    for row in range(values.size):
        if starts[row] != 0.0:
            begun = True
            centre, moved, volume = values[row], 0.0, 0.0
        moved += volumes[row] * (values[row] - centre)
        volume += volumes[row]
        if not begun:
            means[row] = np.nan
        elif volume == 0.0:
            means[row] = values[row]
        else:
            means[row] = centre + moved / volume


@kernel
def since_swings(
    values: Read, volumes: Read, turns: Read, left: int, right: int, sign: float, means: Write
) -> None:
    """Fill the mean by volume since the last swing high of `turns` (swing low: `sign` -1); NaN before it.

    A swing is an anchor from the bar that confirms it on, `right` bars later; the bars since the swing count
    from then on. Where nothing has traded it is the newest value.
    """
    centre, moved, volume = np.nan, 0.0, 0.0
    for row in range(values.size):
        swing = row - right
        if swing >= 0 and is_swing(turns, swing, left, right, sign):
            centre, moved, volume = values[swing], 0.0, 0.0
            for past in range(swing, row):
                moved += volumes[past] * (values[past] - centre)
                volume += volumes[past]
        moved += volumes[row] * (values[row] - centre)
        volume += volumes[row]
        means[row] = values[row] + 0.0 * centre if volume == 0.0 else centre + moved / volume
