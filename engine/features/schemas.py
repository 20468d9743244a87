"""The schema of a feature frame: no hole after the warm-up, nothing before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from engine.features.builder import MARK_COLUMNS, FeatureFrameBuilder, feature_columns, feature_warmup
from engine.features.inputs import derivative_inputs, feature_inputs
from engine.features.registry import INDICATORS
from engine.idea_card.features import FeatureSpec
from engine.market_data.price_columns import STORED_PRICES
from engine.timeframes import Timeframe

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


def feature_frame_schema(
    features: Mapping[str, FeatureSpec], timeframe: Timeframe, inputs: Collection[str] = ()
) -> pa.DataFrameSchema:
    """Return the pandera schema of the frame `FeatureFrameBuilder` makes of `features` and `inputs`.

    It wants the columns of the contract in their order and nothing else; candles on the grid of
    `timeframe`, one after the other without a hole; finite prices; and each feature NaN in exactly the rows
    of its warm-up and finite in all others, where its indicator is not sparse.
    """
    import pandas as pd
    import pandera.pandas as pa

    def on_the_grid(ts_open: pd.Series[int]) -> pd.Series[bool]:
        opens = ts_open.to_numpy()
        before_first = [timeframe.floor(int(ts)) - timeframe.ms for ts in opens[:1]]
        one_step = np.diff(opens, prepend=before_first) == timeframe.ms
        return pd.Series(one_step, index=ts_open.index)

    def finite(values: pd.Series[float]) -> pd.Series[bool]:
        return values.abs() < np.inf

    one_step = f"ts_open is on the grid of {timeframe}, one candle after the one before"
    columns = {"ts_open": pa.Column("int64", pa.Check(on_the_grid, error=one_step))}
    for name in STORED_PRICES:
        columns[name] = pa.Column("float64", pa.Check(finite, error=f"{name} is finite"))
    columns["is_filled"] = pa.Column("bool")
    for name in MARK_COLUMNS:
        columns[name] = pa.Column("float64", nullable=True)
    for name in FeatureFrameBuilder(features, inputs).joined:
        columns[name] = pa.Column("float64", pa.Check(finite, error=f"{name} is finite"), nullable=True)
    for feature_name, feature in features.items():
        sparse = INDICATORS[feature.indicator].sparse or bool(derivative_inputs(feature_inputs(feature)))
        for name in feature_columns(feature_name, feature):
            columns[name] = pa.Column("float64", _warm(name, feature_warmup(feature), sparse), nullable=True)
    return pa.DataFrameSchema(columns, strict=True, ordered=True, name="feature_frame")


def _warm(name: str, warmup: int, sparse: bool) -> pa.Check:
    import pandera.pandas as pa

    def missing_in_warmup_only(values: pd.Series[float]) -> pd.Series[bool]:
        may_be_missing = np.arange(len(values)) < (len(values) if sparse else warmup)
        may_be_there = np.arange(len(values)) >= warmup
        return (values.isna() & may_be_missing) | ((values.abs() < np.inf) & may_be_there)

    after = "finite or missing" if sparse else "finite"
    sentence = f"{name} is missing in the first {warmup} rows and {after} after"
    return pa.Check(missing_in_warmup_only, error=sentence, ignore_na=False)
