"""Positions that shrink and grow: ladders of targets, adds, time stops, steps down a risk tier."""

from __future__ import annotations

import numpy as np
import pytest
from sim_market import bars, contract, percent, run, signals

from engine.sim.market import BarSignals
from engine.sim.state import DistanceKind, FillReason, RejectReason, SignalBit, SizingKind

LONG, SHORT = SignalBit.ENTER_LONG, SignalBit.ENTER_SHORT
FLAT = (100, 101, 99, 100)


def ladder(*rungs: tuple[float, float], **changes: float | list[float]) -> dict[str, float | list[float]]:
    """Return the changes that set targets from (percent, portion)."""
    padded = [*rungs, *[(0.0, 0.0)] * (4 - len(rungs))]
    plain = {
        "target_count": len(rungs),
        "target_kinds": [DistanceKind.PERCENT] * 4,
        "target_values": [value for value, _ in padded],
        "target_portions": [portion for _, portion in padded],
    }
    return plain | changes


def exits(output) -> list[tuple[int, float, float]]:
    return [(int(fill.bar), float(fill.price), float(fill.quantity)) for fill in output.fills[1:]]


def test_a_ladder_leaves_in_portions_and_makes_one_trade() -> None:
    market = bars(FLAT, FLAT, (100, 103, 100, 103), (103, 104, 103, 104), (104, 106, 104, 105), FLAT)
    rules = contract(taker_rate=0.001, **ladder((2, 0.5), (3, 0.25), (5, 0.25)))
    output = run(market, signals(6, b0=LONG), rules)
    # 1 coin at 100; two rungs in one bar, the third two bars on
    assert exits(output) == [(2, 102.0, 0.5), (2, 103.0, 0.25), (4, 105.0, 0.25)]
    (trade,) = output.trades
    assert (trade.quantity, trade.reason, trade.bars_held) == (1.0, FillReason.TAKE_PROFIT, 4)
    assert trade.exit_price == pytest.approx(0.5 * 102 + 0.25 * 103 + 0.25 * 105)
    assert trade.gross_pnl == pytest.approx(0.5 * 2 + 0.25 * 3 + 0.25 * 5)
    assert trade.fees == pytest.approx(0.001 * (100 + 0.5 * 102 + 0.25 * 103 + 0.25 * 105))
    assert output.cash == pytest.approx(1000 + trade.gross_pnl - trade.fees)
    assert output.position_size.tolist() == [0, 1, 0.25, 0.25, 0, 0]
    # margin is freed in proportion
    assert output.used_margin[2] == pytest.approx(output.used_margin[1] / 4)


def test_what_a_ladder_leaves_over_stays_until_something_else_closes_it() -> None:
    market = bars(FLAT, (100, 103, 100, 102), (102, 102, 94, 95), FLAT)
    output = run(market, signals(4, b0=LONG), contract(**ladder((2, 0.6)), **percent(stop=5)))
    assert exits(output) == [(1, 102.0, 0.6), (2, 95.0, 0.4)]
    (trade,) = output.trades
    assert trade.reason == FillReason.STOP_LOSS
    assert trade.gross_pnl == pytest.approx(0.6 * 2 - 0.4 * 5)


def test_the_nearest_rung_is_first_in_whatever_order_they_are_declared() -> None:
    market = bars(FLAT, (100, 103, 100, 103), (103, 107, 103, 107), FLAT)
    output = run(market, signals(4, b0=LONG), contract(**ladder((6, 0.5), (2, 0.5))))
    assert exits(output) == [(1, 102.0, 0.5), (2, 106.0, 0.5)]


def test_portions_round_down_to_the_lot_and_the_last_takes_the_rest() -> None:
    market = bars(FLAT, (100, 110, 100, 110), FLAT)
    rules = contract(qty_step=0.1, min_qty=0.1, **ladder((1, 0.33), (2, 0.33), (3, 0.34)))
    assert exits(run(market, signals(3, b0=LONG), rules)) == [
        (1, 101.0, 0.3),
        (1, 102.0, 0.3),
        (1, 103.0, 0.4),
    ]
    # a portion below the smallest order is not placed at all
    rules = contract(qty_step=0.1, min_qty=0.1, **ladder((1, 0.05), (2, 0.95)))
    assert exits(run(market, signals(3, b0=LONG), rules)) == [(1, 102.0, 1.0)]


def test_the_stop_wins_over_every_rung_of_its_bar() -> None:
    output = run(
        bars(FLAT, (100, 110, 90, 100), FLAT),
        signals(3, b0=LONG),
        contract(**ladder((1, 0.5), (2, 0.5)), **percent(stop=5)),
    )
    assert exits(output) == [(1, 95.0, 1.0)]
    assert output.trades[0].ambiguous == 1


def test_an_add_raises_the_average_and_moves_the_targets() -> None:
    market = bars(FLAT, (100, 104, 100, 104), (104, 106, 103, 105), (105, 108, 105, 107), FLAT)
    rules = contract(max_adds=1, add_fraction=0.5, **percent(stop=5, target=5))
    output = run(market, signals(5, b0=LONG, b1=LONG), rules)
    entry, add, leave = output.fills
    # 100 USDT at 100, then half of 100 USDT at 104, on the lot
    assert (entry.quantity, add.quantity, add.price) == (1.0, 0.48, 104.0)
    assert (entry.reason, add.reason) == (FillReason.ENTRY, FillReason.ADD)
    average = (100 + 0.48 * 104) / 1.48
    assert leave.bar == 3
    assert leave.price == pytest.approx(average * 1.05, abs=0.001)
    (trade,) = output.trades
    assert (trade.adds, trade.quantity) == (1, 1.48)
    assert trade.entry_price == pytest.approx(average)
    # the stop moved up with the average, never back
    assert trade.stop_price == pytest.approx(average * 0.95, abs=0.001)


def test_an_add_below_never_moves_the_stop_back() -> None:
    market = bars(FLAT, (100, 100, 97, 97), (97, 98, 96, 97), (97, 97, 94, 95), FLAT)
    output = run(market, signals(5, b0=LONG, b1=LONG), contract(max_adds=3, **percent(stop=5)))
    assert output.trades[0].stop_price == 95.0
    assert output.trades[0].exit_price == 95.0


def test_adds_can_ask_for_a_profit_first() -> None:
    market = bars(FLAT, (100, 101, 99, 101), (101, 103, 101, 103), FLAT, FLAT)
    wanted = signals(5, b0=LONG, b1=LONG, b2=LONG)
    output = run(market, wanted, contract(max_adds=5, add_profit_pct=2.0))
    assert [int(fill.bar) for fill in output.fills if fill.reason == FillReason.ADD] == [3]


def test_a_time_stop_leaves_what_has_not_earned_enough() -> None:
    market = bars(FLAT, *[(100, 101, 99, 100.4)] * 4, FLAT)
    rules = {"time_stop_bars": 2, "time_stop_profit_pct": 0.5}
    output = run(market, signals(6, b0=LONG), contract(**rules))
    assert (output.trades[0].reason, output.trades[0].exit_bar) == (FillReason.TIME_STOP, 3)
    rules["time_stop_profit_pct"] = 0.3
    assert run(market, signals(6, b0=LONG), contract(**rules)).trades[0].reason == FillReason.END_OF_DATA


def test_a_structure_stop_stands_at_its_level() -> None:
    rules = contract(stop_kind=DistanceKind.LEVEL, stop_value=0.5, stop_feature_long=0, stop_feature_short=1)
    levels = np.array([[98.0] * 4, [103.0] * 4])
    market = bars(FLAT, FLAT, (100, 100, 97, 98), FLAT)
    output = run(market, BarSignals(signals(4, b0=LONG).bits, levels), rules)
    # 0.5 % below 98
    assert (output.trades[0].stop_price, output.trades[0].reason) == (97.51, FillReason.STOP_LOSS)
    output = run(market, BarSignals(signals(4, b0=SHORT).bits, levels), rules)
    assert output.trades[0].stop_price == 103.515
    # a level on the wrong side of the price is no stop
    output = run(market, BarSignals(signals(4, b0=SHORT).bits, levels[::-1]), rules)
    assert output.rejects[RejectReason.NO_STOP_DISTANCE] == 1


def test_the_size_of_a_volatility_target() -> None:
    # 20 % a year with 365 daily bars: 0.2 / sqrt(365) of equity a day; a day moves 2 USDT of 100
    rules = contract(sizing_kind=SizingKind.VOLATILITY_TARGET, sizing_value=0.2 / np.sqrt(365))
    output = run(bars(FLAT, FLAT, FLAT), BarSignals(signals(3, b0=LONG).bits, np.full((1, 3), 2.0)), rules)
    assert output.fills[0].quantity == 5.234  # 1000 * 0.010468 / 2, rounded down
    assert output.fills[0].quantity * 2.0 * np.sqrt(365) == pytest.approx(200, rel=1e-3)


def test_the_caps_by_value_and_by_equity() -> None:
    for changes in ({"max_notional": 55.0}, {"max_effective_leverage": 0.055}):
        output = run(bars(FLAT, FLAT, FLAT), signals(3, b0=LONG), contract(**changes))
        assert (output.fills[0].quantity, output.capped_entries) == (0.55, 1)
    # what is held counts
    rules = contract(max_notional=150.0, max_adds=1)
    output = run(bars(FLAT, FLAT, FLAT, FLAT), signals(4, b0=LONG, b1=LONG), rules)
    assert output.fills.quantity[:2].tolist() == [1.0, 0.5]


def test_impact_grows_with_the_square_root_of_the_share_of_volume() -> None:
    rules = contract(impact_rate=0.02)
    output = run(bars(FLAT, FLAT, FLAT, volume=4.0), signals(3, b0=LONG), rules)
    # 1 coin of 4 traded: half of 2 %
    assert output.fills[0].price == 101.0
    assert output.fills[0].slippage == pytest.approx(1.0)
    # what is more than the bar counts as the bar
    output = run(bars(FLAT, FLAT, FLAT, volume=0.0), signals(3, b0=LONG), rules)
    assert output.fills[0].price == 102.0


def test_a_share_of_the_volume_fills_an_entry_in_part() -> None:
    market = bars(FLAT, FLAT, FLAT, volume=4.0)
    output = run(market, signals(3, b0=LONG), contract(max_participation=0.1))
    assert (output.fills[0].quantity, output.partial_entries) == (0.4, 1)
    # exits take what they need
    assert output.fills[1].quantity == 0.4
    nothing = run(bars(FLAT, FLAT, FLAT, volume=0.0), signals(3, b0=LONG), contract(max_participation=0.1))
    assert nothing.rejects[RejectReason.NO_VOLUME] == 1


def test_a_resting_target_takes_its_share_bar_by_bar() -> None:
    rules = {"target_limits": 1, **percent(target=2)}
    above = [(103, 104, 102.5, 103)] * 3
    market = bars(FLAT, FLAT, *above, FLAT, volume=[10, 100, 5, 5, 5, 10])
    wanted = signals(6, b0=LONG)
    assert exits(run(market, wanted, contract(**rules))) == [(2, 102.0, 1.0)]
    # a tenth of 5 coins a bar
    half_by_half = [(2, 102.0, 0.5), (3, 102.0, 0.5)]
    assert exits(run(market, wanted, contract(max_participation=0.1, **rules))) == half_by_half


TIERS = np.array([[100.0, 0.01, 0.0, 100.0], [200.0, 0.02, 1.0, 50.0], [1e9, 0.03, 3.0, 20.0]])


def test_liquidation_steps_down_the_tiers_before_it_takes_over() -> None:
    rules = contract(sizing_value=400.0, regime=0)
    # 4 coins at 100, 10x, third tier: MM 400 * 0.03 - 3 = 9, so 100 - (40 - 9) / 4 = 92.25
    # at 92 two coins are shed: 200 is the second tier's limit; then MM 3, 100 - (20 - 3) / 2 = 91.5
    market = bars(FLAT, FLAT, (100, 100, 92, 93), FLAT)
    output = run(market, signals(4, b0=LONG), rules, tiers=TIERS)
    assert output.trades[0].liquidation_price == 92.25
    assert exits(output)[0] == (2, 92.25, 2.0)
    assert output.fills[1].reason == FillReason.LIQUIDATION
    assert (output.partial_liquidations, output.trades[0].reason) == (1, FillReason.END_OF_DATA)
    # deeper: down another tier at 91.5, then 100 - (10 - 1) / 1 = 91, then taken over at 90
    market = bars(FLAT, FLAT, (100, 100, 85, 93), FLAT)
    output = run(market, signals(4, b0=LONG), rules, tiers=TIERS)
    assert exits(output) == [(2, 92.25, 2.0), (2, 91.5, 1.0), (2, 90.0, 1.0)]
    assert (output.partial_liquidations, output.trades[0].reason) == (2, FillReason.LIQUIDATION)
    # never more than the margin of 40
    assert output.trades[0].gross_pnl == pytest.approx(-(2 * 7.75 + 8.5 + 10))


def test_an_open_beyond_the_bankruptcy_price_takes_the_whole_position() -> None:
    market = bars(FLAT, FLAT, (80, 81, 79, 80), FLAT)
    output = run(market, signals(4, b0=LONG), contract(sizing_value=400.0, regime=0), tiers=TIERS)
    assert exits(output) == [(2, 90.0, 4.0)]
    assert output.cash == 960.0
