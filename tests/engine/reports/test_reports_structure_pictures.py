"""Every market structure is drawn on candles, as it was known at each of them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from engine.features.indicators import structure, zones
from engine.idea_card.features import FeatureSpec
from engine.reports.structure_pictures import DRAWN_ON_CANDLES, feature_png
from engine.tools.features import STRUCTURES


def market(bars: int = 400, seed: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    opened = np.r_[100.0, close[:-1]]
    spread = close * rng.uniform(0, 0.006, (2, bars))
    return {
        "ts_open": np.arange(bars, dtype=np.int64) * 3_600_000,
        "open": opened,
        "high": np.maximum(opened, close) + spread[0],
        "low": np.minimum(opened, close) - spread[1],
        "close": close,
        "volume": rng.lognormal(0, 1, bars),
    }


def spec(name: str, **params: float) -> FeatureSpec:
    source = "hlc3" if name.startswith("vwap") or name == "ema" else None
    return FeatureSpec(indicator=name, params=params or STRUCTURES[name], source=source, tf="exec")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


MARKET = market()


def test_every_structure_has_a_way_of_its_own():
    of_catalogue = {entry.name for family in (structure, zones) for entry in family.ENTRIES}
    assert of_catalogue <= DRAWN_ON_CANDLES
    assert set(STRUCTURES) == DRAWN_ON_CANDLES


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_it_is_drawn_the_same_way_each_time(name, tmp_path):
    png = feature_png(MARKET, spec(name), bars=120, title="made up")
    (tmp_path / f"{name}.png").write_bytes(png)
    assert png == feature_png(MARKET, spec(name), bars=120, title="made up")
    # candles are green and red; a picture of 1210 x 660 points with nothing on it has none of either
    shown = pixels(png)
    assert shown.shape == (660, 1210, 3)
    green, red = (np.abs(shown - colour).sum(axis=2) < 60 for colour in ((31, 138, 91), (192, 54, 44)))
    assert green.sum() > 500
    assert red.sum() > 500


def test_a_level_is_drawn_from_its_confirmation_on_and_not_before():
    bars = {name: values[:60].copy() for name, values in MARKET.items()}
    for name in ("open", "high", "low", "close"):
        bars[name][:] = 100.0
    bars["high"][30] = 110.0
    early, late = (spec("swing", left=2, right=right) for right in (2, 20))
    lengths = []
    for feature in (early, late):
        red = np.abs(pixels(feature_png(bars, feature, bars=60)) - (192, 54, 44)).sum(axis=2) < 120
        # the longest red line below the legend is the level
        lengths.append(int(red[30:].sum(axis=1).max()))
    # 27 bars and 9 of about a thousand points for 60
    assert lengths[0] - lengths[1] > 200
    assert lengths[1] > 100


def test_other_indicators_have_a_panel_of_their_own():
    assert feature_png(MARKET, spec("ema", length=9)) != feature_png(MARKET, spec("ema", length=30))
