"""The gate on parity over the whole catalogue: one card that uses every indicator there is."""

from __future__ import annotations

import numpy as np
from bitcoin_rules import BITCOIN
from features_all_cases import CASES
from features_cases import funding_events, open_interest_rows
from features_compute import FRAME, feature

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.features.builder import stamped
from engine.gates.card_run import CardRun
from engine.gates.parity import ParityGate
from engine.idea_card.load import card_from_text
from engine.sim.market import FundingEvents
from engine.strategies.card_plan import plan_card
from engine.timeframes import Timeframe

CARD = """
schema_version: 2
id: everything
version: 1.0.0
description: Every indicator of the catalogue.
symbols: [BTCUSDT]
timeframes: {exec: 15m}
account:
  starting_equity_usdt: 10000
  leverage: 3
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features: {}
signal_rules:
  entry_long: [[close, ">", open]]
position_policy: {mode: long_only, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: 10}
risk_model: {stop_loss: null, take_profit: null, sizing: {model: percent_equity, equity_pct: 10}}
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


def test_every_indicator_on_every_source_is_what_its_implementation_gives():
    rows = len(FRAME)
    events, interest = funding_events(rows, 5), open_interest_rows(rows, 5)
    history = History(
        "BTCUSDT",
        {Timeframe.M15: Candles.from_frame(FRAME)},
        FundingEvents(
            events["ts"].to_numpy(), events["funding_rate"].to_numpy(), np.full(len(events), 100.0)
        ),
        BITCOIN,
        open_interest=lambda: stamped(interest, "open_interest"),
    )
    features = {f"its_{case.name}": feature(case) for case in CASES}
    card = card_from_text(CARD, "everything.yaml").model_copy(update={"features": features})
    result = ParityGate().run(CardRun(plan_card(card), history))
    assert result.passed, "\n".join(map(str, result.violations))
    assert result.summary.startswith(f"{len(CASES)} indicators, ")
    # those that take one are computed on 15 sources each
    assert int(result.summary.split(", ")[1].split()[0]) > 1_000
    for who in ("ours", "TA-Lib", "pandas-ta"):
        assert who in result.summary
