"""A small three-timeframe case: card, candles, funding and instrument rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from bitcoin_rules import BITCOIN

from engine.backtest.prepare import PreparedFrame, prepare
from engine.features.builder import FeatureFrameBuilder
from engine.idea_card.load import card_from_text
from engine.market_data.instruments import InstrumentRules
from engine.strategies.card_plan import CardPlan, plan_card
from engine.timeframes import HOUR_MS, Timeframe, parse_utc

START_MS = parse_utc("2024-01-01")

CARD = """
id: cross
version: 1.0.0
description: A test card.
symbols: [BTCUSDT]
timeframes: {exec: 15m, htf: 1h}
account:
  starting_equity_usdt: 10000
  leverage: 5
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  fast: {indicator: ema, params: {length: 5}, source: close, tf: exec}
  slow: {indicator: ema, params: {length: 12}, source: close, tf: exec}
  atr: {indicator: atr, params: {length: 10}, tf: exec}
  trend: {indicator: ema, params: {length: 8}, source: close, tf: htf}
signal_rules:
  entry_long: [[fast, cross_above, slow], [close@htf, ">", trend]]
  exit_long: [[fast, cross_below, slow]]
  entry_short: [[fast, cross_below, slow], [close@htf, "<", trend]]
  exit_short: [[fast, cross_above, slow]]
position_policy: {mode: long_short, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: null}
risk_model:
  stop_loss: {type: atr_multiple, value: 2.0, feature: atr}
  take_profit: {type: rr_ratio, value: 2.0}
  sizing: {model: risk_based, risk_pct: 1.0}
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


def plan(text: str = CARD) -> CardPlan:
    """Return the plan of a card."""
    return plan_card(card_from_text(text, "cross.yaml"))


def instrument() -> InstrumentRules:
    """Return rules like BTCUSDT's."""
    return replace(BITCOIN, as_of_ms=START_MS)


def candles(bars: int = 1200, seed: int = 3) -> pd.DataFrame:
    """Return healed 15m candles with a wave in them, so that averages cross."""
    rng = np.random.default_rng(seed)
    wave = 0.02 * np.sin(np.arange(bars) / 25)
    close = np.round(40_000 * np.exp(wave + np.cumsum(rng.normal(0, 0.002, bars))), 1)
    open_ = np.r_[close[0], close[:-1]]
    wick = np.abs(rng.normal(0, 0.001, (2, bars)))
    prices = {
        "open": open_,
        "high": np.round(np.maximum(open_, close) * (1 + wick[0]), 1),
        "low": np.round(np.minimum(open_, close) * (1 - wick[1]), 1),
        "close": close,
    }
    return pd.DataFrame(
        {
            "ts_open": START_MS + np.arange(bars) * Timeframe.M15.ms,
            **prices,
            "volume": rng.lognormal(3, 1, bars),
            "turnover": 1.0,
            "is_filled": np.zeros(bars, dtype=bool),
            **{f"mark_{name}": values for name, values in prices.items()},
        }
    )


def hourly(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the hours that are complete in 15m candles."""
    complete = frame.iloc[: len(frame) // 4 * 4]
    rule = {"open": "first", "high": "max", "low": "min", "close": "last"}
    rules = rule | {"volume": "sum", "turnover": "sum", "is_filled": "max"}
    rules |= {f"mark_{name}": how for name, how in rule.items()}
    hours = complete["ts_open"] // HOUR_MS * HOUR_MS
    return complete.groupby(hours).agg(rules).reset_index(names="ts_open")


def funding(frame: pd.DataFrame) -> pd.DataFrame:
    """Return an event every eight hours from the first candle on."""
    at = frame.iloc[::32]
    return pd.DataFrame(
        {
            "ts": at["ts_open"].to_numpy(),
            "funding_rate": 0.0001,
            "mark_price": at["mark_open"].to_numpy(),
            "price_source": "mark",
        }
    )


def prepared(frame: pd.DataFrame | None = None, card: CardPlan | None = None, **window: int) -> PreparedFrame:
    """Return the case, prepared."""
    frame = candles() if frame is None else frame
    card = plan() if card is None else card
    frames = {
        Timeframe.M15: FeatureFrameBuilder(card.features_of("exec")).build(frame),
        Timeframe.H1: FeatureFrameBuilder(card.features_of("htf")).build(hourly(frame)),
    }
    return prepare(card, "BTCUSDT", frames, funding(frame), instrument(), **window)
