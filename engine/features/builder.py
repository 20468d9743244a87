"""Fills the feature frame of one timeframe: candles in, candles and features out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import CardError, DataError
from engine.features.checks import check_feature
from engine.features.registry import INDICATORS
from engine.features.spec import SOURCE, FloatArray
from engine.idea_card.features import FeatureSpec
from engine.market_data.price_columns import price_column

if TYPE_CHECKING:
    import pandas as pd

MARK_COLUMNS = ("mark_open", "mark_high", "mark_low", "mark_close")
BASE_COLUMNS = ("ts_open", "open", "high", "low", "close", "volume", "is_filled", *MARK_COLUMNS)


def feature_outputs(feature: FeatureSpec) -> tuple[str, ...]:
    """Return the output names of a checked feature; `("",)` for a single output."""
    return INDICATORS[feature.indicator].outputs


def feature_columns(name: str, feature: FeatureSpec) -> tuple[str, ...]:
    """Return the columns a feature called `name` fills: "ema_fast", or "bands.lower", "bands.middle" …"""
    return tuple(f"{name}.{output}" if output else name for output in feature_outputs(feature))


def feature_warmup(feature: FeatureSpec) -> int:
    """Return how many leading rows of a checked feature are NaN."""
    indicator = INDICATORS[feature.indicator]
    return indicator.warmup(indicator.bind(feature.params))


def warmup_bars(features: Mapping[str, FeatureSpec]) -> int:
    """Return how many bars pass until every feature has a value; 0 without features."""
    return max((feature_warmup(feature) for feature in features.values()), default=0)


def compute_feature(feature: FeatureSpec, columns: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the outputs of a checked feature, by output name (`""` for a single output).

    Parameters
    ----------
    feature : FeatureSpec
        One that `check_feature` has nothing to say about.
    columns : mapping of str to ndarray of float64
        open, high, low, close and volume of closed candles, ascending and all of one length; of these the
        ones the indicator reads. Flat candles that fill a hole are part of the series like any other.

    Returns
    -------
    dict of str to ndarray of float64
        New arrays of that length, in the order of `feature_outputs`. All outputs of one feature are NaN
        until the last of them has a value. A value depends on its row and those above it only.
    """
    indicator = INDICATORS[feature.indicator]
    prices = {name: name for name in indicator.inputs} | {SOURCE: feature.source or ""}
    inputs = (price_column(columns, prices[name]) for name in indicator.inputs)
    params = indicator.bind(feature.params)
    result = indicator.compute(*inputs, **params)
    outputs = result if isinstance(result, tuple) else (result,)
    for output in outputs:
        output[: indicator.warmup(params)] = np.nan
    return dict(zip(indicator.outputs, outputs, strict=True))


@dataclass(frozen=True)
class FeatureFrameBuilder:
    """Builds the feature frame of one symbol and timeframe.

    Attributes
    ----------
    features : mapping of str to FeatureSpec
        The card's features on this timeframe, by name.

    Raises
    ------
    CardError
        If a feature does not fit the catalogue; with every problem.
    """

    features: Mapping[str, FeatureSpec]

    def __post_init__(self) -> None:
        problems = [
            problem for name, feature in self.features.items() for problem in check_feature(name, feature)
        ]
        if problems:
            raise CardError("the set of features", problems)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns of the frame, in order."""
        own = (column for name, spec in self.features.items() for column in feature_columns(name, spec))
        return (*BASE_COLUMNS, *own)

    def build(self, healed: pd.DataFrame) -> pd.DataFrame:
        """Return the feature frame of `healed`.

        Parameters
        ----------
        healed : DataFrame
            Closed candles without holes, ascending: `BASE_COLUMNS`, others are left out.

        Returns
        -------
        DataFrame
            `BASE_COLUMNS` and one float64 column per feature output, on a RangeIndex. The value in a
            row depends on that row and those above it only, and is NaN during the feature's warm-up.

        Raises
        ------
        DataError
            If a column is missing, or there are too few rows for a feature to have a single value.
        """
        missing = [name for name in BASE_COLUMNS if name not in healed]
        if missing:
            raise DataError(
                f"the healed candles have no column {', '.join(missing)}",
                way_out="heal the candles first: engine.market_data.healing",
            )
        import pandas as pd

        self._refuse_too_few(len(healed))
        columns = {name: healed[name].to_numpy() for name in BASE_COLUMNS}
        filled: dict[str, object] = dict(columns)
        for name, feature in self.features.items():
            outputs = compute_feature(feature, columns)
            filled.update(zip(feature_columns(name, feature), outputs.values(), strict=True))
        return pd.DataFrame(filled)

    def _refuse_too_few(self, rows: int) -> None:
        short = [
            f"feature {name!r} ({feature.indicator}) needs {feature_warmup(feature) + 1} rows"
            for name, feature in self.features.items()
            if rows <= feature_warmup(feature)
        ]
        if short:
            raise DataError(
                f"too little data for the warm-up: there are {rows} rows of candles, and {', '.join(short)}",
                way_out="sync an earlier start (TRADE_HISTORY_START), or shorten the feature in the card",
            )
