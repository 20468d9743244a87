"""The rules of BTCUSDT that tests trade by, with the first two steps of its risk ladder.

Source: instruments-info and risk-limit of Bybit as recorded in August 2026.
"""

from __future__ import annotations

from engine.market_data.instruments import InstrumentRules, RiskTier

BITCOIN = InstrumentRules(
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
