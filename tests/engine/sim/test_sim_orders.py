"""Entries that wait for a price, worked out by hand: limits, stops, time in force, expiry, re-pricing."""

from __future__ import annotations

import numpy as np
import pytest
from sim_market import MINUTE, ONE_TIER, bars, contract, percent, run, signals

from engine.sim.exchange import Bar, SimulatedExchange
from engine.sim.market import BarSignals, FundingEvents
from engine.sim.state import (
    DistanceKind,
    EntryKind,
    FillReason,
    RejectReason,
    Reprice,
    SignalBit,
    SizingKind,
    TimeInForce,
)

LONG, SHORT = SignalBit.ENTER_LONG, SignalBit.ENTER_SHORT
FLAT = (100, 101, 99, 100)


def limit(offset_pct: float = 2.0, **changes: float) -> dict[str, float]:
    """Return the changes that enter `offset_pct` on the better side of the close."""
    plain = {
        "entry_kind": EntryKind.LIMIT,
        "offset_kind": DistanceKind.PERCENT,
        "offset_value": offset_pct,
        "maker_rate": 0.0002,
        "taker_rate": 0.00055,
        "slippage_rate": 0.001,
    }
    return plain | changes


def stop(offset_pct: float = 2.0, **changes: float) -> dict[str, float]:
    """Return the changes that enter `offset_pct` on the worse side of the close."""
    return limit(offset_pct, entry_kind=EntryKind.STOP, **changes)


def refusals(output) -> dict[RejectReason, int]:
    return {reason: int(output.rejects[reason]) for reason in RejectReason if output.rejects[reason]}


def test_a_limit_waits_and_gets_its_own_price_as_maker() -> None:
    # placed at 98 at the close of bar 0; bar 1 comes to 98.5, bar 2 through it
    market = bars(FLAT, (100, 100, 98.5, 99), (99, 99, 97, 97.5), (97.5, 98, 97, 98))
    output = run(market, signals(4, b0=LONG), contract(**limit()))
    entry = output.fills[0]
    assert (entry.bar, entry.price, entry.is_maker, entry.slippage) == (2, 98.0, 1, 0.0)
    # 100 USDT at 98, on the lot of 0.001
    assert entry.quantity == 1.02
    assert entry.fee == pytest.approx(98 * 1.02 * 0.0002)


def test_a_limit_needs_the_price_to_trade_through_it() -> None:
    output = run(bars(FLAT, (100, 100, 98, 99), FLAT), signals(3, b0=LONG), contract(**limit()))
    assert len(output.fills) == 0


def test_a_resting_limit_the_open_jumps_over_still_gets_its_own_price() -> None:
    market = bars(FLAT, (100, 100, 99, 99), (94, 95, 93, 94), FLAT)
    entry = run(market, signals(4, b0=LONG), contract(**limit(5.0))).fills[0]
    assert (entry.bar, entry.price, entry.is_maker) == (2, 95.0, 1)
    assert entry.ts == market.ts_open[2]


def test_a_new_limit_the_open_is_beyond_takes_at_the_open_but_never_past_its_price() -> None:
    entry = run(bars(FLAT, (97, 98, 96, 97)), signals(2, b0=LONG), contract(**limit())).fills[0]
    assert (entry.bar, entry.is_maker) == (1, 0)
    assert entry.price == 97.097  # 97 and 0.1 % of slippage
    near = run(bars(FLAT, (97.95, 98.5, 97, 98)), signals(2, b0=LONG), contract(**limit())).fills[0]
    assert near.price == 98.0  # 97.95 with slippage would be 98.048


def test_a_short_limit_is_the_mirror_image() -> None:
    market = bars(FLAT, (100, 101.9, 100, 101), (101, 103, 101, 102), FLAT)
    entry = run(market, signals(4, b0=SHORT), contract(**limit())).fills[0]
    assert (entry.bar, entry.price, entry.side, entry.is_maker) == (2, 102.0, -1, 1)


def test_offsets_in_ticks_and_by_a_feature() -> None:
    rules = limit(offset_kind=DistanceKind.TICKS, offset_value=500.0)  # a tick is 0.001
    market = bars(FLAT, (100, 100, 90, 95), FLAT)
    assert run(market, signals(3, b0=LONG), contract(**rules)).fills[0].price == 99.5
    rules = limit(offset_kind=DistanceKind.FEATURE_MULTIPLE, offset_value=1.5)
    wanted = BarSignals(signals(3, b0=LONG).bits, np.array([[2.0, 9.0, 9.0]]))
    assert run(market, wanted, contract(**rules)).fills[0].price == 97.0
    missing = BarSignals(wanted.bits, np.array([[np.nan, 9.0, 9.0]]))
    assert refusals(run(market, missing, contract(**rules))) == {RejectReason.NO_OFFSET: 1}


def test_post_only_is_refused_where_it_would_take_and_rests_where_not() -> None:
    rules = contract(**limit(time_in_force=TimeInForce.POST_ONLY))
    through = run(bars(FLAT, (97, 98, 96, 97), FLAT), signals(3, b0=LONG), rules)
    assert refusals(through) == {RejectReason.POST_ONLY_WOULD_TAKE: 1}
    assert len(through.fills) == 0
    # it rests over a bar, and a later open through it does not delete it
    rested = run(bars(FLAT, (100, 100, 99, 99), (97, 98, 96, 97)), signals(3, b0=LONG), rules)
    assert (rested.fills[0].price, rested.fills[0].is_maker) == (98.0, 1)


def test_ioc_and_fok_are_decided_at_the_open_alone() -> None:
    for time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        rules = contract(**limit(time_in_force=time_in_force))
        # the bar's later low would reach it
        missed = run(bars(FLAT, (100, 100, 90, 95), FLAT), signals(3, b0=LONG), rules)
        assert refusals(missed) == {RejectReason.NOT_MARKETABLE: 1}
        taken = run(bars(FLAT, (97, 98, 96, 97)), signals(2, b0=LONG), rules)
        assert (taken.fills[0].price, taken.fills[0].is_maker) == (97.097, 0)


def test_a_stop_entry_fills_at_its_trigger_or_at_an_open_beyond_it() -> None:
    market = bars(FLAT, (100, 101, 99, 101), (101, 103, 101, 102), FLAT)
    entry = run(market, signals(4, b0=LONG), contract(**stop(slippage_rate=0.0))).fills[0]
    assert (entry.bar, entry.price, entry.is_maker) == (2, 102.0, 0)
    gap = bars(FLAT, (100, 101, 99, 101), (104, 105, 103, 104), FLAT)
    entry = run(gap, signals(4, b0=LONG), contract(**stop(slippage_rate=0.0))).fills[0]
    assert (entry.bar, entry.price) == (2, 104.0)
    # slippage is against the trader, on top of the trigger
    entry = run(market, signals(4, b0=LONG), contract(**stop())).fills[0]
    assert entry.price == 102.102


def test_an_order_expires_after_its_bars() -> None:
    market = bars(FLAT, FLAT, FLAT, (100, 100, 90, 95), FLAT)
    kept = run(market, signals(5, b0=LONG), contract(**limit(expiry_bars=3)))
    assert kept.fills[0].bar == 3
    expired = run(market, signals(5, b0=LONG), contract(**limit(expiry_bars=2)))
    assert refusals(expired) == {RejectReason.EXPIRED: 1}
    assert len(expired.fills) == 0


@pytest.mark.parametrize("bit", [SignalBit.EXIT_LONG, SignalBit.ENTER_SHORT])
def test_the_exit_and_the_other_side_take_an_order_back(bit: SignalBit) -> None:
    market = bars(FLAT, FLAT, (100, 100, 90, 95), FLAT)
    output = run(market, signals(4, b0=LONG, b1=bit), contract(**limit(allow_short=0)))
    # with shorts not allowed an entry to the short side says nothing
    expected = {RejectReason.CANCELLED: 1} if bit == SignalBit.EXIT_LONG else {}
    assert refusals(output) == expected
    output = run(market, signals(4, b0=LONG, b1=bit), contract(**limit()))
    assert refusals(output)[RejectReason.CANCELLED] == 1
    assert not [fill for fill in output.fills if fill.side == 1 and fill.reason == FillReason.ENTRY]


def test_an_order_can_follow_the_price_or_the_signal() -> None:
    market = bars(FLAT, (100, 110, 100, 110), (110, 110, 107.5, 109), FLAT)
    repeated = signals(4, b0=LONG, b1=LONG)
    # 2 % below 110 is 107.8
    follows = contract(**limit(reprice=Reprice.EVERY_BAR))
    assert run(market, signals(4, b0=LONG), follows).fills[0].price == 107.8
    anew = contract(**limit(reprice=Reprice.ON_SIGNAL))
    assert run(market, repeated, anew).fills[0].price == 107.8
    assert len(run(market, signals(4, b0=LONG), anew).fills) == 0
    assert len(run(market, repeated, contract(**limit())).fills) == 0


def test_following_the_price_does_not_make_an_order_younger() -> None:
    market = bars(FLAT, FLAT, FLAT, (100, 100, 90, 95), FLAT)
    rules = contract(**limit(reprice=Reprice.EVERY_BAR, expiry_bars=2))
    assert refusals(run(market, signals(5, b0=LONG), rules)) == {RejectReason.EXPIRED: 1}


def test_nothing_is_filled_on_a_filled_bar_but_what_rests_goes_on_resting() -> None:
    market = bars(FLAT, (100, 100, 90, 95), (95, 96, 90, 95), filled=(1,))
    assert run(market, signals(3, b0=LONG), contract(**limit())).fills[0].bar == 2
    rules = contract(**limit(time_in_force=TimeInForce.IOC))
    assert refusals(run(market, signals(3, b0=LONG), rules)) == {RejectReason.FILLED_BAR: 1}


def test_a_target_is_not_taken_from_the_part_of_the_bar_before_a_limit_was_filled() -> None:
    # pitfall 5: up to 105, then down through 98: the high came before the entry
    market = bars(FLAT, (100, 105, 97, 99), (99, 99, 98.5, 99))
    output = run(market, signals(3, b0=LONG), contract(**limit(), **percent(target=5)))
    assert output.trades[0].reason == FillReason.END_OF_DATA
    assert output.trades[0].ambiguous == 1  # the high may have come after, and would have been a target
    # a close beyond the target is certain to have come after
    market = bars(FLAT, (100, 105, 97, 104), FLAT)
    output = run(market, signals(3, b0=LONG), contract(**limit(), **percent(target=5)))
    assert output.trades[0].reason == FillReason.TAKE_PROFIT
    assert (output.trades[0].entry_price, output.trades[0].ambiguous) == (98.0, 0)


def test_a_stop_loss_beyond_a_limit_is_certain_on_its_entry_bar() -> None:
    market = bars(FLAT, (100, 100, 90, 99), FLAT)
    trade = run(market, signals(3, b0=LONG), contract(**limit(slippage_rate=0.0), **percent(stop=1))).trades[
        0
    ]
    assert (trade.entry_bar, trade.exit_bar, trade.bars_held) == (1, 1, 1)
    assert (trade.reason, trade.exit_price, trade.ambiguous) == (FillReason.STOP_LOSS, 97.02, 0)


def test_a_stop_loss_on_the_entry_bar_of_a_stop_entry_is_assumed_and_marked() -> None:
    # down to 96 and up through 102, in an order nobody knows
    market = bars(FLAT, (100, 103, 96, 102), FLAT)
    rules = contract(**stop(slippage_rate=0.0), **percent(stop=5))
    trade = run(market, signals(3, b0=LONG), rules).trades[0]
    assert (trade.entry_price, trade.exit_price) == (102.0, 96.9)
    assert (trade.reason, trade.ambiguous) == (FillReason.STOP_LOSS, 1)
    # a close below the stop leaves no doubt
    market = bars(FLAT, (100, 103, 96, 96.5), FLAT)
    assert run(market, signals(3, b0=LONG), rules).trades[0].ambiguous == 0


def test_an_order_for_more_than_the_account_is_cut_to_what_its_cost_allows() -> None:
    everything = {"sizing_kind": SizingKind.PERCENT_EQUITY, "sizing_value": 100.0}
    market = bars(FLAT, FLAT, (100, 100, 90, 95))
    output = run(market, signals(3, b0=LONG), contract(**limit(), **everything))
    # 1000 * 10 / (98 * (2 * 0.00055 * 10 + 1 - 0.00055)) = 100.98, the fees to open and close inside it
    assert output.fills[0].quantity == 100.985
    assert output.capped_entries == 1


def test_a_limit_order_locks_its_cost_and_a_stop_order_does_not() -> None:
    for rules, locked in ((limit(), 98 * 1.02040816 / 10 + 98 * 1.02040816 * 0.00055 * 1.9), (stop(), 0.0)):
        exchange = SimulatedExchange(contract(**rules), ONE_TIER, 1000.0, FundingEvents.none())
        exchange.advance(Bar(0, MINUTE, *FLAT, *FLAT), LONG)
        assert exchange.ledger.order_margin == pytest.approx(locked)
        assert exchange.ledger.available == pytest.approx(1000 - locked)
        assert exchange.resting_order is not None


def test_a_flip_closes_at_the_open_and_waits_with_the_other_side() -> None:
    rules = contract(**limit(allow_flip=1))
    market = bars(FLAT, (100, 100, 97, 98), (98, 99, 97, 98), (98, 101, 97, 100), FLAT)
    output = run(market, signals(5, b0=LONG, b1=SHORT), rules)
    assert [(fill.bar, fill.reason, fill.side) for fill in output.fills[:3]] == [
        (1, FillReason.ENTRY, 1),
        (2, FillReason.SIGNAL, -1),
        (3, FillReason.ENTRY, -1),
    ]
    assert output.fills[2].price == pytest.approx(98 * 1.02)
