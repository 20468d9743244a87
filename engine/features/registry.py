"""The catalogue of indicators: every entry of every family, by name.

To add an indicator, write one `IndicatorSpec` into the family's file in `engine/features/indicators` and one
row into `tests/engine/features/features_cases.py`. Nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.features.indicators import momentum, moving_averages, statistics, trend, volatility, volume
from engine.features.spec import IndicatorSpec


def _catalogue() -> Mapping[str, IndicatorSpec]:
    families = (moving_averages, momentum, trend, volatility, volume, statistics)
    entries = [entry for family in families for entry in family.ENTRIES]
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) < len(entries):
        raise ValueError("two indicators have the same name")
    return MappingProxyType(by_name)


INDICATORS: Mapping[str, IndicatorSpec] = _catalogue()
