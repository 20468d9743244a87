"""A card with every kind of key in it, for the tests of this folder."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from engine.errors import CardError
from engine.idea_card.card import IdeaCard
from engine.idea_card.load import load_card

EXAMPLE = """\
id: example
version: 1.2.3
description: Buy what rises.
symbols: [BTCUSDT, 1000PEPEUSDT]
timeframes: {exec: 15m, mtf: 1h, htf: 4h}
account:
  starting_equity_usdt: 10000
  leverage: 3
  margin_mode: isolated_usdt
  liquidation_regime: mark_2025
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  ema_fast: {indicator: ema, params: {length: 9}, source: close, tf: exec}
  atr: {indicator: atr, params: {length: 14}, source: null, tf: mtf}
  bands: {indicator: bbands, params: {length: 20, std: 2.5}, source: hlc3, tf: htf}
signal_rules:
  entry_long:
    all:
      - [close@htf, ">", bands.upper]
      - [close, cross_above, ema_fast]
  exit_long: [[close, cross_below, "ema_fast[1]"]]
  entry_short: [close, "<", {"*": [0.5, ema_fast]}]
  exit_short: [close, between, [1, 2.5]]
position_policy: {mode: long_short, allow_flip: true, cooldown_bars: 2, max_bars_in_trade: 192}
risk_model:
  stop_loss: {type: atr_multiple, value: 1.5, feature: atr}
  take_profit: {type: rr_ratio, value: 2.0, order_type: market}
  sizing: {model: risk_based, risk_pct: 1.0}
  max_notional_usdt: 20000
promotion:
  min_trades: 100
  min_net_return_pct: 5.0
  min_sharpe: 1.0
  min_profit_factor: 1.15
  max_drawdown_pct: 20.0
  max_ambiguous_share_pct: 5.0
  max_filled_share_pct: 0.5
  max_liquidations: 0
"""


class _Removed:
    def __repr__(self) -> str:
        return "REMOVED"


REMOVED = _Removed()
"""Stands for a key that is taken away."""

type Path_ = tuple[str | int, ...]


WINDOWS = """\
setups:
  pullback:
    sequence:
      steps:
        - [low, "<=", {min: [ema_fast, {abs: open_interest_change}]}]
        - [close, ">", ema_fast]
      within: {duration: 4h, tf: mtf}
  steady: {holds_for: {when: [close, ">", ema_fast], bars: 3, tf: htf}}
  recent: {occurred_within: {when: {setup: pullback}, bars: 8, tf: exec}}
  often: {count_true: {when: [hlc3, ">", ema_fast], duration: 90m, tf: exec, at_least: 2}}
  enough:
    score:
      weights:
        - {weight: 2, when: {setup: recent}}
        - {weight: -1, when: {any: [{setup: steady}, {not: {setup: often}}]}}
      at_least: 1.5
entry_long:
  - {setup: enough}
  - [{max: [hour, "mark_close@htf[1]"]}, near_abs, [funding_rate, 3]]
captures: {range_then: atr, level_then: {max: [bands.upper, ema_fast]}}
exit_long:
  tags:
    failed: [close, "<", level_then]
    far_enough: [close, ">", {"+": [entry_price, {"*": [3, range_then]}]}]
    tired:
      - [bars_in_trade, ">=", 12]
      - [unrealised_r, "<", 0.5]
exit_short: [unrealised_pct, ">", 4]
"""


def plain_example() -> Any:
    """Return the example as plain data, fresh."""
    return yaml.safe_load(EXAMPLE)


def everything() -> Any:
    """Return the example with every block and key it may leave out as plain data, none at its default."""
    data = plain_example()
    data["timeframes"]["detail"] = "5m"
    data["account"] |= {"half_spread_bps": 0.5, "impact_bps": 20.0, "max_participation_pct": 10.0}
    data["entry_order"] = {
        "type": "limit",
        "offset": {"type": "atr_multiple", "value": 0.5, "feature": "atr"},
        "time_in_force": "post_only",
        "expiry_bars": 4,
        "reprice": "on_signal",
    }
    data["position_policy"]["scale_in"] = {"max_adds": 2, "size_pct": 50.0, "min_profit_pct": 1.0}
    data["position_policy"]["trading_session"] = {
        "start": "22:00",
        "end": "06:30",
        "weekdays": ["mon", "tue", "fri"],
        "close_outside": True,
    }
    data["signal_rules"] |= yaml.safe_load(WINDOWS)
    data["risk_model"] = {
        "stop_loss": {
            "type": "structure",
            "long": "bands.lower",
            "short": "bands.upper",
            "buffer_pct": 0.1,
        },
        "take_profit": [
            {"type": "rr_ratio", "value": 1.0, "portion_pct": 30.0, "order_type": "limit"},
            {"type": "rr_ratio", "value": 2.0, "portion_pct": 30.0, "order_type": "limit"},
            {"type": "atr_multiple", "value": 6.0, "feature": "ema_fast", "portion_pct": 25.0},
        ],
        "break_even": {"trigger_pct": 2.0, "offset_pct": 0.15},
        "time_stop": {"bars": 96, "min_profit_pct": 0.25},
        "sizing": {"model": "volatility_target", "annual_volatility_pct": 20.0, "feature": "atr"},
        "max_notional_usdt": 20000,
        "max_effective_leverage": 2.5,
    }
    data["promotion"] |= {
        "validation": {
            "min_walk_forward_efficiency": 0.4,
            "min_profitable_windows_pct": 60.0,
            "min_outside_sharpe": 0.7,
            # shares of one, which a test makes larger by one
            "min_deflated_sharpe": 0.0,
            "max_overfitting_probability": 0.0,
            "max_superior_ability_p_value": 0.0,
            "min_neighbourhood_share": 0.0,
            "max_regime_profit_share": 9.0,
            "max_market_loss_probability": 0.0,
            "min_random_entries_beaten": 0.0,
            "max_bootstrapped_drawdown_factor": 2.0,
            "min_return_at_double_costs_pct": -1.5,
            "min_return_one_bar_late_pct": 0.5,
            "min_return_at_double_funding_pct": 0.25,
            "min_return_without_best_trades_pct": -2.5,
        },
        "shadow": {
            "min_shadow_days": 28.0,
            "min_shadow_compared_pct": 98.0,
            "max_shadow_decision_differences": 1,
            "max_shadow_fill_differences": 2,
            "max_shadow_fill_price_bps": 3.0,
            "min_shadow_trades": 10,
            "max_shadow_drawdown_factor": 0.5,
        },
        "lower_on_refusal": True,
    }
    return data


def changed(where: Path_, value: object, data: Any = None) -> Any:
    """Return the example, or `data`, with one value replaced, added or REMOVED."""
    data = deepcopy(plain_example() if data is None else data)
    inner = data
    for step in where[:-1]:
        inner = inner[step]
    if value is REMOVED:
        del inner[where[-1]]
    else:
        inner[where[-1]] = value
    return data


def load_plain(data: Any, folder: Path) -> IdeaCard:
    """Load plain data by way of a real file."""
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return load_card(path)


def refusal_of(data: Any, folder: Path) -> CardError | None:
    """Return why a card made of plain data is refused, or None if it loads."""
    try:
        load_plain(data, folder)
    except CardError as error:
        return error
    return None
