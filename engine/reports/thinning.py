"""Fewer points for the same picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def extremes(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return the ascending positions of at most `most` points that draw the same line as all of them.

    The series is cut into buckets of equal length, and each keeps its lowest and its highest point: at
    one bucket a pixel nothing that could be seen is lost. The first and the last point are always kept.
    All positions are returned where there are no more than `most`.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    buckets = max(1, (most - 2) // 2)
    length = -(-count // buckets)
    # The last bucket is filled up with the last value, which adds no new extreme
    padded = np.append(values, np.full(length * buckets - count, values[-1])).reshape(buckets, length)
    starts = np.arange(buckets) * length
    picked = np.concatenate(([0, count - 1], starts + padded.argmin(axis=1), starts + padded.argmax(axis=1)))
    return np.unique(np.minimum(picked, count - 1))
