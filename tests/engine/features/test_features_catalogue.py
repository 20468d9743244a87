"""Every indicator of the catalogue against its chosen implementation, a second one and its declaration."""

from __future__ import annotations

import numpy as np
import pytest
from features_all_cases import CASES
from features_cases import candles, columns_with_source, contract, direct, ticking_candles
from features_compute import BY_NAME, FRAME, NAMES, compute_feature, feature, there_from
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.features.builder import FeatureFrameBuilder, feature_columns, feature_warmup
from engine.features.registry import FAMILIES, INDICATORS
from engine.features.spec import OTHER, SOURCE, Implementation, IndicatorSpec, Memory, ParamKind, ParamSpec
from engine.idea_card.features import SOURCES

ROUTES = [
    (name, source) for name in NAMES for source in (SOURCES if INDICATORS[name].takes_source else (None,))
]


def test_every_indicator_has_a_row_and_there_are_enough_of_them():
    assert sorted(BY_NAME) == NAMES
    assert len(NAMES) >= 120


def test_no_two_entries_have_the_same_name():
    assert sorted(entry.name for family in FAMILIES for entry in family.ENTRIES) == NAMES


@pytest.mark.parametrize(("name", "source"), ROUTES)
def test_on_every_source_it_equals_a_direct_call_of_the_chosen_implementation(name, source):
    """Pitfall 9: every input source but close was routed to close."""
    case = BY_NAME[name]
    frame = FeatureFrameBuilder({"mine": feature(case, source)}).build(FRAME, **contract())
    expected = case.direct_result(columns_with_source(FRAME, source or "close"))
    warmup = INDICATORS[name].warmup(case.params)
    for column, values in zip(feature_columns("mine", feature(case, source)), expected, strict=True):
        np.testing.assert_array_equal(frame[column].to_numpy()[warmup:], values[warmup:])
        assert frame[column].dtype == np.float64


@pytest.mark.parametrize("name", [case.name for case in CASES if INDICATORS[case.name].takes_source])
def test_no_two_sources_give_the_same_values(name):
    results = [compute_feature(feature(BY_NAME[name], source), FRAME)[0].tobytes() for source in SOURCES]
    assert len(set(results)) == len(SOURCES)


OTHERS = [(case, other) for case in CASES for other in case.others]


@pytest.mark.parametrize(("case", "other"), OTHERS, ids=[case.name for case, _ in OTHERS])
@pytest.mark.parametrize("market", [candles(900, 1), candles(900, 2), ticking_candles(1500, 3)])
def test_it_agrees_with_others(case, other, market):
    columns = columns_with_source(market, "close")
    first = INDICATORS[case.name].warmup(case.params) + other.settle
    for mine, theirs in zip(case.direct_result(columns), case.result_of(other, columns), strict=True):
        scale = np.nanmean(np.abs(theirs[first:]))
        np.testing.assert_allclose(mine[first:], theirs[first:], rtol=0, atol=other.tolerance * scale)


def test_every_indicator_is_compared_with_somebody_else():
    assert {case.name for case in CASES if not case.others} == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_the_same_when_the_series_ends_there(name):
    spec = feature(BY_NAME[name])
    whole = compute_feature(spec, FRAME)
    for rows in (feature_warmup(spec) + 1, 257, 640, 899):
        for full, cut in zip(whole, compute_feature(spec, FRAME.iloc[:rows]), strict=True):
            np.testing.assert_array_equal(cut, full[:rows])


@pytest.mark.parametrize("name", NAMES)
def test_a_value_does_not_change_when_later_candles_do(name):
    spec = feature(BY_NAME[name])
    altered = FRAME.copy()
    prices = ["open", "high", "low", "close", "volume"]
    altered.loc[600:, prices] = candles(900, seed=99).loc[600:, prices]
    for before, after in zip(compute_feature(spec, FRAME), compute_feature(spec, altered), strict=True):
        np.testing.assert_array_equal(before[:600], after[:600])


def values_of(param: ParamSpec) -> st.SearchStrategy:
    if param.kind is ParamKind.CHOICE:
        return st.sampled_from(param.choices)
    if param.kind is ParamKind.INT:
        return st.integers(int(param.minimum), 40)
    return st.floats(param.minimum, min(param.maximum, 5.0))


def params_of(entry: IndicatorSpec) -> st.SearchStrategy:
    drawn = st.fixed_dictionaries({param.name: values_of(param) for param in entry.params})
    return drawn.filter(lambda params: not entry.disorder(params))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_the_declared_warm_up_is_exact(name, data):
    entry = INDICATORS[name]
    params = data.draw(params_of(entry))
    warmup = entry.warmup(entry.bind(params))
    columns = columns_with_source(FRAME.iloc[: warmup + 30], "close")
    outputs = direct(name, columns, params)
    assert len(outputs) == len(entry.outputs)
    assert there_from(name, outputs, warmup)
    if warmup and not entry.sparse:
        assert any(np.isnan(output[warmup - 1]) for output in outputs)


@pytest.mark.parametrize("name", [name for name in NAMES if not INDICATORS[name].recursive])
def test_a_window_remembers_nothing_before_it(name):
    spec = feature(BY_NAME[name])
    whole = compute_feature(spec, FRAME)
    late = compute_feature(spec, FRAME.iloc[500:].reset_index(drop=True))
    # true_range declares no warm-up and leaves the previous close out of its first row
    first = max(feature_warmup(spec), 1)
    for full, part in zip(whole, late, strict=True):
        # to rounding only: where the blocks of `kernels.sums` begin depends on the first row
        scale = np.nanmean(np.abs(full[500 + first :]))
        if INDICATORS[name].sparse:
            first = int(np.argmax(np.isfinite(part)))
            assert first < 200
        np.testing.assert_allclose(part[first:], full[500 + first :], rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("name", [name for name in NAMES if INDICATORS[name].memory is Memory.FADING])
def test_a_fading_memory_forgets_where_the_history_began(name):
    spec = feature(BY_NAME[name])
    whole = compute_feature(spec, FRAME)
    late = compute_feature(spec, FRAME.iloc[300:].reset_index(drop=True))
    first = feature_warmup(spec)
    assert any(not np.array_equal(p[first:], f[300 + first :]) for f, p in zip(whole, late, strict=True))
    for full, part in zip(whole, late, strict=True):
        scale = np.nanmean(np.abs(full[-100:]))
        np.testing.assert_allclose(part[-100:], full[-100:], rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if INDICATORS[name].implementation is Implementation.PANDAS_TA]
)
def test_pandas_ta_gives_the_same_with_and_without_talib_installed(name, monkeypatch):
    import pandas_ta.maps

    spec = feature(BY_NAME[name])
    with_talib = compute_feature(spec, FRAME)
    monkeypatch.setitem(pandas_ta.maps.Imports, "talib", False)
    for first, second in zip(with_talib, compute_feature(spec, FRAME), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_declares_what_a_reader_needs(name):
    entry = INDICATORS[name]
    assert entry.definition.strip()
    assert entry.published.strip()
    known = {"open", "high", "low", "close", "volume", "hlc3", SOURCE, OTHER}
    known |= {"ts_open", "ts_close", "mark_close", "funding_settled"}
    assert set(entry.inputs) <= known
    assert len(set(entry.outputs)) == len(entry.outputs)
    assert {side for left, _, right in entry.ordered for side in (left, right)} <= {
        param.name for param in entry.params
    }


def test_canonical_output_names():
    named = {name: entry.outputs for name, entry in INDICATORS.items() if entry.outputs != ("",)}
    assert named == {
        "macd": ("macd", "signal", "hist"),
        "stoch": ("k", "d"),
        "stochrsi": ("k", "d"),
        "trix": ("trix", "signal"),
        "linreg": ("value", "slope"),
        "adx": ("adx", "dmp", "dmn"),
        "aroon": ("up", "down", "osc"),
        "supertrend": ("trend", "direction"),
        "psar": ("sar", "direction"),
        "bbands": ("lower", "middle", "upper", "bandwidth", "percent"),
        "kc": ("lower", "middle", "upper"),
        "donchian": ("lower", "middle", "upper"),
        "alligator": ("jaw", "teeth", "lips"),
        "ppo": ("ppo", "signal", "hist"),
        "eri": ("bull", "bear"),
        "kst": ("kst", "signal"),
        "rvgi": ("rvgi", "signal"),
        "tsi": ("tsi", "signal"),
        "kdj": ("k", "d", "j"),
        "cksp": ("long", "short"),
        "ichimoku": ("tenkan", "kijun", "span_a", "span_b"),
        "rwi": ("high", "low"),
        "vortex": ("plus", "minus"),
        "aberration": ("lower", "middle", "upper"),
        "accbands": ("lower", "middle", "upper"),
        "chandelier_exit": ("long", "short"),
        "thermo": ("thermo", "ma"),
        "kvo": ("kvo", "signal"),
        "pvo": ("pvo", "signal", "hist"),
        "ha": ("open", "high", "low", "close"),
        "fisher": ("fisher", "signal"),
        "qqe": ("rsi", "line", "direction"),
        "hilo": ("line", "direction"),
        "rolling_range": ("low", "high"),
        "swing": ("high", "low", "high_age", "low_age"),
        "market_structure": ("trend", "bos", "choch", "level"),
        "liquidity_sweep": ("sweep", "level"),
        "fib": ("retracement", "extension", "direction"),
        "premium_discount": ("discount", "equilibrium", "premium"),
        "displacement": ("direction", "ratio"),
        "order_block": ("bull_bottom", "bull_top", "bear_bottom", "bear_top"),
        "vwap_swing": ("high", "low"),
        "support_resistance": (
            "support_bottom",
            "support_top",
            "support_touches",
            "resistance_bottom",
            "resistance_top",
            "resistance_touches",
        ),
        "fvg": ("bull_bottom", "bull_top", "bull_filled", "bear_bottom", "bear_top", "bear_filled"),
    }
