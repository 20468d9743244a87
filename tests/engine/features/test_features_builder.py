"""The feature frame: its columns, its schema, and what stops it from being made."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from features_all_cases import CASES
from features_cases import candles

import engine.features
from engine.errors import CardError, DataError, SchemaViolation
from engine.features.builder import (
    BASE_COLUMNS,
    FeatureFrameBuilder,
    feature_columns,
    feature_outputs,
    feature_warmup,
    warmup_bars,
)
from engine.features.schemas import feature_frame_schema
from engine.idea_card.features import DERIVATIVE_INPUTS, PRICES, SOURCES, FeatureSpec
from engine.market_data.price_columns import PRICE_NAMES
from engine.market_data.schemas import validate
from engine.timeframes import Timeframe

FEATURES = {
    "ema_slow": FeatureSpec(indicator="ema", params={"length": 50}, source="hlc3", tf="exec"),
    "bands": FeatureSpec(indicator="bbands", params={"length": 20, "std": 2}, source="close", tf="exec"),
    "volume_average": FeatureSpec(indicator="sma", params={"length": 20.0}, source="volume", tf="exec"),
    "flow": FeatureSpec(indicator="obv", params={}, tf="exec"),
}
BUILDER = FeatureFrameBuilder(FEATURES)


def test_the_frame_has_the_candles_then_the_features_in_order():
    frame = BUILDER.build(candles(120, seed=1))
    assert tuple(frame.columns) == BUILDER.columns
    assert BUILDER.columns == (
        *BASE_COLUMNS,
        "ema_slow",
        "bands.lower",
        "bands.middle",
        "bands.upper",
        "bands.bandwidth",
        "bands.percent",
        "volume_average",
        "flow",
    )
    assert list(frame.index) == list(range(120))


def test_the_candles_pass_unchanged_and_the_input_is_left_alone():
    healed = candles(120, seed=1)
    before = healed.copy(deep=True)
    frame = BUILDER.build(healed)
    assert healed.equals(before)
    for name in BASE_COLUMNS:
        assert frame[name].equals(healed[name])


def test_a_source_is_the_column_of_that_name():
    healed = candles(120, seed=1)
    frame = BUILDER.build(healed)
    assert frame["volume_average"].iloc[-1] == pytest.approx(healed["volume"].iloc[-20:].mean())
    assert frame["bands.middle"].iloc[-1] == pytest.approx(healed["close"].iloc[-20:].mean())


def test_warm_up_of_one_feature_and_of_all():
    assert {name: feature_warmup(feature) for name, feature in FEATURES.items()} == {
        "ema_slow": 49,
        "bands": 19,
        "volume_average": 19,
        "flow": 0,
    }
    assert warmup_bars(FEATURES) == 49
    assert warmup_bars({}) == 0
    frame = BUILDER.build(candles(120, seed=1))
    assert frame["ema_slow"].isna().sum() == 49
    assert np.isfinite(frame.iloc[49:].to_numpy(dtype=np.float64)).all()


def test_all_outputs_of_a_feature_begin_together():
    macd = FeatureSpec(
        indicator="macd", params={"fast": 12, "slow": 26, "signal": 9}, source="close", tf="exec"
    )
    frame = FeatureFrameBuilder({"m": macd}).build(candles(60, seed=1))
    assert feature_outputs(macd) == ("macd", "signal", "hist")
    assert [int(frame[name].isna().sum()) for name in feature_columns("m", macd)] == [33, 33, 33]


def test_filled_candles_are_part_of_the_series():
    healed = candles(60, seed=1)
    healed.loc[30:34, ["open", "high", "low", "close"]] = healed.loc[29, "close"]
    healed.loc[30:34, "volume"] = 0.0
    healed.loc[30:34, "is_filled"] = True
    frame = BUILDER_SMALL.build(healed)
    assert frame.loc[32, "average"] == pytest.approx(healed.loc[29, "close"])
    assert frame.loc[34, "volume_average"] == 0.0


BUILDER_SMALL = FeatureFrameBuilder(
    {
        "average": FeatureSpec(indicator="sma", params={"length": 4}, source="close", tf="exec"),
        "volume_average": FeatureSpec(indicator="sma", params={"length": 4}, source="volume", tf="exec"),
    }
)


def test_a_frame_without_features_is_the_candles():
    frame = FeatureFrameBuilder({}).build(candles(3, seed=1))
    assert tuple(frame.columns) == BASE_COLUMNS


def test_too_few_rows_name_the_feature_and_both_numbers():
    assert len(BUILDER.build(candles(50, seed=1))) == 50
    with pytest.raises(DataError, match=r"49 rows.*'ema_slow' \(ema\) needs 50 rows") as caught:
        BUILDER.build(candles(49, seed=1))
    assert "bands" not in str(caught.value)
    assert "TRADE_HISTORY_START" in str(caught.value)


def test_no_rows_at_all():
    with pytest.raises(DataError, match="0 rows"):
        BUILDER.build(candles(49, seed=1).iloc[:0])


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="is_filled, mark_close"):
        BUILDER.build(candles(120, seed=1).drop(columns=["is_filled", "mark_close"]))


def test_a_feature_that_does_not_fit_the_catalogue_is_refused_with_all_its_problems():
    wrong = FeatureSpec(indicator="ema", params={"lenght": 9}, tf="exec")
    with pytest.raises(CardError) as caught:
        FeatureFrameBuilder({"fine": FEATURES["flow"], "wrong": wrong})
    assert [problem.key_path for problem in caught.value.problems] == [
        "features.wrong.source",
        "features.wrong.params.lenght",
        "features.wrong.params.length",
    ]


SCHEMA = feature_frame_schema(FEATURES, Timeframe.M15)


def test_a_built_frame_passes_its_schema():
    frame = BUILDER.build(candles(120, seed=1))
    assert validate(frame, SCHEMA, "features of BTCUSDT 15m") is frame


@pytest.mark.parametrize(
    ("row", "column", "value", "sentence"),
    [
        (80, "ema_slow", np.nan, "first 49 rows and finite after"),  # a hole after the warm-up
        (80, "bands.percent", np.inf, "first 19 rows and finite after"),
        (48, "ema_slow", 1.0, "missing in the first 49 rows"),  # a value before its time
        (10, "close", np.nan, "close"),
        (10, "ts_open", 10 * 900_000 + 1, "on the grid of 15m"),  # off the grid
        (119, "ts_open", 120 * 900_000, "on the grid of 15m"),  # a hole before the last candle
    ],
)
def test_a_broken_frame_is_refused(row, column, value, sentence):
    frame = BUILDER.build(candles(120, seed=1))
    frame.loc[row, column] = value
    with pytest.raises(SchemaViolation, match=rf"{sentence}.*row {row} .*{column}"):
        validate(frame, SCHEMA, "features of BTCUSDT 15m")


def test_a_frame_off_the_grid_from_its_first_candle_is_refused():
    frame = BUILDER.build(candles(120, seed=1))
    frame["ts_open"] += 60_000
    with pytest.raises(SchemaViolation, match="on the grid of 15m"):
        validate(frame, SCHEMA, "features of BTCUSDT 15m")


def test_a_frame_with_a_column_too_many_or_too_few_is_refused():
    frame = BUILDER.build(candles(120, seed=1))
    for broken in (frame.assign(extra=1.0), frame.drop(columns="flow")):
        with pytest.raises(SchemaViolation, match="feature_frame"):
            validate(broken, SCHEMA, "features of BTCUSDT 15m")


def test_levels_may_be_missing_after_the_warm_up_and_nothing_else():
    features = {
        "swing": FeatureSpec(indicator="swing", params={"left": 2, "right": 2}, tf="exec"),
        "flow": FEATURES["flow"],
    }
    schema = feature_frame_schema(features, Timeframe.M15)
    frame = FeatureFrameBuilder(features).build(candles(120, seed=1))
    assert frame["swing.high"].iloc[4:].isna().any()
    validate(frame, schema, "features of BTCUSDT 15m")
    frame.loc[80, "swing.high"] = np.inf
    with pytest.raises(SchemaViolation, match="finite or missing after"):
        validate(frame, schema, "features of BTCUSDT 15m")


def test_the_schema_reads_an_empty_frame_without_a_crash():
    validate(BUILDER.build(candles(120, seed=1)).iloc[:0], SCHEMA, "features of BTCUSDT 15m")


def test_features_and_cards_know_the_same_sources():
    assert PRICE_NAMES == PRICES
    assert (*PRICES, *DERIVATIVE_INPUTS) == SOURCES


def imports_of(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_pandas_ta_is_imported_in_one_file():
    root = Path(engine.features.__file__).parents[1]
    importers = [
        file.relative_to(root).as_posix()
        for file in root.rglob("*.py")
        if any(name.split(".")[0] == "pandas_ta" for name in imports_of(file))
    ]
    assert importers == ["features/vendor.py"]


COMPUTE_ALL_OF_OURS = """
import sys
import numpy as np
from engine.features.builder import compute_feature
from engine.features.registry import INDICATORS
from engine.features.spec import Implementation
from engine.idea_card.features import FeatureSpec

names = {name for entry in INDICATORS.values() for name in (*entry.inputs, "close")}
columns = {name: np.arange(1.0, 90.0) for name in names}
for params in {params}:
    if INDICATORS[params[0]].implementation is Implementation.OURS:
        source = "close" if INDICATORS[params[0]].takes_source else None
        compute_feature(FeatureSpec(indicator=params[0], params=params[1], source=source, tf="exec"), columns)
print(*{"pandas", "pandas_ta", "talib"} & set(sys.modules))
"""


def test_our_own_kernels_need_no_other_library():
    code = COMPUTE_ALL_OF_OURS.replace("{params}", repr([(case.name, case.params) for case in CASES]))
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from engine.features import windows, recursions
from engine.features.kernels import sums

values = 100 + np.cumsum(np.random.default_rng(1).normal(size=50_000))
work = [windows.mean, windows.highest, recursions.exponential_mean, recursions.wilder_mean] * 4
with ThreadPoolExecutor(8) as threads:
    together = list(threads.map(lambda function: function(values, 20), work))
for function, result in zip(work, together, strict=True):
    np.testing.assert_array_equal(result, function(values, 20))
assert sums.mean.machine_code.targetoptions["nogil"]
"""


def test_features_can_be_computed_in_threads_from_the_first_call_on():
    subprocess.run([sys.executable, "-c", IN_THREADS], capture_output=True, check=True)


def test_checking_a_card_imports_no_indicator_library():
    heavy = {"numba", "pandas", "pandas_ta", "talib"}
    code = f"import sys, engine.features.checks, engine.features.builder; print(*{heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
