"""A card for gates whose feature `planted` tests make themselves, and runs of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gates_market import market

from engine.backtest.detail_report import simulated
from engine.backtest.history import History
from engine.backtest.prepare import prepare_history
from engine.gates.card_run import CardRun
from engine.gates.known_market import KnownMarket
from engine.gates.trace import RunTrace, traced
from engine.idea_card.load import card_from_text
from engine.strategies.card_plan import CardPlan, plan_card
from engine.timeframes import Timeframe

CARD = """
schema_version: 2
id: planted
version: 1.0.0
description: Trades on what a planted feature says.
symbols: [BTCUSDT]
timeframes: {exec: 15m}
account:
  starting_equity_usdt: 10000
  leverage: 3
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  planted: {indicator: sma, params: {length: 5}, source: high, tf: exec}
  mean: {indicator: sma, params: {length: 20}, source: close, tf: exec}
signal_rules:
  entry_long: [[planted, ">", mean]]
  exit_long: [[planted, "<", mean]]
position_policy: {mode: long_only, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: null}
risk_model:
  stop_loss: {type: percent, value: 2.0}
  take_profit: null
  sizing: {model: percent_equity, equity_pct: 50}
promotion:
  min_trades: 1
  min_net_return_pct: 0
  min_sharpe: 0
  min_profit_factor: 0
  max_drawdown_pct: 50
  max_ambiguous_share_pct: 50
  max_filled_share_pct: 5
  max_liquidations: 0
"""
M15 = Timeframe.M15


def plan(text: str = CARD) -> CardPlan:
    return plan_card(card_from_text(text, "planted.yaml"))


def card_run(days: int = 20, text: str = CARD) -> CardRun:
    return CardRun(plan(text), market(days, timeframes=(M15,)).history())


def with_planted(known: KnownMarket, values: np.ndarray) -> History:
    """Return the history of a market in which somebody has stored `values` as the feature `planted`."""
    return History(
        known.symbol,
        known.candles,
        known.funding,
        known.instrument,
        features={(M15, plan().card.features["planted"]): {"": values}},
    )


def planted(make: Callable[[np.ndarray], np.ndarray]) -> Callable[[KnownMarket, int], RunTrace]:
    """Return a run that trades from a moment on, and whose feature `planted` is made of the closes."""
    card = plan()

    def run(known: KnownMarket, start_ms: int) -> RunTrace:
        history = with_planted(known, make(known.candles[M15].close))
        prepared = prepare_history(card, history, start_ms=start_ms)
        return traced(prepared, simulated(prepared))

    return run


def mean_of(values: np.ndarray, length: int) -> np.ndarray:
    """Return the mean of the last values, missing before there are enough."""
    summed = np.cumsum(np.r_[0.0, values])
    means = np.full(len(values), np.nan)
    means[length - 1 :] = (summed[length:] - summed[:-length]) / length
    return means
