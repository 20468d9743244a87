"""A portfolio worked out by hand: who gets the margin, the places, the losses, the funding."""

from __future__ import annotations

import numpy as np
import pytest
from sim_market import MINUTE, ONE_TIER, bars, contract, funding, percent, run, signals

from engine.errors import SimulationError
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.portfolio import PortfolioMember, PortfolioOutput, simulate_portfolio
from engine.sim.records import Records
from engine.sim.state import FillReason, RejectReason, SignalBit, SizingKind, StopReason

LONG, SHORT = SignalBit.ENTER_LONG, SignalBit.ENTER_SHORT
FLAT = (100.0, 100.0, 100.0, 100.0)


def member(
    market: MarketBars,
    wanted: BarSignals,
    events: FundingEvents | None = None,
    tiers: np.ndarray = ONE_TIER,
    **terms: float,
) -> PortfolioMember:
    """Return a member that trades 1 coin at 10x without costs, but for the terms given."""
    return PortfolioMember(market, wanted, events or FundingEvents.none(), contract(**terms), tiers)


def half(equity_pct: float) -> dict[str, float]:
    """Return the terms that lock a share of the equity as margin."""
    return {"sizing_kind": SizingKind.PERCENT_EQUITY, "sizing_value": equity_pct}


def refused(output: PortfolioOutput, number: int) -> dict[RejectReason, int]:
    counts = output.rejects[number]
    return {reason: int(counts[reason]) for reason in RejectReason if counts[reason]}


def of_member(records: Records, number: int) -> Records:
    return records[records.member == number]


def test_the_first_gets_the_last_margin_and_the_other_is_refused() -> None:
    # 1000 USDT; both want 80 % of it as margin: 800 go to the first, and of the 200 left the second gets
    # 200 * 10 / 100 = 20 coins instead of 80, which is below its smallest order of 30.
    market = bars(*[FLAT] * 3)
    first = member(market, signals(3, b0=LONG), **half(80))
    second = member(market, signals(3, b0=LONG), **half(80), min_qty=30.0)
    output = simulate_portfolio([first, second], 1000.0)
    assert output.fills.member.tolist() == [0, 0]
    assert output.fills.quantity.tolist() == [80.0, 80.0]
    assert refused(output, 0) == {}
    assert refused(output, 1) == {RejectReason.INSUFFICIENT_MARGIN: 1}
    assert output.used_margin.tolist() == [0.0, 800.0, 0.0]
    # the other way round the same for the other
    output = simulate_portfolio([second, first], 1000.0)
    assert output.fills.member.tolist() == [0, 1, 0, 1]
    assert output.fills.quantity.tolist() == [80.0, 20.0, 80.0, 20.0]
    assert output.capped_entries == 1


def test_margin_of_a_resting_order_is_not_there_for_others() -> None:
    # the first locks 800 with a limit order 1 % below, which never fills; the second gets 200 of its 800
    market = bars(*[FLAT] * 3)
    resting = {"entry_kind": 1, "offset_kind": 1, "offset_value": 1.0}
    first = member(market, signals(3, b0=LONG), **half(80), **resting)
    second = member(market, signals(3, b0=LONG), **half(80))
    output = simulate_portfolio([first, second], 1000.0)
    assert output.fills.member.tolist() == [1, 1]
    assert output.fills.quantity.tolist() == [20.0, 20.0]


def test_orders_that_fill_inside_a_bar_compete_by_priority() -> None:
    # stop entries at 101, both triggered inside bar 1: 8000 USDT are 79.207 coins, which lock 799.991; the
    # 200.009 left pay for 19.802 coins
    market = bars(FLAT, (100.0, 102.0, 100.0, 100.0), FLAT)
    stop_entry = {"entry_kind": 2, "offset_kind": 1, "offset_value": 1.0}
    members = [member(market, signals(3, b0=LONG), **half(80), **stop_entry) for _ in range(2)]
    output = simulate_portfolio(members, 1000.0)
    assert output.fills.member[:2].tolist() == [0, 1]
    assert output.fills.quantity[:2].tolist() == pytest.approx([79.207, 19.802])
    assert output.fills.price[:2].tolist() == [101.0, 101.0]
    assert output.capped_entries == 1


def test_no_more_positions_than_allowed_by_priority() -> None:
    market = bars(*[FLAT] * 4)
    late = member(market, signals(4, b0=LONG))
    members = [late, late, late]
    output = simulate_portfolio(members, 1000.0, 2)
    assert output.open_positions.tolist() == [0, 2, 2, 0]
    assert sorted(set(output.fills.member.tolist())) == [0, 1]
    assert refused(output, 2) == {RejectReason.MAX_OPEN_POSITIONS: 1}
    assert refused(output, 0) == refused(output, 1) == {}


def test_an_exit_at_the_open_makes_room_for_an_entry_at_the_same_open() -> None:
    # the second leaves at the open of bar 2, where the first, which comes before it, enters
    market = bars(*[FLAT] * 4)
    first = member(market, signals(4, b1=LONG))
    second = member(market, signals(4, b0=LONG, b1=SignalBit.EXIT_LONG))
    output = simulate_portfolio([first, second], 1000.0, 1)
    assert output.open_positions.tolist() == [0, 1, 1, 0]
    assert output.fills.member.tolist() == [1, 1, 0, 0]
    assert refused(output, 0) == {}


def test_a_loss_of_one_shrinks_the_size_of_the_other() -> None:
    # the first buys 10 coins at 100 (100 USDT margin, 10 %) and falls to 95: 50 USDT of 1000 are gone when
    # the second decides at that close; 10 % of 950 at 10x is 950 USDT, 9.5 coins
    falling = bars(FLAT, (100.0, 100.0, 95.0, 95.0), (95.0,) * 4, (95.0,) * 4)
    still = bars(*[FLAT] * 4)
    first = member(falling, signals(4, b0=LONG), **half(10))
    second = member(still, signals(4, b1=LONG), **half(10))
    output = simulate_portfolio([first, second], 1000.0)
    assert output.equity.tolist() == [1000.0, 950.0, 950.0, 950.0]
    assert of_member(output.fills, 1).quantity.tolist() == [9.5, 9.5]
    alone = run(still, signals(4, b1=LONG), contract(**half(10)))
    assert alone.fills.quantity.tolist() == [10.0, 10.0]


def test_funding_of_both_is_settled_on_what_each_holds() -> None:
    # long 1 coin pays 100 * 0.001 = 0.1; the short of 1 coin gets 100 * 0.002 = 0.2, at times of their own
    market = bars(*[FLAT] * 4)
    first = member(market, signals(4, b0=LONG), funding((2 * MINUTE, 0.001, 100.0)))
    second = member(market, signals(4, b0=SHORT), funding((0, 0.5, 100.0), (3 * MINUTE, 0.002, 100.0)))
    output = simulate_portfolio([first, second], 1000.0)
    assert output.payments.member.tolist() == [0, 1]
    assert output.payments.amount.tolist() == pytest.approx([-0.1, 0.2])
    assert output.equity.tolist() == pytest.approx([1000.0, 1000.0, 999.9, 1000.1])
    assert of_member(output.trades, 0).funding.tolist() == pytest.approx([-0.1])
    assert of_member(output.trades, 1).funding.tolist() == pytest.approx([0.2])


def test_a_liquidation_leaves_the_margin_of_the_other_alone() -> None:
    # the first has 10 coins at 100 with 100 USDT margin; at 80 it is taken over at 90 and loses these 100, no
    # more. The second keeps its 10 coins and its margin of 100.
    crash = bars(FLAT, FLAT, (100.0, 100.0, 80.0, 80.0), (80.0,) * 4)
    still = bars(*[FLAT] * 4)
    first = member(crash, signals(4, b0=LONG), **half(10))
    second = member(still, signals(4, b0=LONG), **half(10))
    output = simulate_portfolio([first, second], 1000.0)
    [taken_over] = of_member(output.trades, 0)
    assert taken_over.reason == FillReason.LIQUIDATION
    assert taken_over.exit_price == pytest.approx(90.0)
    assert output.equity.tolist() == pytest.approx([1000.0, 1000.0, 900.0, 900.0])
    assert output.used_margin.tolist() == pytest.approx([0.0, 200.0, 100.0, 0.0])
    [kept] = of_member(output.trades, 1)
    assert (kept.reason, kept.gross_pnl) == (FillReason.END_OF_DATA, 0.0)


def test_a_member_without_a_bar_keeps_its_last_mark_and_is_skipped() -> None:
    # the first has no bar at minutes 2 and 3: it stands at 110 there, and goes on to 120
    ends = np.array([0, 1, 4, 5]) * MINUTE
    prices = np.array([100.0, 110.0, 120.0, 120.0])
    opens = np.array([100.0, 100.0, 110.0, 120.0])
    holes = MarketBars(MINUTE, ends, *[opens, prices, opens, prices] * 2, np.zeros(4, bool), np.ones(4))
    first = member(holes, signals(4, b0=LONG))
    second = member(bars(*[FLAT] * 6), signals(6, b2=LONG))
    output = simulate_portfolio([first, second], 1000.0)
    assert output.ts_open.tolist() == [minute * MINUTE for minute in range(6)]
    assert output.equity.tolist() == [1000.0, 1010.0, 1010.0, 1010.0, 1020.0, 1020.0]
    assert output.open_positions.tolist() == [0, 1, 1, 2, 2, 0]
    assert output.exposure.tolist() == [0.0, 110.0, 110.0, 210.0, 220.0, 0.0]
    assert of_member(output.trades, 0).exit_bar.tolist() == [3]


def test_a_member_that_ends_is_closed_there_and_makes_room() -> None:
    short_lived = member(bars(*[FLAT] * 2), signals(2, b0=LONG))
    other = member(bars(*[FLAT] * 4), signals(4, b1=LONG))
    output = simulate_portfolio([short_lived, other], 1000.0, 1)
    assert output.open_positions.tolist() == [0, 0, 1, 0]
    assert output.trades.member.tolist() == [0, 1]
    assert output.trades.reason.tolist() == [FillReason.END_OF_DATA] * 2
    assert output.fills.ts.tolist() == [MINUTE, 2 * MINUTE, 2 * MINUTE, 4 * MINUTE]


def test_the_wallet_stops_only_when_nobody_holds_anything_and_it_pays_for_nobody() -> None:
    # the first is taken over with its 95 USDT of margin. The 5 that are left pay for no order of its own
    # (10 USDT margin), but for the second's (1 USDT): the run goes on
    falling = bars(FLAT, (100.0, 100.0, 90.0, 90.0), *[(90.0,) * 4] * 3)
    big = member(falling, signals(5, b0=LONG), **half(95), min_notional=100.0)
    small = member(bars(*[FLAT] * 5), signals(5, b3=LONG), **half(50), min_notional=10.0)
    output = simulate_portfolio([big, small], 100.0)
    assert output.equity.tolist() == pytest.approx([100.0, 5.0, 5.0, 5.0, 5.0])
    assert output.stop_reason is StopReason.NONE
    assert of_member(output.trades, 1).quantity.tolist() == [0.25]
    alone = simulate_portfolio([big], 100.0)
    assert alone.stop_reason is StopReason.BELOW_MIN_TRADE
    assert len(alone.equity) == 2
    # with both out of their depth it stops for both, at the time it happens
    both = simulate_portfolio([big, member(small.bars, small.signals, min_notional=100.0)], 100.0)
    assert (both.stop_reason, len(both.equity)) == (StopReason.BELOW_MIN_TRADE, 2)


def test_what_does_not_fit_together_is_refused() -> None:
    fine = member(bars(*[FLAT] * 2), signals(2))
    longer = MarketBars(
        2 * MINUTE, np.array([0, 2 * MINUTE]), *[np.full(2, 100.0)] * 8, np.zeros(2, bool), np.ones(2)
    )
    beside = MarketBars(MINUTE, np.array([30_000]), *[np.full(1, 100.0)] * 8, np.zeros(1, bool), np.ones(1))
    for members, most, problem in (
        ([], None, "nothing"),
        ([fine], 0, "0 open positions"),
        ([fine, member(longer, signals(2))], None, "one exec timeframe"),
        ([fine, member(beside, signals(1))], None, "off the grid"),
        ([fine, member(bars(FLAT), signals(2))], None, "2 signals for 1 bars"),
    ):
        with pytest.raises(SimulationError, match=problem):
            simulate_portfolio(members, 1000.0, most)


def test_stops_of_several_in_one_bar_are_each_their_own() -> None:
    drop = bars(FLAT, FLAT, (100.0, 100.0, 97.0, 97.0))
    rise = bars(FLAT, FLAT, (100.0, 104.0, 100.0, 104.0))
    both = [
        member(drop, signals(3, b0=LONG), **percent(stop=2.0)),
        member(rise, signals(3, b0=LONG), **percent(target=3.0)),
    ]
    output = simulate_portfolio(both, 1000.0)
    assert output.trades.member.tolist() == [0, 1]
    assert output.trades.exit_price.tolist() == [98.0, 103.0]
    assert output.cash == 1001.0
