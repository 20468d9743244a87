"""A whole card whose rules read the volume of a bar, so that a test says in its candles what is decided.

A volume of 7 enters long, 8 enters short, 9 leaves. The exec timeframe is 15m.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from bitcoin_rules import BITCOIN

from engine.backtest.engine import BacktestEngine
from engine.backtest.prepare import prepare
from engine.backtest.result import BacktestResult
from engine.features.builder import FeatureFrameBuilder
from engine.idea_card.load import card_from_text
from engine.strategies.card_plan import plan_card
from engine.timeframes import Timeframe, parse_utc

START_MS = parse_utc("2024-01-01")
QUARTER_MS = Timeframe.M15.ms
LONG, SHORT, EXIT, NOTHING = 7.0, 8.0, 9.0, 1.0

CARD = """
id: by_volume
version: 1.0.0
description: Trades when the volume says so.
symbols: [BTCUSDT]
timeframes: {exec: 15m}
account:
  starting_equity_usdt: 1000
  leverage: 10
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 0
  min_trade_notional_usdt: 5
features:
  swing: {indicator: sma, params: {length: 2}, source: low, tf: exec}
signal_rules:
  entry_long: [[volume, "==", 7]]
  exit_long: [[volume, "==", 9]]
  entry_short: [[volume, "==", 8]]
  exit_short: [[volume, "==", 9]]
position_policy: {mode: long_short, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: null}
risk_model:
  stop_loss: {type: percent, value: 5.0}
  take_profit: {type: percent, value: 10.0}
  sizing: {model: fixed_usdt, notional_usdt: 1000}
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

INSTRUMENT = replace(BITCOIN, as_of_ms=START_MS)

type Row = tuple[float, float, float, float, float]


def candles(*rows: Row) -> pd.DataFrame:
    """Return 15m candles from (open, high, low, close, volume) rows; the mark price is the last price."""
    values = np.array(rows, dtype=np.float64)
    prices = {name: values[:, at] for at, name in enumerate(("open", "high", "low", "close"))}
    return pd.DataFrame(
        {
            "ts_open": START_MS + np.arange(len(rows)) * QUARTER_MS,
            **prices,
            "volume": values[:, 4],
            "turnover": values[:, 3] * values[:, 4],
            "is_filled": np.zeros(len(rows), dtype=bool),
            **{f"mark_{name}": column for name, column in prices.items()},
        }
    )


def still(price: float, volume: float = NOTHING) -> Row:
    """Return a bar in which the price stands still."""
    return (price, price, price, price, volume)


def run_card(
    *rows: Row, changes: dict[str, str] | None = None, funding: dict[int, float] | None = None
) -> BacktestResult:
    """Run the card over candles.

    Parameters
    ----------
    rows
        As for `candles`.
    changes : dict of str to str, optional
        Lines of the card to be replaced by others.
    funding : dict of int to float, optional
        Rate by the index of the bar at whose open it is stamped, 0 at the first bar if nothing else; the
        mark price is that bar's open.
    """
    text = CARD
    for before, after in (changes or {}).items():
        assert before in text
        text = text.replace(before, after)
    plan = plan_card(card_from_text(text, "by_volume.yaml"))
    frame = candles(*rows)
    rates = {0: 0.0} | (funding or {})
    at = np.array(sorted(rates), dtype=np.int64)
    events = pd.DataFrame(
        {
            "ts": frame["ts_open"].to_numpy()[at],
            "funding_rate": [rates[int(bar)] for bar in at],
            "mark_price": frame["mark_open"].to_numpy()[at],
            "price_source": "mark",
        }
    )
    features = FeatureFrameBuilder(plan.features_of("exec")).build(frame)
    return BacktestEngine().run(prepare(plan, "BTCUSDT", {Timeframe.M15: features}, events, INSTRUMENT))
