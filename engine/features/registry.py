"""The catalogue of indicators: every entry of every family, by name.

To add an indicator, write one `IndicatorSpec` into the family's file in `engine/features/indicators` and one
row into a `features_*cases.py` of `tests/engine/features`. Nothing else needs to know: the card, its checks,
the schema of its frames and all general tests (every source, warm-up, no look-ahead, holes, flat markets)
read the catalogue. A loop over bars is a `kernel` in `engine/features/kernels`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.features.indicators import (
    anchored,
    bar_oscillators,
    candles,
    derivatives,
    direction,
    flows,
    following,
    momentum,
    moving_averages,
    oscillators,
    prices,
    ranges,
    statistics,
    structure,
    trend,
    volatility,
    volume,
    weighted_averages,
    zones,
)
from engine.features.spec import IndicatorSpec

FAMILIES = (
    moving_averages,
    weighted_averages,
    momentum,
    oscillators,
    bar_oscillators,
    trend,
    direction,
    following,
    volatility,
    ranges,
    volume,
    flows,
    anchored,
    statistics,
    prices,
    candles,
    derivatives,
    structure,
    zones,
)

INDICATORS: Mapping[str, IndicatorSpec] = MappingProxyType(
    {entry.name: entry for family in FAMILIES for entry in family.ENTRIES}
)
"""Every indicator by its name in cards."""
