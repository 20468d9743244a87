"""The cards the benchmarks run, and the history they run over.

W1 and W2 are the work that engines are compared by: W1 trades the cross of two averages, long only, at the
next open, with the taker fee; W2 has a stop and a target inside the bar besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.candles import Candles
from engine.idea_card.load import card_from_text
from engine.market_data.instruments import InstrumentRules, RiskTier
from engine.sim.market import FundingEvents
from engine.strategies.card_plan import CardPlan, plan_card
from engine.timeframes import Timeframe

if TYPE_CHECKING:  # a start is measured with this module, and need not wait for pandas
    import pandas as pd

INSTRUMENT = InstrumentRules(
    symbol="BTCUSDT",
    tick_size=0.1,
    qty_step=0.001,
    min_order_qty=0.001,
    max_order_qty=1190.0,
    max_market_order_qty=119.0,
    min_notional_usdt=5.0,
    max_leverage=100.0,
    leverage_step=0.01,
    funding_interval_minutes=480,
    launch_ts=0,
    status="Trading",
    as_of_ms=0,
    tiers=(
        RiskTier(1, 2e6, 0.005, 0.01, 100.0, 0.0),
        RiskTier(2, 2.6e6, 0.0056, 0.0111, 90.0, 1200.0),
        RiskTier(3, 1e9, 0.0063, 0.0125, 80.0, 3020.0),
    ),
)

_CARD = """
id: benchmark
version: 1.0.0
description: {description}
symbols: [BTCUSDT]
timeframes: {timeframes}
account:
  starting_equity_usdt: 1000000
  leverage: {leverage}
  margin_mode: isolated_usdt
  fee_model: {{taker_bps: 5.5, maker_bps: 2.0}}
  slippage_bps: {slippage_bps}
  min_trade_notional_usdt: 10
features: {features}
signal_rules: {rules}
position_policy: {{mode: {mode}, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: null}}
risk_model: {risk}
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

_CROSS = """
  fast: {indicator: ema, params: {length: 12}, source: close, tf: exec}
  slow: {indicator: ema, params: {length: 26}, source: close, tf: exec}"""
_LONG_ON_CROSS = """
  entry_long: [[fast, cross_above, slow]]
  exit_long: [[fast, cross_below, slow]]"""
_WORK = {
    "timeframes": "{exec: 1m}",
    "leverage": 1,
    "slippage_bps": 0.0,
    "features": _CROSS,
    "rules": _LONG_ON_CROSS,
    "mode": "long_only",
}

W1 = _CARD.format(
    description="W1, the cross of two averages.",
    risk="{stop_loss: null, take_profit: null, sizing: {model: fixed_usdt, notional_usdt: 4000}}",
    **_WORK,
)

W2 = _CARD.format(
    description="W2, the cross of two averages with a stop and a target.",
    risk="""
  stop_loss: {type: percent, value: 1.0}
  take_profit: {type: percent, value: 2.0}
  sizing: {model: fixed_usdt, notional_usdt: 4000}""",
    **_WORK,
)

W2_PARAMETERS = """
parameters:
  fast: {default: 12, min: 5, max: 29, step: 1}
  slow: {default: 36, min: 30, max: 69, step: 1}
"""
"""25 times 40 lengths of W2's averages: 1,000 sets that share 65 features."""

W2_FREE = W2.replace("length: 12}", "length: {param: fast}}").replace("length: 26}", "length: {param: slow}}")

_EVERYTHING = {
    "timeframes": "{exec: 1m}",
    "leverage": 20,
    "slippage_bps": 2.0,
    "features": """
  fast: {indicator: ema, params: {length: 50}, source: close, tf: exec}
  slow: {indicator: ema, params: {length: 200}, source: close, tf: exec}
  atr: {indicator: atr, params: {length: 14}, tf: exec}""",
    "mode": "long_short",
    "risk": """
  stop_loss: {type: trailing_percent, value: 1.2, activation_pct: 1.0}
  break_even: {trigger_pct: 1.0, offset_pct: 0.2}
  take_profit: {type: rr_ratio, value: 3.0}
  sizing: {model: risk_based, risk_pct: 0.05}""",
}

EVERYTHING = _CARD.format(
    description="Everything the account can do, about half of the time in a position.",
    rules="""
  entry_long: [[fast, cross_above, slow]]
  exit_long: [[fast, cross_below, slow]]
  entry_short: [[fast, cross_below, slow]]
  exit_short: [[fast, cross_above, slow]]""",
    **_EVERYTHING,
)

# Such a stop may move at every close, one in percent only when price does better than before.
TRAILS_BY_ATR = EVERYTHING.replace(
    "{type: trailing_percent, value: 1.2,", "{type: trailing_atr, value: 12.0, feature: atr,"
)

ALWAYS_HOLDING = _CARD.format(
    description="Everything the account can do, nearly always in a position.",
    rules="""
  entry_long: [[fast, ">", slow]]
  exit_long: [[fast, cross_below, slow]]
  entry_short: [[fast, "<", slow]]
  exit_short: [[fast, cross_above, slow]]""",
    **_EVERYTHING,
)

THREE_TIMEFRAMES = _CARD.format(
    description="A pullback on 15m inside the trend of 1h and 4h.",
    timeframes="{exec: 15m, mtf: 1h, htf: 4h}",
    leverage=3,
    slippage_bps=2.0,
    features="""
  fast: {indicator: ema, params: {length: 9}, source: close, tf: exec}
  slow: {indicator: ema, params: {length: 21}, source: close, tf: exec}
  atr: {indicator: atr, params: {length: 14}, tf: exec}
  volume_average: {indicator: sma, params: {length: 20}, source: volume, tf: exec}
  rsi_1h: {indicator: rsi, params: {length: 14}, source: close, tf: mtf}
  trend: {indicator: ema, params: {length: 50}, source: close, tf: htf}""",
    rules="""
  entry_long: [[fast, cross_above, slow], [rsi_1h, ">", 45], [close@htf, ">", trend]]
  exit_long: [[fast, cross_below, slow]]
  entry_short: [[fast, cross_below, slow], [rsi_1h, "<", 55], [close@htf, "<", trend]]
  exit_short: [[fast, cross_above, slow]]""",
    mode="long_short",
    risk="""
  stop_loss: {type: atr_multiple, value: 2.0, feature: atr}
  take_profit: {type: rr_ratio, value: 2.0}
  sizing: {model: risk_based, risk_pct: 0.5}""",
)


def plan_of(text: str) -> CardPlan:
    """Return the plan of a card."""
    return plan_card(card_from_text(text, "benchmark.yaml"))


def market(
    timeframes: Sequence[Timeframe], minute_count: int
) -> tuple[dict[Timeframe, pd.DataFrame], pd.DataFrame]:
    """Return the candles of each timeframe and the funding events of a generated market."""
    from benchmark_market import aggregated, funding_events, minutes

    frame = minutes(minute_count)
    frames = {each: frame if each is Timeframe.M1 else aggregated(frame, each) for each in timeframes}
    return frames, funding_events(frame)


def arrays(
    frames: dict[Timeframe, pd.DataFrame], events: pd.DataFrame
) -> tuple[dict[Timeframe, Candles], FundingEvents]:
    """Return the same as arrays in memory, contiguous and owned."""
    from engine.backtest.prepare import funding_from_frame

    owned = {each: frame.copy() for each, frame in frames.items()}
    found = {each: Candles.from_frame(frame) for each, frame in owned.items()}
    tight = {
        each: Candles(**{name: np.ascontiguousarray(values) for name, values in vars(candles).items()})
        for each, candles in found.items()
    }
    return tight, funding_from_frame(events)
