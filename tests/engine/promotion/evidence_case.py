"""A card with parameters and a market it can be tried on, for the tests of evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from bitcoin_rules import BITCOIN

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.idea_card.load import space_from_text
from engine.idea_card.parameter_space import ParameterSpace
from engine.market_data.instruments import RiskTier
from engine.sim.market import FundingEvents
from engine.timeframes import HOUR_MS, Timeframe, parse_utc

START = parse_utc("2024-01-01")
CARD = """
schema_version: 2
id: crossing
version: 1.0.0
description: The cross of two averages.
symbols: [BTCUSDT]
timeframes: {exec: 1h, htf: 4h}
account:
  starting_equity_usdt: 10000
  leverage: 2
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  fast: {indicator: ema, params: {length: {param: fast}}, source: close, tf: exec}
  slow: {indicator: ema, params: {length: {param: slow}}, source: close, tf: exec}
  trend: {indicator: ema, params: {length: 5}, source: close, tf: htf}
signal_rules:
  entry_long: [[fast, cross_above, slow]]
  exit_long: [[fast, cross_below, slow]]
  entry_short: [[fast, cross_below, slow]]
  exit_short: [[fast, cross_above, slow]]
position_policy: {mode: long_short, allow_flip: true, cooldown_bars: 0, max_bars_in_trade: null}
risk_model:
  stop_loss: {type: percent, value: 5.0}
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
parameters:
  fast: {default: 4, min: 2, max: 8, step: 2}
  slow: {default: 20, min: 10, max: 40, step: 10}
parameter_constraints: [[fast, "<", slow]]
"""
INSTRUMENT = replace(BITCOIN, as_of_ms=START, tiers=(RiskTier(1, 1e9, 0.005, 0.01, 100.0, 0.0),))


def space(text: str = CARD) -> ParameterSpace:
    return space_from_text(text, "crossing.yaml")


def history(days: int = 120, *, wave: float = 0.05, noise: float = 0.004, seed: int = 2) -> History:
    """Return a market whose price swings round a level with a period of two days and a half."""
    rng = np.random.default_rng(seed)
    count = days * 24
    swing = wave * np.sin(np.arange(count) * 2 * np.pi / 60)
    close = np.round(40_000 * np.exp(swing + np.cumsum(rng.normal(0, noise, count))), 1)
    open_ = np.r_[close[0], close[:-1]]
    wick = np.abs(rng.normal(0, noise / 2, (2, count)))
    hours = Candles(
        ts_open=START + np.arange(count) * HOUR_MS,
        open=open_,
        high=np.round(np.maximum(open_, close) * (1 + wick[0]), 1),
        low=np.round(np.minimum(open_, close) * (1 - wick[1]), 1),
        close=close,
        volume=rng.lognormal(3, 1, count),
    )
    quads = {
        "open": hours.open.reshape(-1, 4)[:, 0].copy(),
        "high": hours.high.reshape(-1, 4).max(axis=1),
        "low": hours.low.reshape(-1, 4).min(axis=1),
        "close": hours.close.reshape(-1, 4)[:, -1].copy(),
        "volume": hours.volume.reshape(-1, 4).sum(axis=1),
    }
    every_8_hours = np.arange(0, count + 1, 8)
    return History(
        "BTCUSDT",
        {Timeframe.H1: hours, Timeframe.H4: Candles(ts_open=hours.ts_open[::4].copy(), **quads)},
        FundingEvents(
            START + every_8_hours * HOUR_MS,
            np.full(len(every_8_hours), 0.0001),
            open_[np.minimum(every_8_hours, count - 1)],
        ),
        INSTRUMENT,
    )
