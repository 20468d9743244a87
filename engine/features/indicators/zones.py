"""Support and resistance: where prices turned before."""

from __future__ import annotations

import numpy as np

from engine.features.kernels import zones
from engine.features.spec import (
    FloatArray,
    Implementation,
    IndicatorSpec,
    Memory,
    ParamKind,
    ParamSpec,
    window,
)


def _support_resistance(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    *,
    left: int,
    right: int,
    swings: int,
    width: float,
    touches: int,
) -> tuple[FloatArray, ...]:
    room = [np.empty(swings) for _ in range(5)]
    outputs = tuple(np.empty(close.size) for _ in range(6))
    zones.nearest(high, low, close, left, right, width / 100.0, touches, *room, *outputs)
    return outputs


ENTRIES = (
    IndicatorSpec(
        name="support_resistance",
        definition=(
            "The last `swings` confirmed swing highs and lows (see `swing`, known `right` bars later) are "
            "put together into zones: from the lowest level up, a zone takes every level at most `width` "
            "percent above its lowest one, and counts if it has at least `touches` of them. support is the "
            "nearest zone whose middle is not above the close, resistance the nearest one above: its lowest "
            "and highest level, and how many swings touched it. Missing where there is none."
        ),
        published="Ours, after the usual reading of support and resistance as clustered swing levels.",
        implementation=Implementation.OURS,
        compute=_support_resistance,
        inputs=("high", "low", "close"),
        params=(
            window("left", 1, 500),
            window("right", 1, 500),
            window("swings", 2, 100),
            ParamSpec("width", ParamKind.FLOAT, 0.0, 50.0),
            window("touches", 1, 100),
        ),
        warmup=lambda p: p["left"] + p["right"],
        memory=Memory.FADING,
        outputs=(
            "support_bottom",
            "support_top",
            "support_touches",
            "resistance_bottom",
            "resistance_top",
            "resistance_touches",
        ),
        ordered=(("touches", "<=", "swings"),),
        sparse=True,
    ),
)
