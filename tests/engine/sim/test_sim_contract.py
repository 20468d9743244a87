"""What a card and the exchange's rules become as numbers, worked out by hand."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitcoin_rules import BITCOIN

from engine.errors import SimulationError
from engine.idea_card.load import card_from_plain
from engine.idea_card.targets import LARGEST_LADDER
from engine.sim.contract import contract_of
from engine.sim.liquidation import LiquidationRegime
from engine.sim.records import MAX_TARGETS, RULES_DTYPE, Records
from engine.sim.state import DistanceKind, EntryKind, Reprice, SizingKind, TimeInForce

sys.path.insert(0, str(Path(__file__).parents[1] / "idea_card"))
from idea_card_example import changed, everything, plain_example

INSTRUMENT = replace(BITCOIN, min_order_qty=0.002, tiers=BITCOIN.tiers[:1])

FIELDS = RULES_DTYPE.names


def rules_of(data: Any) -> Records:
    return contract_of(card_from_plain(data, "here"), INSTRUMENT)[0]


def differences(data: Any) -> dict[str, Any]:
    """Return the fields that differ from those of the plain example, with their values."""
    before, after = rules_of(plain_example()), rules_of(data)
    return {name: after[name].tolist() for name in FIELDS if np.asarray(before[name] != after[name]).any()}


def test_the_plain_example() -> None:
    # the fields of orders that the card says nothing of are those of a plain bracket
    expected = {
        "leverage": 3.0,
        "taker_rate": 5.5e-4,
        "maker_rate": 2e-4,
        "slippage_rate": 2e-4,
        "tick_size": 0.1,
        "qty_step": 0.001,
        "min_qty": 0.002,
        "max_qty": 119.0,
        "min_notional": 10.0,  # the card asks for more than the exchange's 5
        "smallest_margin": 10 / 3,
        "max_notional": 20000.0,
        "stop_value": 1.5,
        "trail_activation_pct": 0.0,
        "break_even_trigger_pct": 0.0,
        "break_even_offset_pct": 0.0,
        "sizing_value": 1.0,
        "regime": LiquidationRegime.MARK_2025,
        "stop_kind": DistanceKind.FEATURE_MULTIPLE,
        "trails": 0,
        "moves_to_break_even": 0,
        "sizing_kind": SizingKind.RISK_BASED,
        "allow_long": 1,
        "allow_short": 1,
        "allow_flip": 1,
        "cooldown_bars": 2,
        "max_bars": 192,
        "impact_rate": 0.0,
        "max_participation": math.inf,
        "max_effective_leverage": math.inf,
        "entry_kind": EntryKind.MARKET,
        "offset_kind": DistanceKind.NONE,
        "offset_value": 0.0,
        "offset_feature": -1,
        "time_in_force": TimeInForce.GTC,
        "expiry_bars": 0,
        "reprice": Reprice.NEVER,
        "stop_feature_long": 0,
        "stop_feature_short": 0,
        "time_stop_bars": 0,
        "time_stop_profit_pct": 0.0,
        "target_count": 1,
        "target_kinds": [DistanceKind.RISK_MULTIPLE, 0, 0, 0],
        "target_values": [2.0, 0.0, 0.0, 0.0],
        "target_features": [-1, -1, -1, -1],
        "target_portions": [1.0, 0.0, 0.0, 0.0],
        "target_limits": [0, 0, 0, 0],
        "sizing_feature": -1,
        "max_adds": 0,
        "add_fraction": 0.0,
        "add_profit_pct": -math.inf,
    }
    # nothing of `engine.sim.signal_terms`: the card names no signal
    expected |= {
        name: 0 for name in FIELDS if name.startswith(("names_signals", "entry_tag_", "exit_", "capture_"))
    }
    rules = rules_of(plain_example())
    assert expected.keys() == set(FIELDS)
    for name, value in expected.items():
        np.testing.assert_allclose(rules[name], value, rtol=1e-15, err_msg=name)


def test_costs() -> None:
    account = plain_example()["account"] | {
        "half_spread_bps": 0.5,
        "impact_bps": 20.0,
        "max_participation_pct": 10.0,
    }
    assert differences(changed(("account",), account)) == {
        "slippage_rate": pytest.approx(2.5e-4),  # 2 of slippage and 0.5 of spread
        "impact_rate": pytest.approx(0.002),
        "max_participation": 0.1,
    }


def test_a_limit_entry() -> None:
    entry = {
        "type": "limit",
        "offset": {"type": "percent", "value": 0.25},
        "time_in_force": "post_only",
        "expiry_bars": 4,
        "reprice": "every_bar",
    }
    assert differences(changed(("entry_order",), entry)) == {
        "max_qty": 1190.0,  # the exchange's maximum of a limit order
        "entry_kind": EntryKind.LIMIT,
        "offset_kind": DistanceKind.PERCENT,
        "offset_value": 0.25,
        "time_in_force": TimeInForce.POST_ONLY,
        "expiry_bars": 4,
        "reprice": Reprice.EVERY_BAR,
    }


def test_a_stop_entry_by_ticks_that_rests_for_good() -> None:
    entry = {"type": "stop", "offset": {"type": "ticks", "value": 3}, "reprice": "on_signal"}
    assert differences(changed(("entry_order",), entry)) == {
        "entry_kind": EntryKind.STOP,
        "offset_kind": DistanceKind.TICKS,
        "offset_value": 3.0,
        "reprice": Reprice.ON_SIGNAL,
    }


def test_an_offset_by_a_feature_names_its_row() -> None:
    offset = {"type": "atr_multiple", "value": 0.5, "feature": "ema_fast"}
    # row 0 is the stop's feature
    assert differences(changed(("entry_order",), {"type": "stop", "offset": offset})) == {
        "entry_kind": EntryKind.STOP,
        "offset_kind": DistanceKind.FEATURE_MULTIPLE,
        "offset_value": 0.5,
        "offset_feature": 1,
    }


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (None, {"stop_kind": DistanceKind.NONE, "stop_value": 0.0}),
        ({"type": "percent", "value": 1.0}, {"stop_kind": DistanceKind.PERCENT, "stop_value": 1.0}),
        ({"type": "fixed_points", "value": 40.0}, {"stop_kind": DistanceKind.POINTS, "stop_value": 40.0}),
        (
            {"type": "trailing_percent", "value": 2.0, "activation_pct": 0.5},
            {
                "stop_kind": DistanceKind.PERCENT,
                "stop_value": 2.0,
                "trails": 1,
                "trail_activation_pct": 0.5,
            },
        ),
    ],
)
def test_stops_that_look_at_no_feature(stop: Any, expected: dict[str, Any]) -> None:
    data = changed(("risk_model", "stop_loss"), stop)
    data["risk_model"]["take_profit"] = None
    data["risk_model"]["sizing"] = {"model": "fixed_usdt", "notional_usdt": 100.0}
    found = differences(data)
    wanted = {"stop_feature_long": -1, "stop_feature_short": -1} | expected
    assert {name: found[name] for name in wanted} == wanted
    assert found["target_count"] == 0
    assert found["target_portions"] == [0.0] * MAX_TARGETS


def test_a_trailing_stop_by_a_feature_looks_at_it_both_ways() -> None:
    stop = {"type": "trailing_atr", "value": 3.0, "feature": "ema_fast", "activation_pct": 1.0}
    data = changed(("risk_model", "stop_loss"), stop)
    assert differences(data) == {"stop_value": 3.0, "trails": 1, "trail_activation_pct": 1.0}
    assert (rules_of(data).stop_feature_long, rules_of(data).stop_feature_short) == (0, 0)


def test_a_structure_stop_has_a_row_for_each_side() -> None:
    stop = {"type": "structure", "long": "bands.lower", "short": "bands.upper", "buffer_pct": 0.1}
    assert differences(changed(("risk_model", "stop_loss"), stop)) == {
        "stop_kind": DistanceKind.LEVEL,
        "stop_value": 0.1,
        "stop_feature_short": 1,
    }


def test_a_structure_stop_of_one_side_has_no_row_for_the_other() -> None:
    data = plain_example()
    data["position_policy"] |= {"mode": "short_only", "allow_flip": False}
    del data["signal_rules"]["entry_long"], data["signal_rules"]["exit_long"]
    rules = rules_of(
        changed(("risk_model", "stop_loss"), {"type": "structure", "short": "bands.upper"}, data)
    )
    assert (rules.stop_kind, rules.stop_value) == (DistanceKind.LEVEL, 0.0)
    assert (rules.stop_feature_long, rules.stop_feature_short) == (-1, 0)
    assert (rules.allow_long, rules.allow_short) == (0, 1)


def test_break_even_and_time_stop() -> None:
    data = changed(("risk_model", "time_stop"), {"bars": 96, "min_profit_pct": -0.25})
    data["risk_model"]["break_even"] = {"trigger_pct": 2.0, "offset_pct": 0.15}
    assert differences(data) == {
        "time_stop_bars": 96,
        "time_stop_profit_pct": -0.25,
        "moves_to_break_even": 1,
        "break_even_trigger_pct": 2.0,
        "break_even_offset_pct": 0.15,
    }


def test_a_limit_target() -> None:
    target = {"type": "atr_multiple", "value": 4.0, "feature": "ema_fast", "order_type": "limit"}
    assert differences(changed(("risk_model", "take_profit"), target)) == {
        "target_kinds": [DistanceKind.FEATURE_MULTIPLE, 0, 0, 0],
        "target_values": [4.0, 0.0, 0.0, 0.0],
        "target_features": [1, -1, -1, -1],
        "target_limits": [1, 0, 0, 0],
    }


def test_a_ladder_of_four() -> None:
    ladder = [
        {"type": "percent", "value": 1.0, "portion_pct": 40.0, "order_type": "limit"},
        {"type": "rr_ratio", "value": 2.0, "portion_pct": 30.0},
        {"type": "atr_multiple", "value": 5.0, "feature": "atr", "portion_pct": 20.0, "order_type": "limit"},
        {"type": "fixed_points", "value": 900.0, "portion_pct": 5.0},
    ]
    rules = rules_of(changed(("risk_model", "take_profit"), ladder))
    assert rules.target_count == LARGEST_LADDER == MAX_TARGETS == 4
    assert rules.target_kinds.tolist() == [
        DistanceKind.PERCENT,
        DistanceKind.RISK_MULTIPLE,
        DistanceKind.FEATURE_MULTIPLE,
        DistanceKind.POINTS,
    ]
    assert rules.target_values.tolist() == [1.0, 2.0, 5.0, 900.0]
    assert rules.target_portions.tolist() == [0.4, 0.3, 0.2, 0.05]
    assert rules.target_limits.tolist() == [1, 0, 1, 0]
    assert rules.target_features.tolist() == [-1, -1, 0, -1]


def test_a_volatility_target_counts_the_bars_of_its_features_timeframe() -> None:
    # The atr is of 1h: 24 * 365.25 = 8766 bars a year. With an atr of 100 at a price of 40000 and 10000 of
    # equity: 0.25 % an hour, 23.4 % a year; 20 % of equity is 2000, and 2000 / 0.234 a notional of 8544.
    sizing = {"model": "volatility_target", "annual_volatility_pct": 20.0, "feature": "atr"}
    data = changed(("risk_model", "sizing"), sizing)
    assert differences(data) == {
        "sizing_kind": SizingKind.VOLATILITY_TARGET,
        "sizing_value": pytest.approx(0.2 / math.sqrt(8766), rel=1e-15),
        "sizing_feature": 0,
    }
    notional = 10_000 * rules_of(data).sizing_value / 100 * 40_000
    assert notional == pytest.approx(10_000 * 0.2 / (100 / 40_000 * math.sqrt(8766)), rel=1e-14)
    assert notional == pytest.approx(8544.6, abs=0.1)


def test_caps() -> None:
    data = changed(("risk_model", "max_effective_leverage"), 2.5)
    data["risk_model"]["max_notional_usdt"] = None
    assert differences(data) == {"max_effective_leverage": 2.5, "max_notional": math.inf}


@pytest.mark.parametrize(("profit", "expected"), [({"min_profit_pct": 1.5}, 1.5), ({}, -math.inf)])
def test_scale_in(profit: dict[str, float], expected: float) -> None:
    data = changed(("position_policy", "scale_in"), {"max_adds": 3, "size_pct": 50.0} | profit)
    rules = rules_of(data)
    assert (rules.max_adds, rules.add_fraction, rules.add_profit_pct) == (3, 0.5, expected)


def test_rows_follow_the_order_of_the_level_features() -> None:
    card = card_from_plain(everything(), "here")
    rules = contract_of(card, INSTRUMENT)[0]
    row = {name: position for position, name in enumerate(card.level_features)}
    assert rules.stop_feature_long == row["bands.lower"]
    assert rules.stop_feature_short == row["bands.upper"]
    assert rules.target_features.tolist() == [-1, -1, row["ema_fast"], -1]
    assert rules.offset_feature == rules.sizing_feature == row["atr"]


def test_leverage_above_the_symbols_is_refused() -> None:
    with pytest.raises(SimulationError, match=r"account\.leverage is 101, and BTCUSDT allows at most 100"):
        rules_of(changed(("account", "leverage"), 101))
