"""What the random markets of test_sim_invariants have found, each worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sim_market import MINUTE, ONE_TIER, bars, contract, funding, percent, run, signals

from engine.sim.market import BarSignals
from engine.sim.state import DistanceKind, EntryKind, FillReason, SignalBit

LONG = SignalBit.ENTER_LONG
STILL = (100.0, 100.0, 100.0, 100.0)
LIMIT_AT_95 = {"entry_kind": EntryKind.LIMIT, "offset_kind": DistanceKind.PERCENT, "offset_value": 5.0}


def test_a_limit_filled_on_the_way_of_a_gap_is_out_at_the_open_if_its_stop_is_behind() -> None:
    # limit 95 and stop 94.05; the bar after it came to rest opens at 90 and never sees 94.05
    rules = contract(**LIMIT_AT_95, **percent(stop=1))
    output = run(bars(STILL, (100, 100, 96, 97), (90, 91, 89, 90)), signals(3, b0=LONG), rules)
    assert output.fills.price.tolist() == [95.0, 90.0]
    assert output.fills.ts.tolist() == [2 * MINUTE, 2 * MINUTE]
    assert output.trades[0].reason == FillReason.STOP_LOSS


def test_no_stop_sells_below_the_bankruptcy_price() -> None:
    # the last price falls to 50 and the mark stays: at 10x the exchange takes over at 90
    rules = contract(**percent(stop=5))
    market = bars(STILL, STILL, (50, 50, 50, 50), mark=[STILL] * 3)
    output = run(market, signals(3, b0=LONG), rules)
    assert output.fills.price.tolist() == [100.0, 90.0]
    assert output.trades[0].reason == FillReason.LIQUIDATION
    assert output.cash == pytest.approx(990.0)


def test_an_entry_whose_own_impact_ruins_it_costs_no_more_than_its_margin() -> None:
    # 10 coins of a bar's 10: 5 % above the open, where a position at 100x is beyond its liquidation price
    rules = contract(leverage=100.0, impact_rate=0.05, sizing_value=1000.0, regime=0)
    output = run(bars(STILL, STILL, volume=10.0), signals(2, b0=LONG), rules)
    assert output.fills.price.tolist() == pytest.approx([105.0, 103.95])
    assert output.cash == pytest.approx(1000.0 - 10 * 1.05)


def test_a_target_closes_what_a_step_down_a_tier_has_left() -> None:
    # 10 coins at 100 in the second tier: 1 % less 2.5, liquidated at 90.75 (legacy), where 5 coins go. The
    # rest is in the first tier and liquidated at 90.5.
    tiers = np.array([[500.0, 0.005, 0.0, 100.0], [10_000.0, 0.01, 2.5, 50.0]])
    rules = contract(sizing_value=1000.0, regime=0, target_limits=1, **percent(target=10))
    market = bars(STILL, STILL, (100, 100, 90.6, 100), (100, 111, 100, 110))
    output = run(market, signals(4, b0=LONG), rules, tiers=tiers)
    assert output.fills.quantity.tolist() == [10.0, 5.0, 5.0]
    assert output.fills.price.tolist() == pytest.approx([100.0, 90.75, 110.0])
    assert output.cash == pytest.approx(1000.0 - 5 * 9.25 + 5 * 10)
    assert output.partial_liquidations == 1


def test_a_target_that_an_add_has_moved_behind_the_price_is_placed_at_the_price() -> None:
    # a feature of 20 sets the target to 120; the add at 110 with a feature of 1 would set it to 105 + 1
    rules = contract(
        max_adds=1, target_count=1, target_kinds=DistanceKind.FEATURE_MULTIPLE, target_values=1.0
    )
    market = bars(STILL, (100, 110, 100, 110), (110, 110, 110, 110), (110, 110, 110, 110))
    bits = signals(4, b0=LONG, b1=LONG).bits
    output = run(market, BarSignals(bits, np.array([[20.0, 1.0, 1.0, 1.0]])), rules)
    # 1 coin at 100, 100 USDT at the close of 110 are 0.909 at 110
    assert output.fills.quantity.tolist() == [1.0, 0.909, 1.909]
    assert output.fills.price.tolist() == [100.0, 110.0, 110.0]
    assert output.trades[0].reason == FillReason.TAKE_PROFIT


def test_a_limit_that_takes_goes_on_taking_what_the_volume_left_over() -> None:
    # limit 95, wanted 1.052; the open at 94 is beyond it, and half a coin may be taken from each bar
    rules = contract(**LIMIT_AT_95, max_participation=0.5, taker_rate=0.00055, maker_rate=0.0002)
    market = bars(STILL, (94, 94, 92, 93), (93.5, 93.5, 93, 93), (93, 93, 93, 93))
    output = run(market, signals(4, b0=LONG), rules)
    entries = output.fills[output.fills.reason == FillReason.ENTRY]
    assert entries.bar.tolist() == [1, 2, 3]
    assert entries.quantity.tolist() == [0.5, 0.5, 0.052]
    assert entries.price.tolist() == [94.0, 93.5, 93.0]
    assert entries.is_maker.tolist() == [0, 0, 0]


def test_a_resting_order_buys_no_more_than_the_account_pays_for() -> None:
    # 50,000 USDT wanted with 1000 at 10x: 95 * (0.1 + 0.00055 + 0.9 * 0.00055) USDT for each coin
    rules = contract(**LIMIT_AT_95, sizing_value=50_000.0, taker_rate=0.00055)
    output = run(bars(STILL, STILL, (100, 100, 94, 96)), signals(3, b0=LONG), rules)
    cost = 95 * (0.1 + 0.00055 + 0.9 * 0.00055)
    assert output.fills[0].quantity == pytest.approx(np.floor(1000 / cost * 1000) / 1000)


def test_margin_that_funding_has_eaten_goes_with_the_part_that_is_closed() -> None:
    # 10 USDT, all in 1 coin at 10x; funding of 4 leaves a margin of 6. Half is sold at 105, and the half that
    # is left is bankrupt at 94: its share of what was eaten is 2.
    rules = contract(
        regime=0,
        sizing_value=100.0,
        target_count=1,
        target_kinds=DistanceKind.PERCENT,
        target_values=5.0,
        target_portions=0.5,
    )
    market = bars(STILL, STILL, STILL, (100, 105, 100, 100), (100, 100, 50, 60))
    events = funding((2 * MINUTE, 0.04, 100.0))
    output = run(market, signals(5, b0=LONG), rules, equity=10.0, events=events, tiers=ONE_TIER)
    assert output.fills.quantity.tolist() == [1.0, 0.5, 0.5]
    assert output.fills.price.tolist() == pytest.approx([100.0, 105.0, 94.0])
    assert output.cash == pytest.approx(10.0 - 4.0 + 2.5 - 3.0)


def test_a_gain_of_exactly_the_threshold_has_reached_it() -> None:
    # 9.97 is 0.3 % below 10, and in floats a last bit less
    rules = contract(
        tick_size=0.01, moves_to_break_even=1, break_even_trigger_pct=0.3, break_even_offset_pct=0.0
    )
    market = bars(*[(10.0,) * 4] * 2, (10, 10, 9.97, 9.98), (9.98, 10.02, 9.98, 10.01))
    output = run(market, signals(4, b0=SignalBit.ENTER_SHORT), rules)
    assert output.trades[0].reason == FillReason.BREAK_EVEN
    assert output.trades[0].exit_price == 10.0
