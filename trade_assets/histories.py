"""The history of a symbol from the graph's own candles: what heavy assets on demand run over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.backtest.prepare import funding_from_frame
from engine.features.builder import stamped
from engine.features.inputs import OPEN_INTEREST, OPEN_INTEREST_INPUTS
from engine.market_data.instruments import InstrumentRules
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe
from trade_assets.assets.market import (
    FUNDING_EVENTS_KEY,
    HEALED_OHLCV_KEY,
    INSTRUMENT_RULES_KEY,
    OPEN_INTEREST_KEY,
    RAW_OHLCV_KEY,
)
from trade_assets.work import Input


def history_inputs(plan: CardPlan) -> dict[str, Input]:
    """Return the inputs that `history_from` takes, and `raw`, which says whose market it is."""
    timeframes = tuple(plan.card.timeframes.all_timeframes().values())
    inputs = {
        "healed": Input(HEALED_OHLCV_KEY, timeframes=timeframes),
        "funding": Input(FUNDING_EVENTS_KEY),
        "rules": Input(INSTRUMENT_RULES_KEY),
        "raw": Input(RAW_OHLCV_KEY),
    }
    if plan.looks_at(OPEN_INTEREST_INPUTS):
        inputs["open_interest"] = Input(OPEN_INTEREST_KEY)
    return inputs


def history_from(
    symbol: str,
    healed: Mapping[Timeframe, pd.DataFrame],
    funding: pd.DataFrame,
    rules: dict[str, Any],
    open_interest: pd.DataFrame | None = None,
    *,
    feature_bytes: int | None = None,
) -> History:
    """Return the history that a symbol's artifacts make.

    Parameters
    ----------
    symbol : str
    healed : mapping of Timeframe to DataFrame
    funding : DataFrame
    rules : dict
        `InstrumentRules` as plain data.
    open_interest : DataFrame, optional
        Where the card looks at it.
    feature_bytes : int, optional
        As for `History`.
    """
    return History(
        symbol,
        {timeframe: Candles.from_frame(frame) for timeframe, frame in healed.items()},
        funding_from_frame(funding),
        InstrumentRules.from_plain(rules),
        open_interest=None if open_interest is None else lambda: stamped(open_interest, OPEN_INTEREST),
        feature_bytes=feature_bytes,
    )
