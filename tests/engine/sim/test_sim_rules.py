"""The rules of simulation (DESIGN, section 5) on markets worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sim_market import MINUTE, ONE_TIER, bars, contract, funding, percent, run, signals

from engine.errors import SimulationError
from engine.sim.exchange import Bar, SimulatedExchange
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.state import DistanceKind, FillReason, RejectReason, SignalBit, SizingKind, StopReason

LONG, SHORT = SignalBit.ENTER_LONG, SignalBit.ENTER_SHORT
FLAT = (100.0, 100.0, 100.0, 100.0)


def test_a_signal_fills_at_the_next_open() -> None:
    market = bars(FLAT, (101, 104, 100, 103), (103, 105, 102, 104))
    output = run(market, signals(3, b0=LONG))
    entry, end = output.fills
    assert (entry.bar, entry.price, entry.ts) == (1, 101.0, MINUTE)
    assert end.reason == FillReason.END_OF_DATA
    assert (end.price, end.ts) == (104.0, 3 * MINUTE)
    # 100 USDT at the close of 100 decide 1 coin; it earns 104 - 101
    assert output.trades[0].gross_pnl == pytest.approx(3.0)
    assert output.equity.tolist() == pytest.approx([1000.0, 1002.0, 1003.0])


def test_fees_and_slippage_are_charged_on_both_sides() -> None:
    rules = contract(taker_rate=0.001, slippage_rate=0.01, tick_size=0.1)
    output = run(bars(FLAT, FLAT, FLAT), signals(3, b0=LONG, b1=SignalBit.EXIT_LONG), rules)
    buy, sell = output.fills
    assert (buy.price, sell.price) == (101.0, 99.0)
    assert (buy.fee, sell.fee) == pytest.approx((0.101, 0.099))
    assert (buy.slippage, sell.slippage) == pytest.approx((1.0, 1.0))
    assert output.cash == pytest.approx(1000.0 - 2.0 - 0.2)


def test_target_is_a_triggered_market_order() -> None:
    rules = contract(slippage_rate=0.001, **percent(target=5))
    output = run(bars(FLAT, FLAT, (100, 105.105, 100, 102)), signals(3, b0=LONG), rules)
    # entry 100.1, target 105.105, touched, sold 0.1 % below and down to the tick
    assert output.fills[1].reason == FillReason.TAKE_PROFIT
    assert output.fills[1].price == pytest.approx(104.999)
    assert output.fills[1].is_maker == 0


@pytest.mark.parametrize(("high", "filled"), [(105.0, False), (105.001, True)])
def test_limit_target_needs_the_price_to_trade_through(high: float, filled: bool) -> None:
    rules = contract(target_limits=1, maker_rate=0.0002, taker_rate=0.00055, slippage_rate=0.0)
    for name, value in percent(target=5).items():
        rules[name] = value
    output = run(bars(FLAT, FLAT, (100, high, 100, 102)), signals(3, b0=LONG), rules)
    reason = FillReason.TAKE_PROFIT if filled else FillReason.END_OF_DATA
    assert output.fills[1].reason == reason
    if filled:
        assert (output.fills[1].price, output.fills[1].is_maker) == (105.0, 1)
        assert output.fills[1].fee == pytest.approx(105.0 * 0.0002)


def test_a_limit_target_the_open_jumps_over_gets_its_own_price() -> None:
    # pitfall 3, mirrored: a resting maker order gets its price, not the better open
    rules = contract(target_limits=1, **percent(target=5))
    output = run(bars(FLAT, FLAT, (108, 110, 107, 109)), signals(3, b0=LONG), rules)
    assert output.fills[1].price == 105.0


LIQUIDATED_AT_90_4 = {"regime": 0, "leverage": 10.0}  # from 100, rate 0.4 %, no fees, legacy


def test_liquidation_is_judged_by_the_mark_price() -> None:
    marks = [FLAT, FLAT, (100.0, 100.0, 97.0, 100.0)]
    output = run(
        bars(FLAT, FLAT, (100, 100, 85, 100), mark=marks), signals(3, b0=LONG), contract(**LIQUIDATED_AT_90_4)
    )
    assert output.trades[0].reason == FillReason.END_OF_DATA
    marks[2] = (100.0, 100.0, 90.0, 100.0)
    output = run(
        bars(FLAT, FLAT, (100, 100, 95, 100), mark=marks), signals(3, b0=LONG), contract(**LIQUIDATED_AT_90_4)
    )
    assert output.trades[0].reason == FillReason.LIQUIDATION


def test_a_stop_beyond_the_liquidation_price_does_not() -> None:
    rules = contract(**LIQUIDATED_AT_90_4, **percent(stop=12))
    output = run(bars(FLAT, FLAT, (99, 99, 87, 98)), signals(3, b0=LONG), rules)
    assert output.trades[0].reason == FillReason.LIQUIDATION


def test_loss_at_liquidation_is_the_position_margin_with_fees() -> None:
    rules = contract(leverage=10.0, regime=1, taker_rate=0.00055)
    output = run(bars(FLAT, FLAT, (50, 50, 40, 45)), signals(3, b0=LONG), rules)
    # initial margin 10 + fee to close 90 * 0.00055, after an entry fee of 100 * 0.00055
    assert output.cash == pytest.approx(1000.0 - 0.055 - 10.0 - 0.0495, abs=1e-12)
    assert output.fills[1].price == pytest.approx(90.0)


def test_funding_is_paid_by_what_is_held_into_the_timestamp() -> None:
    # stamped at the open of bars 1, 2 and 3: a position opened at bar 1's open does not pay there,
    # one closed at bar 3's open does
    events = funding(*((bar * MINUTE, 0.001, 100.0) for bar in (1, 2, 3)))
    output = run(
        bars(FLAT, FLAT, FLAT, FLAT), signals(4, b0=LONG, b2=SignalBit.EXIT_LONG), contract(), events=events
    )
    assert output.payments.ts.tolist() == [2 * MINUTE, 3 * MINUTE]
    assert output.payments.amount.tolist() == pytest.approx([-0.1, -0.1])
    assert output.trades[0].funding == pytest.approx(-0.2)
    assert output.cash == pytest.approx(999.8)


def test_funding_inside_a_bar_settles_after_the_open_and_before_the_stop() -> None:
    events = funding((MINUTE + 1, 0.001, 100.0))
    output = run(
        bars(FLAT, (100, 100, 90, 95)), signals(2, b0=SHORT), contract(**percent(stop=20)), events=events
    )
    assert output.payments.amount.tolist() == pytest.approx([0.1])
    stopped = run(
        bars(FLAT, (100, 130, 90, 95)), signals(2, b0=SHORT), contract(**percent(stop=5)), events=events
    )
    assert stopped.trades[0].funding == pytest.approx(0.1)


def test_funding_of_two_months_is_what_the_rates_say() -> None:
    # pitfall 1: three settlements a day on 3,000 USDT at a mean of 0.0115 %, from 1 January to 20 February
    count = 3 * 50
    events = funding(*((8 * 60 * MINUTE * i, 0.000115, 30_000.0) for i in range(1, count + 1)))
    rows = [(30_000.0,) * 4] * (count * 8 + 9)
    market = MarketBars(
        60 * MINUTE,
        np.arange(len(rows)) * 60 * MINUTE,
        *np.array(rows).T,
        *np.array(rows).T,
        np.zeros(len(rows), bool),
        np.ones(len(rows)),
    )
    output = run(market, signals(len(rows), b0=LONG), contract(sizing_value=3000.0), events=events)
    assert len(output.payments) == count
    assert output.trades[0].funding == pytest.approx(-3000 * 0.000115 * count)


def test_funding_beyond_the_free_balance_eats_the_margin_and_moves_the_liquidation_price() -> None:
    # 10 USDT of equity all in the margin: a rate of 1 % on 99 USDT leaves nothing free to pay from
    rules = contract(regime=0, sizing_kind=SizingKind.PERCENT_EQUITY, sizing_value=100.0)
    market = bars(FLAT, FLAT, FLAT, (100, 100, 91, 100), FLAT)
    safe = run(market, signals(5, b0=LONG), rules, equity=10.0)
    assert safe.trades[0].reason == FillReason.END_OF_DATA
    drained = run(market, signals(5, b0=LONG), rules, equity=10.0, events=funding((2 * MINUTE, 0.01, 100.0)))
    assert drained.trades[0].reason == FillReason.LIQUIDATION
    assert drained.cash == pytest.approx(0.0, abs=1e-9)


def test_sizes_round_down_to_the_lot() -> None:
    output = run(bars(FLAT, FLAT), signals(2, b0=LONG), contract(sizing_value=123.456, qty_step=0.1))
    assert output.fills[0].quantity == 1.2


def test_risk_based_size_loses_its_share_at_the_stop() -> None:
    rules = contract(sizing_kind=SizingKind.RISK_BASED, sizing_value=1.0, **percent(stop=2))
    output = run(bars(FLAT, FLAT, (100, 100, 97, 99)), signals(3, b0=LONG), rules)
    assert output.fills[0].quantity == 5.0  # 10 USDT / 2 USDT a coin
    assert output.cash == pytest.approx(990.0)


def test_a_stop_by_a_feature_uses_its_value_at_the_decision() -> None:
    rules = contract(stop_kind=DistanceKind.FEATURE_MULTIPLE, stop_value=1.5)
    wanted = BarSignals(signals(3, b0=LONG).bits, np.array([[2.0, 50.0, 50.0]]))
    output = run(bars(FLAT, FLAT, (100, 100, 96, 99)), wanted, rules)
    assert output.trades[0].stop_price == 97.0
    assert output.trades[0].reason == FillReason.STOP_LOSS


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"min_qty": 2.0}, RejectReason.BELOW_MIN_QTY),
        ({"min_notional": 101.0}, RejectReason.BELOW_MIN_NOTIONAL),
        ({"max_qty": 0.5}, RejectReason.ABOVE_MAX_QTY),
        ({"leverage": 2000.0}, RejectReason.ABOVE_TIER_LEVERAGE),
        ({"stop_kind": DistanceKind.POINTS, "stop_value": 100.0}, RejectReason.STOP_BELOW_ZERO),
    ],
)
def test_refused_orders_are_counted_by_reason(changes: dict[str, float], expected: RejectReason) -> None:
    output = run(bars(FLAT, FLAT), signals(2, b0=LONG), contract(**changes))
    assert len(output.fills) == 0
    assert {reason for reason in RejectReason if output.rejects[reason]} == {expected}


def test_an_order_whose_feature_is_missing_is_refused() -> None:
    rules = contract(stop_kind=DistanceKind.FEATURE_MULTIPLE, stop_value=1.0)
    wanted = BarSignals(signals(2, b0=LONG).bits, np.full((1, 2), np.nan))
    output = run(bars(FLAT, FLAT), wanted, rules)
    assert output.rejects[RejectReason.NO_STOP_DISTANCE] == 1
    assert len(output.fills) == 0


def test_a_feature_the_orders_look_at_must_be_there() -> None:
    rules = contract(stop_kind=DistanceKind.FEATURE_MULTIPLE, stop_value=1.0)
    with pytest.raises(SimulationError, match="the orders look at 1 features, and there are 0"):
        run(bars(FLAT, FLAT), signals(2, b0=LONG), rules)
    exchange = SimulatedExchange(rules, ONE_TIER, 1000.0, FundingEvents.none())
    with pytest.raises(SimulationError, match="the orders look at 1 features, and there are 0"):
        exchange.advance(Bar(0, MINUTE, *FLAT, *FLAT), LONG)


def test_no_position_is_opened_on_a_filled_bar() -> None:
    output = run(bars(FLAT, FLAT, FLAT, filled=(1,)), signals(3, b0=LONG, b1=LONG))
    assert output.rejects[RejectReason.FILLED_BAR] == 1
    assert output.fills[0].bar == 2


def test_an_entry_is_cut_to_what_the_balance_pays_for() -> None:
    rules = contract(sizing_value=50_000.0, taker_rate=0.00055)
    output = run(bars(FLAT, FLAT), signals(2, b0=LONG), rules)
    # order cost per coin: 10 + 0.055 + 0.0495
    assert output.fills[0].quantity == pytest.approx(np.floor(1000 / 10.1045 * 1000) / 1000)
    assert output.capped_entries == 1


def test_conflicting_entries_are_refused() -> None:
    output = run(bars(FLAT, FLAT), signals(2, b0=LONG | SHORT))
    assert output.rejects[RejectReason.CONFLICTING_SIGNALS] == 1


def test_an_entry_against_the_position_is_ignored_without_flip() -> None:
    output = run(bars(*[FLAT] * 4), signals(4, b0=LONG, b1=SHORT))
    assert len(output.trades) == 1
    assert output.trades[0].reason == FillReason.END_OF_DATA


def test_a_flip_closes_and_opens_at_the_same_open() -> None:
    output = run(bars(*[FLAT] * 4), signals(4, b0=LONG, b1=SHORT), contract(allow_flip=1))
    assert output.fills.bar.tolist() == [1, 2, 2, 3]
    assert output.fills.side.tolist() == [1, -1, -1, 1]


def test_cooldown_ignores_entries_after_an_exit() -> None:
    rules = contract(cooldown_bars=2)
    wanted = signals(8, b0=LONG, b1=SignalBit.EXIT_LONG, b2=LONG, b3=LONG, b4=LONG)
    output = run(bars(*[FLAT] * 8), wanted, rules)
    # out at the open of bar 2; the closes of bars 2 and 3 do not count
    assert output.fills.bar.tolist() == [1, 2, 5, 7]


def test_maximum_bars_in_trade() -> None:
    output = run(bars(*[FLAT] * 8), signals(8, b0=LONG), contract(max_bars=3))
    assert output.trades[0].reason == FillReason.MAX_BARS
    assert (output.trades[0].entry_bar, output.trades[0].exit_bar) == (1, 4)


@pytest.mark.parametrize(
    ("equity_pct", "expected"), [(99.0, StopReason.BELOW_MIN_TRADE), (100.0, StopReason.ACCOUNT_BLOWN)]
)
def test_a_run_ends_when_the_smallest_trade_is_out_of_reach(equity_pct: float, expected: StopReason) -> None:
    # liquidated at half the price: 1 USDT is left of 100, and the smallest trade locks 5; or nothing is left
    rules = contract(sizing_kind=SizingKind.PERCENT_EQUITY, sizing_value=equity_pct, min_notional=50.0)
    market = bars(FLAT, FLAT, *[(50, 50, 50, 50)] * 3)
    output = run(market, signals(5, b0=LONG), rules, equity=100.0)
    assert output.stop_reason is expected
    assert output.bars == 3
    assert len(output.equity) == 3


def test_more_trades_than_the_first_buffer_holds() -> None:
    count = 20_001
    bits = np.tile(np.array([LONG, SignalBit.EXIT_LONG], np.int8), count // 2 + 1)[:count]
    output = run(bars(*[FLAT] * count), BarSignals.without_features(bits))
    assert len(output.trades) == 10_000
    assert output.trades.trade_id.tolist() == list(range(10_000))
    assert np.diff(output.fills.bar).min() >= 0


def trailing(percent_of_best: float, activation_pct: float = 0.0) -> dict[str, float]:
    return percent(stop=percent_of_best) | {"trails": 1, "trail_activation_pct": activation_pct}


def test_a_trailing_stop_moves_at_the_close_and_acts_from_the_next_bar() -> None:
    # pitfall 4: O100 L98.95 H112 C110 with a 1 % trail must not exit at 108.9 inside that bar. Entry at
    # 100 with the stop at 99: the bar's own low is below it, so a stop of 1.5 % is used for that bar.
    rules = contract(**trailing(1.5))
    market = bars(FLAT, (100, 112, 98.95, 110), (110, 110.5, 109.9, 110.4))
    output = run(market, signals(3, b0=LONG), rules)
    trade = output.trades[0]
    # the best price is 112, so from bar 2 on the stop is at 110.32; bar 2 opens at 110, below it
    assert (trade.exit_bar, trade.exit_price) == (2, 110.0)
    assert trade.reason == FillReason.TRAILING_STOP


def test_a_trailing_stop_never_moves_back_and_mirrors_for_a_short() -> None:
    rules = contract(**trailing(5))
    # best 90: stop 94.5; a later best of 90 still, then 94.5 is reached
    market = bars(FLAT, (100, 101, 90, 91), (91, 93, 90.5, 92), (92, 96, 91, 95))
    output = run(market, signals(4, b0=SHORT), rules)
    trade = output.trades[0]
    assert (trade.exit_bar, trade.exit_price, trade.reason) == (3, 94.5, FillReason.TRAILING_STOP)


def test_a_trail_waits_for_its_activation() -> None:
    rules = contract(**trailing(5, activation_pct=10))
    market = bars(FLAT, (100, 109, 100, 108), (108, 108, 96, 97), (97, 111, 97, 110), (110, 110, 104, 105))
    output = run(market, signals(5, b0=LONG), rules)
    trade = output.trades[0]
    # 9 % was not enough, so 96 is above the first stop at 95; 11 % moves it to 105.45
    assert (trade.exit_bar, trade.exit_price) == (4, 105.45)


def test_a_trail_by_a_feature_follows_its_present_value() -> None:
    rules = contract(stop_kind=DistanceKind.FEATURE_MULTIPLE, stop_value=2.0, trails=1)
    wanted = BarSignals(signals(4, b0=LONG).bits, np.array([[5.0, 3.0, np.nan, 1.0]]))
    market = bars(FLAT, (100, 110, 100, 109), (109, 112, 108, 111), (111, 111, 103, 105))
    output = run(market, wanted, rules)
    # 110 - 2 * 3 = 104; the missing value leaves it there
    assert (output.trades[0].exit_bar, output.trades[0].exit_price) == (3, 104.0)


def test_break_even_moves_the_stop_to_the_entry_and_its_offset() -> None:
    rules = contract(
        **percent(stop=5), moves_to_break_even=1, break_even_trigger_pct=3.0, break_even_offset_pct=0.5
    )
    market = bars(FLAT, (100, 103, 100, 102), (102, 102, 99, 100))
    output = run(market, signals(3, b0=LONG), rules)
    trade = output.trades[0]
    assert (trade.exit_price, trade.reason) == (100.5, FillReason.BREAK_EVEN)
    untouched = run(bars(FLAT, (100, 102.9, 100, 102), (102, 102, 99, 100)), signals(3, b0=LONG), rules)
    assert untouched.trades[0].reason == FillReason.END_OF_DATA


def test_break_even_without_a_stop_sets_one() -> None:
    rules = contract(moves_to_break_even=1, break_even_trigger_pct=3.0, break_even_offset_pct=0.0)
    output = run(bars(FLAT, (100, 104, 100, 103), (103, 103, 99, 100)), signals(3, b0=LONG), rules)
    assert output.trades[0].exit_price == 100.0
