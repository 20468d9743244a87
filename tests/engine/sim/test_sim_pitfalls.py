"""The predecessor's mistakes in simulation, 1 to 8 of the list of pitfalls: each by its number."""

from __future__ import annotations

import numpy as np
import pytest
from sim_detail import made_of
from sim_market import MINUTE, ONE_TIER, bars, contract, funding, percent, run, signals

from engine.sim.detail import detail_bars
from engine.sim.exchange import Bar, SimulatedExchange
from engine.sim.market import FundingEvents
from engine.sim.simulate import SimulationOutput
from engine.sim.simulate_detailed import simulate_detailed
from engine.sim.state import (
    DistanceKind,
    EntryKind,
    FillReason,
    RejectReason,
    Reprice,
    SignalBit,
    TimeInForce,
)

LONG, SHORT = SignalBit.ENTER_LONG, SignalBit.ENTER_SHORT
STILL = (100.0, 100.0, 100.0, 100.0)


def resting(kind: EntryKind, offset_pct: float, **changes: float) -> dict[str, float]:
    """Return the changes for an entry that waits `offset_pct` from the close it is decided at."""
    return {
        "entry_kind": kind,
        "offset_kind": DistanceKind.PERCENT,
        "offset_value": offset_pct,
        "taker_rate": 0.00055,
        "maker_rate": 0.0002,
        **changes,
    }


def filled_at(output: SimulationOutput) -> list[tuple[int, float, int]]:
    """Return bar, price and whether it was a maker's of every entry."""
    return [
        (int(fill.bar), float(fill.price), int(fill.is_maker))
        for fill in output.fills
        if fill.reason in (FillReason.ENTRY, FillReason.ADD)
    ]


# 1. Funding was modelled but never fed, and priced at the exec bar's close.


def test_pitfall_1_funding_is_charged_at_the_mark_of_its_event() -> None:
    # 30 coins; the last price is 100 throughout, the mark at the events 101 and 99
    market = bars(*[STILL] * 6)
    events = funding((2 * MINUTE, 0.0001, 101.0), (4 * MINUTE + 1, 0.0002, 99.0))
    output = run(market, signals(6, b0=LONG), contract(sizing_value=3000.0), events=events)
    assert output.payments.amount.tolist() == pytest.approx([-30 * 101 * 0.0001, -30 * 99 * 0.0002])
    assert output.cash == pytest.approx(1000.0 - 0.303 - 0.594)
    assert output.trades[0].funding == pytest.approx(-0.897)


# 2. Isolated margin judged the whole account, by closes only, and ended the run.


def test_pitfall_2_a_wick_takes_the_position_margin_and_the_run_goes_on() -> None:
    rules = contract(regime=0, leverage=10.0)
    market = bars(STILL, STILL, (100, 100, 1, 100), STILL, STILL, STILL)
    output = run(market, signals(6, b0=LONG, b3=LONG), rules)
    assert [trade.reason for trade in output.trades] == [FillReason.LIQUIDATION, FillReason.END_OF_DATA]
    # 100 USDT at 10x: of an account of 1,000 the wick to 1 % of the price takes 10
    assert output.equity.tolist() == pytest.approx([1000.0, 1000.0, 990.0, 990.0, 990.0, 990.0])
    assert output.bars == 6


def test_pitfall_2_what_triggers_is_what_settles() -> None:
    # settled at the bankruptcy price, 10 % below the entry, however far the wick went
    losses = []
    for low in (90.0, 50.0, 1.0):
        output = run(bars(STILL, STILL, (100, 100, low, 100)), signals(3, b0=LONG), contract(regime=0))
        losses.append(1000.0 - output.cash)
        assert output.fills[1].price == pytest.approx(90.0)
    assert losses == pytest.approx([10.0, 10.0, 10.0])


# 3. Orders were filled at prices the market had not offered.


def test_pitfall_3_a_buy_stop_fills_at_its_trigger_and_not_at_the_open() -> None:
    # a stop at 105 on a bar O100 H106
    rules = contract(**resting(EntryKind.STOP, 5.0))
    output = run(bars(STILL, (100, 106, 100, 105.5)), signals(2, b0=LONG), rules)
    assert filled_at(output) == [(1, 105.0, 0)]


def test_pitfall_3_a_stop_the_open_has_jumped_fills_at_the_open() -> None:
    # a stop at 95 on a bar that opens at 80
    rules = contract(leverage=2.0, **percent(stop=5))
    output = run(bars(STILL, STILL, (80, 85, 79, 84)), signals(3, b0=LONG), rules)
    assert (output.fills[1].price, output.fills[1].reason) == (80.0, FillReason.STOP_LOSS)
    assert output.fills[1].ts == 2 * MINUTE


def test_pitfall_3_a_resting_limit_the_open_has_jumped_gets_its_own_price() -> None:
    # a buy limit at 95 rests in bar 1; bar 2 opens at 94
    rules = contract(**resting(EntryKind.LIMIT, 5.0))
    output = run(bars(STILL, (100, 100, 96, 97), (94, 96, 93, 95)), signals(3, b0=LONG), rules)
    assert filled_at(output) == [(2, 95.0, 1)]
    assert output.fills[0].fee == pytest.approx(95.0 * output.fills[0].quantity * 0.0002)


def test_pitfall_3_a_resting_post_only_order_stays_when_a_bar_opens_through_it() -> None:
    rules = contract(**resting(EntryKind.LIMIT, 5.0, time_in_force=TimeInForce.POST_ONLY))
    output = run(bars(STILL, (100, 100, 96, 97), (94, 96, 93, 95)), signals(3, b0=LONG), rules)
    assert filled_at(output) == [(2, 95.0, 1)]
    # one that would take on arrival is refused
    output = run(bars(STILL, (94, 96, 93, 95)), signals(2, b0=LONG), rules)
    assert filled_at(output) == []
    assert output.rejects[RejectReason.POST_ONLY_WOULD_TAKE] == 1


def test_pitfall_3_an_ioc_order_takes_the_open_or_nothing() -> None:
    rules = contract(**resting(EntryKind.LIMIT, 5.0, time_in_force=TimeInForce.IOC))
    # the bar's low comes later: not filled there
    output = run(bars(STILL, (100, 100, 90, 97), (94, 96, 93, 95)), signals(3, b0=LONG), rules)
    assert filled_at(output) == []
    assert output.rejects[RejectReason.NOT_MARKETABLE] == 1
    # filled at the open it takes, and pays for taking
    output = run(bars(STILL, (94, 96, 93, 95)), signals(2, b0=LONG), rules)
    assert filled_at(output) == [(1, 94.0, 0)]
    assert output.fills[0].fee == pytest.approx(94.0 * output.fills[0].quantity * 0.00055)


# 4. Trailing and break-even stops moved with the close and were tested against the same bar's low.


@pytest.mark.parametrize(
    "changes",
    [
        percent(stop=1) | {"trails": 1},
        percent(stop=1) | {"moves_to_break_even": 1, "break_even_trigger_pct": 5, "break_even_offset_pct": 9},
    ],
    ids=["trailing", "break-even"],
)
def test_pitfall_4_a_stop_moves_at_the_close_and_acts_from_the_next_bar(changes: dict[str, float]) -> None:
    # in at 99.9, stop at 98.90; O100 L98.95 H112 C110 moves the stop to 110.88 or 108.891, but not before
    entry = (99.9, 99.9, 99.9, 99.9)
    market = bars(entry, entry, (100, 112, 98.95, 110), (110, 110.5, 107, 108))
    output = run(market, signals(4, b0=LONG), contract(**changes))
    trade = output.trades[0]
    assert trade.exit_bar == 3
    assert trade.exit_price == (110.0 if "trails" in changes else 108.891)


# 5. A limit filled in minute 10 had its target taken from minute 0 of the same bar.


def test_pitfall_5_a_target_is_not_taken_from_before_the_entry() -> None:
    # limit 95 reached after the high of 106; the target of 99.75 is not taken for granted
    rules = contract(**resting(EntryKind.LIMIT, 5.0), **percent(target=5))
    market = bars(STILL, (100, 106, 94, 95.5), (95.5, 96, 95.2, 95.8))
    output = run(market, signals(3, b0=LONG), rules)
    assert filled_at(output) == [(1, 95.0, 1)]
    trade = output.trades[0]
    assert (trade.reason, trade.exit_bar, trade.ambiguous) == (FillReason.END_OF_DATA, 2, 1)
    # what the close shows was there after the entry
    output = run(bars(STILL, (100, 106, 94, 100)), signals(2, b0=LONG), rules)
    assert (output.trades[0].reason, output.trades[0].exit_price) == (FillReason.TAKE_PROFIT, 99.75)


@pytest.mark.parametrize(
    ("minute_12", "expected"),
    [(96.0, (FillReason.END_OF_DATA, 2)), (100.0, (FillReason.TAKE_PROFIT, 1))],
    ids=["only-before-the-entry", "after-it-too"],
)
def test_pitfall_5_finer_bars_know_what_came_first(minute_12: float, expected: tuple[int, int]) -> None:
    # a quarter of an hour: the high of 106 is in its minute 0, the limit of 95 is reached in its minute 10
    quiet = [(97.0, 97.0, 97.0, 97.0)] * 9
    quarter = [(100, 106, 97, 97), *quiet, (97, 97, 94, 95), (95, 95, 95, 95), (95, minute_12, 95, 95)]
    minutes = bars(*[STILL] * 15, *quarter, *[(95.0,) * 4] * 2, *[(95.0,) * 4] * 15)
    quarters = made_of(minutes, 15)
    rules = contract(**resting(EntryKind.LIMIT, 5.0), **percent(target=5))
    output = simulate_detailed(
        detail_bars(quarters, minutes), signals(3, b0=LONG), FundingEvents.none(), rules, ONE_TIER, 1000.0
    )
    assert filled_at(output) == [(1, 95.0, 1)]
    assert output.fills[0].ts == 26 * MINUTE
    trade = output.trades[0]
    assert (trade.reason, trade.exit_bar) == expected
    assert trade.ambiguous == 0


# 6. A second entry overwrote the position; after a partial exit the trade was the last part only.


def test_pitfall_6_a_second_entry_adds_to_the_position() -> None:
    rules = contract(max_adds=1, sizing_value=100.0)
    output = run(bars(STILL, STILL, (110, 110, 110, 110), STILL), signals(4, b0=LONG, b1=LONG), rules)
    # 1 coin at 100, and 100 USDT at the close of 100 are 1 coin at 110
    assert [fill.reason for fill in output.fills[:2]] == [FillReason.ENTRY, FillReason.ADD]
    trade = output.trades[0]
    assert (trade.quantity, trade.entry_price, trade.adds) == (2.0, 105.0, 1)
    assert trade.gross_pnl == pytest.approx(-10.0)


def test_pitfall_6_only_one_entry_waits_at_a_time() -> None:
    # a second signal while the first limit rests: one order, one position
    rules = contract(**resting(EntryKind.LIMIT, 5.0, reprice=Reprice.NEVER))
    market = bars(STILL, (100, 100, 98, 98), (98, 98, 90, 91), (91, 91, 90, 91))
    output = run(market, signals(4, b0=LONG, b1=LONG), rules)
    assert filled_at(output) == [(2, 95.0, 1)]
    assert len(output.trades) == 1


def test_pitfall_6_a_trade_is_the_sum_of_its_exits() -> None:
    rules = contract(
        taker_rate=0.001,
        target_count=2,
        target_kinds=DistanceKind.PERCENT,
        target_values=[2.0, 4.0, 0.0, 0.0],
        target_portions=[0.25, 0.25, 0.0, 0.0],
    )
    market = bars(STILL, STILL, (100, 102.5, 100, 102), (102, 104.5, 102, 104), (104, 104, 101, 101))
    output = run(market, signals(5, b0=LONG), rules)
    assert output.fills.quantity.tolist() == [1.0, 0.25, 0.25, 0.5]
    assert output.fills.price.tolist() == [100.0, 102.0, 104.0, 101.0]
    trade = output.trades[0]
    assert len(output.trades) == 1
    assert trade.quantity == 1.0
    assert trade.gross_pnl == pytest.approx(0.25 * 2 + 0.25 * 4 + 0.5 * 1)
    assert trade.fees == pytest.approx(0.001 * (100 + 25.5 + 26 + 50.5))
    assert trade.exit_price == pytest.approx(102.0)
    assert output.cash == pytest.approx(1000.0 + trade.gross_pnl - trade.fees)


# 7. Keys were read and ignored: `maker_bps`, a structure stop. (For cards: test_sim_pitfalls_results.)


def test_pitfall_7_the_maker_fee_is_paid_by_makers() -> None:
    rules = contract(target_limits=1, taker_rate=0.00055, maker_rate=0.0002, **percent(target=5))
    output = run(bars(STILL, STILL, (100, 106, 100, 102)), signals(3, b0=LONG), rules)
    assert output.fills.is_maker.tolist() == [0, 1]
    assert output.fills.fee.tolist() == pytest.approx([100 * 0.00055, 105 * 0.0002])


def test_pitfall_7_a_structure_stop_is_the_level() -> None:
    rules = contract(stop_kind=DistanceKind.LEVEL, stop_value=1.0, stop_feature_long=0, stop_feature_short=1)
    for side, row, expected in ((LONG, (100, 100, 90, 95), 95.04), (SHORT, (100, 110, 100, 105), 105.04)):
        exchange = SimulatedExchange(rules, ONE_TIER, 1000.0, FundingEvents.none())
        # swing low at 96, swing high at 104, moved away by 1 %
        for at, prices in enumerate((STILL, STILL, row)):
            bar = Bar(at * MINUTE, (at + 1) * MINUTE, *prices, *prices)
            exchange.advance(bar, int(side) if at == 0 else 0, (96.0, 104.0))
        fill = exchange.fills[1]
        assert (fill.price, fill.reason) == (expected, FillReason.STOP_LOSS)


# 8. No risk tiers, no tick or lot rounding, no minimum notional.


def test_pitfall_8_steps_minimums_and_tiers_hold() -> None:
    rules = contract(tick_size=0.5, qty_step=0.1, min_notional=50.0, slippage_rate=0.0001, sizing_value=555.0)
    output = run(bars(STILL, STILL, STILL), signals(3, b0=LONG), rules)
    # 5.55 coins down to 5.5; 100.01 up to 100.5 and 99.99 down to 99.5
    assert output.fills.quantity.tolist() == [5.5, 5.5]
    assert output.fills.price.tolist() == [100.5, 99.5]
    small = run(bars(STILL, STILL), signals(2, b0=LONG), contract(min_notional=101.0))
    assert small.rejects[RejectReason.BELOW_MIN_NOTIONAL] == 1
    tiers = np.array([[500.0, 0.005, 0.0, 100.0], [1000.0, 0.01, 2.5, 50.0]])
    for value, refused in ((500.0, 0), (501.0, 1), (1001.0, 1)):
        rules = contract(leverage=100.0, sizing_value=value)
        output = run(bars(STILL, STILL), signals(2, b0=LONG), rules, tiers=tiers)
        assert output.rejects[RejectReason.ABOVE_TIER_LEVERAGE] == refused
        assert len(output.trades) == 1 - refused


def test_pitfall_8_the_tier_sets_the_liquidation_price() -> None:
    # 10 coins at 100 are in the second tier: 1 % less 2.5. Legacy: 100 - (100 - 7.5) / 10
    tiers = np.array([[500.0, 0.005, 0.0, 100.0], [1000.0, 0.01, 2.5, 50.0]])
    output = run(
        bars(STILL, STILL),
        signals(2, b0=LONG),
        contract(sizing_value=1000.0, regime=0),
        tiers=tiers,
        equity=2e3,
    )
    assert output.trades[0].liquidation_price == pytest.approx(90.75)
