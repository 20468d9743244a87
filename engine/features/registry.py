"""The catalogue of indicators: every entry of every family, by name.

To add an indicator, write one `IndicatorSpec` into the family's file in `engine/features/indicators` and one
row into `tests/engine/features/features_cases.py`. Nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.features.indicators import momentum, moving_averages, statistics, trend, volatility, volume
from engine.features.spec import IndicatorSpec

FAMILIES = (moving_averages, momentum, trend, volatility, volume, statistics)

INDICATORS: Mapping[str, IndicatorSpec] = MappingProxyType(
    {entry.name: entry for family in FAMILIES for entry in family.ENTRIES}
)
"""Every indicator by its name in cards."""
