"""Fills the feature frame of one timeframe: candles in, candles and features out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.errors import CardError, DataError
from engine.features.checks import check_feature
from engine.features.inputs import (
    FUNDING_RATE,
    JOINED_INPUTS,
    OPEN_INTEREST,
    BarInputs,
    IntArray,
    Stamped,
    feature_inputs,
)
from engine.features.registry import INDICATORS
from engine.features.spec import FloatArray
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
        Columns of closed candles as `engine.features.inputs` names them, ascending and all of one length; of
        these the ones the indicator reads. Flat candles that fill a hole are part of the series like any
        other.

    Returns
    -------
    dict of str to ndarray of float64
        New arrays of that length, in the order of `feature_outputs`. All outputs of one feature are NaN
        until the last of them has a value. A value depends on its row and those above it only.
    """
    indicator = INDICATORS[feature.indicator]
    names = indicator.columns(feature.source, feature.params)
    inputs = (price_column(columns, name) for name in names)
    params = indicator.bind(feature.params)
    result = indicator.compute(*inputs, **params)
    outputs = result if isinstance(result, tuple) else (result,)
    for output in outputs:
        output[: indicator.warmup(params)] = np.nan
    return dict(zip(indicator.outputs, outputs, strict=True))


def stamped(events: pd.DataFrame, column: str) -> Stamped:
    """Return a column of a frame of events, which has their times in `ts`."""
    return Stamped(events["ts"].to_numpy(np.int64), events[column].to_numpy(np.float64))


class KnownFeatures(Protocol):
    """Features that were computed before, perhaps for another card or by another process."""

    def find(self, feature: FeatureSpec) -> dict[str, FloatArray] | None:
        """Return the outputs of `feature` by name as `compute_feature` gives them, or None."""

    def keep(self, feature: FeatureSpec, outputs: Mapping[str, FloatArray]) -> None:
        """Keep the outputs of `feature` for whoever asks next."""


@dataclass(frozen=True)
class FeatureFrameBuilder:
    """Builds the feature frame of one symbol and timeframe.

    Attributes
    ----------
    features : mapping of str to FeatureSpec
        The card's features on this timeframe, by name.
    inputs : collection of str, optional
        What rules look at beside candles: `engine.features.inputs.JOINED_INPUTS`.

    Raises
    ------
    CardError
        If a feature does not fit the catalogue; with every problem.
    """

    features: Mapping[str, FeatureSpec]
    inputs: Collection[str] = ()

    def __post_init__(self) -> None:
        problems = [
            problem for name, feature in self.features.items() for problem in check_feature(name, feature)
        ]
        if problems:
            raise CardError("the set of features", problems)

    @cached_property
    def joined(self) -> tuple[str, ...]:
        """Columns beside the candles: what features or rules look at, in the order of `JOINED_INPUTS`.

        A frame that holds what its features read says by itself what they were made of.
        """
        read = set(self.inputs).union(*(feature_inputs(feature) for feature in self.features.values()))
        return tuple(name for name in JOINED_INPUTS if name in read)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns of the frame, in order."""
        own = (column for name, spec in self.features.items() for column in feature_columns(name, spec))
        return (*BASE_COLUMNS, *self.joined, *own)

    def build(
        self,
        healed: pd.DataFrame,
        *,
        funding: pd.DataFrame | None = None,
        open_interest: pd.DataFrame | None = None,
        known: KnownFeatures | None = None,
    ) -> pd.DataFrame:
        """Return the feature frame of `healed`.

        Parameters
        ----------
        healed : DataFrame
            Closed candles without holes, ascending: `BASE_COLUMNS`, others are left out.
        funding : DataFrame, optional
            ts, funding_rate; needed where a feature or rule looks at the funding.
        open_interest : DataFrame, optional
            ts, open_interest; needed where a feature or rule looks at it.
        known : KnownFeatures, optional
            Where features of these very candles are found and kept.

        Returns
        -------
        DataFrame
            `BASE_COLUMNS`, those of `joined` and one float64 column per feature output, on a RangeIndex. The
            value in a row depends on that row and those above it only, and is NaN during the feature's
            warm-up.

        Raises
        ------
        DataError
            If a column or what a feature reads is missing, or there are too few rows for a feature to have a
            single value.
        """
        missing = [name for name in BASE_COLUMNS if name not in healed]
        if missing:
            raise DataError(
                f"the healed candles have no column {', '.join(missing)}",
                way_out="heal the candles first: engine.market_data.healing",
            )
        import pandas as pd

        self._refuse_too_few(len(healed))
        candles = {name: healed[name].to_numpy() for name in BASE_COLUMNS}
        columns = BarInputs(
            bar_ms=_bar_ms(candles["ts_open"]),
            candles=candles,
            funding=None if funding is None else stamped(funding, FUNDING_RATE),
            open_interest=None if open_interest is None else lambda: stamped(open_interest, OPEN_INTEREST),
        )
        filled: dict[str, object] = candles | {name: columns[name] for name in self.joined}
        for name, feature in self.features.items():
            outputs = None if known is None else known.find(feature)
            if outputs is None:
                outputs = compute_feature(feature, columns)
                if known is not None:
                    known.keep(feature, outputs)
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


def _bar_ms(ts_open: IntArray) -> int:
    # of a single candle nothing is known after its open
    return int(ts_open[1] - ts_open[0]) if len(ts_open) > 1 else 0
