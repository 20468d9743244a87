"""A whole card on a year of one-minute candles, warm, in one process: features, rules, loop, metrics.

    .venv/bin/python tests/benchmarks/bench_card.py

Also shows what it is made of, and what hashing the input and writing the artifacts add.
"""

from __future__ import annotations

from benchmark_market import aggregated, funding_events, machine, median_seconds, minutes
from upath import UPath

from engine.backtest.artifacts import write_artifacts
from engine.backtest.engine import BacktestEngine
from engine.backtest.measure import measure
from engine.backtest.prepare import fingerprint, prepare
from engine.features.builder import FeatureFrameBuilder
from engine.idea_card.load import card_from_text
from engine.market_data.instruments import InstrumentRules, RiskTier
from engine.strategies.card_plan import plan_card
from engine.timeframes import Timeframe

CARD = """
id: year
version: 1.0.0
description: Two averages on one minute, a filter on one hour.
symbols: [BTCUSDT]
timeframes: {exec: 1m, htf: 1h}
account:
  starting_equity_usdt: 10000
  leverage: 5
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  fast: {indicator: ema, params: {length: 50}, source: close, tf: exec}
  slow: {indicator: ema, params: {length: 200}, source: close, tf: exec}
  atr: {indicator: atr, params: {length: 14}, tf: exec}
  trend: {indicator: ema, params: {length: 50}, source: close, tf: htf}
signal_rules:
  entry_long: [[fast, cross_above, slow], [close@htf, ">", trend]]
  exit_long: [[fast, cross_below, slow]]
  entry_short: [[fast, cross_below, slow], [close@htf, "<", trend]]
  exit_short: [[fast, cross_above, slow]]
position_policy: {mode: long_short, allow_flip: false, cooldown_bars: 2, max_bars_in_trade: null}
risk_model:
  stop_loss: {type: atr_multiple, value: 10.0, feature: atr}
  take_profit: {type: rr_ratio, value: 2.0}
  sizing: {model: risk_based, risk_pct: 0.05}
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
    tiers=(RiskTier(1, 2e6, 0.005, 0.01, 100.0, 0.0), RiskTier(2, 2.6e6, 0.0056, 0.0111, 90.0, 1200.0)),
)


def main() -> None:
    """Print the figures."""
    candles = minutes()
    hours = aggregated(candles, Timeframe.H1)
    events = funding_events(candles)
    plan = plan_card(card_from_text(CARD, "year.yaml"))
    builders = {role: FeatureFrameBuilder(plan.features_of(role)) for role in ("exec", "htf")}

    def features():
        frames = (builders["exec"].build(candles), builders["htf"].build(hours))
        return dict(zip((Timeframe.M1, Timeframe.H1), frames, strict=True))

    def prepared(frames):
        return prepare(plan, "BTCUSDT", frames, events, INSTRUMENT, data_fingerprint="known")

    frames = features()
    case = prepared(frames)
    result = BacktestEngine().run(case)
    folder = UPath("memory://bench")
    print(machine())
    print(f"{len(result.trades)} trades, {len(result.funding)} funding payments, {len(candles)} bars")
    for name, work in {
        "features": features,
        "prepare: alignment and rules": lambda: prepared(frames),
        "run: loop and frames": lambda: BacktestEngine().run(case),
        "metrics": lambda: measure(result),
        "whole card": lambda: measure(BacktestEngine().run(prepared(features()))),
        "hash of the input": lambda: fingerprint(frames, events, INSTRUMENT),
        "artifacts (Parquet, hashes)": lambda: write_artifacts(result, folder),
    }.items():
        print(f"{name:46} {median_seconds(work) * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
