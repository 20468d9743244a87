"""The whole way from the store to a result, without Dagster: for the CLI, notebooks and tests."""

from __future__ import annotations

import pandas as pd

from engine.backtest.engine import BacktestEngine
from engine.backtest.prepare import PreparedFrame, prepare
from engine.backtest.result import BacktestResult
from engine.features.builder import FeatureFrameBuilder
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.market_data.store import HistoricalDataStore
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe


def run_card(
    plan: CardPlan,
    symbol: str,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> BacktestResult:
    """Heal, compute features, prepare and run.

    Parameters
    ----------
    plan : CardPlan
    symbol : str
    store : HistoricalDataStore
    start_ms, end_ms : int, optional
        Bars with start_ms <= ts_open < end_ms are traded; everything before may warm up.

    Raises
    ------
    DataNotFound, DataError
        If the store lacks what the card needs; see `prepare`.
    """
    return BacktestEngine().run(prepare_from_store(plan, symbol, store, start_ms=start_ms, end_ms=end_ms))


def prepare_from_store(
    plan: CardPlan,
    symbol: str,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> PreparedFrame:
    """Return what `run_card` runs. Raises as it does."""
    roles = plan.card.timeframes.roles()
    candles: dict[Timeframe, pd.DataFrame] = {}
    marks: dict[Timeframe, pd.DataFrame] = {}
    for timeframe in roles.values():
        candles[timeframe] = store.read_ohlcv(symbol, timeframe, end_ms=end_ms)
        marks[timeframe] = store.read_mark_klines(symbol, timeframe, end_ms=end_ms)
    frames = {}
    for role, timeframe in roles.items():
        healed = heal(candles[timeframe], marks[timeframe], timeframe).frame
        frames[timeframe] = FeatureFrameBuilder(plan.features_of(role)).build(healed)
    exec_candles = candles[plan.card.timeframes.exec]
    funding = price_funding_events(store.read_funding(symbol), marks, exec_candles)
    return prepare(
        plan, symbol, frames, funding, store.read_instrument(symbol), start_ms=start_ms, end_ms=end_ms
    )
