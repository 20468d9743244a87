"""Markets that stand still, series that are too short, and holes: no crash, no infinity, no wild value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from features_cases import candles, columns_with_source, direct
from features_compute import BY_NAME, FRAME, NAMES, compute_feature, feature, there_from

from engine.features.builder import feature_warmup
from engine.features.registry import INDICATORS
from engine.idea_card.features import PRICES


def flat_candles(rows: int, price: float, volume: float) -> pd.DataFrame:
    frame = candles(rows, seed=3)
    for name in ("open", "high", "low", "close"):
        frame[name] = price
    return frame.assign(volume=volume)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("price", "volume"), [(0.1, 0.0), (70_123.7, 3.3), (0.0000123, 0.0)])
def test_a_constant_series_gives_finite_values(name, price, volume):
    frame = flat_candles(120, price, volume)
    for source in PRICES if INDICATORS[name].takes_source else (None,):
        spec = feature(BY_NAME[name], source)
        assert there_from(name, compute_feature(spec, frame), feature_warmup(spec))


FLAT_VALUES = {
    "stoch": (50, 50),
    "willr": (-50,),
    "cci": (0,),
    "mfi": (50,),
    "cmf": (0,),
    "zscore": (0,),
    "stdev": (0,),
    "roc": (0,),
    "mom": (0,),
    "slope": (0,),
    "adx": (0, 0, 0),
    "rsi": (50,),
    "stochrsi": (50, 50),
    "true_range": (0,),
    "atr": (0,),
    "obv": (0,),
    "sma": (0.1,),
    "wma": (0.1,),
    "rma": (0.1,),
    "kama": (0.1,),
    "vwma": (0.1,),
    "linreg": (0.1, 0),
    "bbands": (0.1, 0.1, 0.1, 0, 0.5),
}


@pytest.mark.parametrize("name", FLAT_VALUES)
@pytest.mark.parametrize("volume", [0.0, 7.7])
def test_where_nothing_moves_an_indicator_stands_exactly_in_its_middle(name, volume):
    outputs = compute_feature(feature(BY_NAME[name]), flat_candles(120, 0.1, volume))
    assert tuple(output[-1] for output in outputs) == FLAT_VALUES[name]


def test_an_average_of_bars_without_volume_is_nothing_however_large_the_volume_before():
    """TA-Lib's running sum leaves -1.9e-10 here, and `volume > average` is true."""
    frame = candles(80, seed=4).assign(volume=np.r_[np.full(10, 1e6), np.full(10, 0.1), np.zeros(60)])
    for name in ("sma", "wma", "vwma", "stdev"):
        spec = feature(BY_NAME[name], "volume")
        assert compute_feature(spec, frame)[0][-1] == 0.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7])
def test_a_series_shorter_than_the_warm_up_is_nan_and_no_crash(name, rows):
    entry = INDICATORS[name]
    columns = columns_with_source(FRAME.iloc[:rows], "close")
    outputs = direct(name, columns, BY_NAME[name].params)
    warmup = min(entry.warmup(BY_NAME[name].params), rows)
    for output in outputs:
        assert len(output) == rows
    assert there_from(name, outputs, warmup)


@pytest.mark.parametrize("name", NAMES)
def test_nan_in_the_input_is_no_crash_and_leaves_the_rows_before_it_alone(name):
    spec = feature(BY_NAME[name])
    holed = FRAME.copy()
    holed.loc[400:405, ["open", "high", "low", "close", "volume"]] = np.nan
    for clean, broken in zip(compute_feature(spec, FRAME), compute_feature(spec, holed), strict=True):
        np.testing.assert_array_equal(broken[:400], clean[:400])
    if "funding_settled" in INDICATORS[name].inputs:
        return  # which reads no price
    nothing = holed.assign(open=np.nan, high=np.nan, low=np.nan, close=np.nan, volume=np.nan)
    assert not any(np.isfinite(output).any() for output in compute_feature(spec, nothing))
