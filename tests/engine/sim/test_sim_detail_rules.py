"""Finer bars inside an exec bar, worked out by hand: what was ambiguous, and what was seen too late.

Exec bars of 15 minutes, decisions at their closes, fills on the minutes. The first exec bar stands still at
100 and its close decides, so that minute m of the second is the bar that opens at (15 + m) minutes.
"""

from __future__ import annotations

import numpy as np
import pytest
from sim_detail import made_of, without
from sim_market import MINUTE, ONE_TIER, bars, contract, funding, percent, run, signals

from engine.sim.detail import detail_bars
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import Records
from engine.sim.simulate import SimulationOutput
from engine.sim.simulate_detailed import simulate_detailed
from engine.sim.state import DistanceKind, EntryKind, FillReason, SignalBit

LONG = SignalBit.ENTER_LONG
STILL = (100.0, 100.0, 100.0, 100.0)
QUARTER = 15

type Row = tuple[float, float, float, float]


def quarter(start: Row = STILL, **minutes: Row) -> list[Row]:
    """Return fifteen minutes: `m4=(open, high, low, close)`; the others stand still at the close before."""
    rows, last = [], start[0]
    for minute in range(QUARTER):
        row = minutes.get(f"m{minute}", (last, last, last, last))
        rows.append(row)
        last = row[3]
    return rows


def run_minutes(
    *quarters: list[Row],
    rules: Records,
    wanted: BarSignals | None = None,
    events: FundingEvents | None = None,
    missing: tuple[int, ...] = (),
) -> tuple[SimulationOutput, SimulationOutput]:
    """Run without and with the minutes; the close of the first exec bar enters long if nothing else."""
    minutes = bars(*(row for rows in quarters for row in rows))
    execution = made_of(minutes, QUARTER)
    wanted = wanted or signals(len(execution), b0=LONG)
    plain = run(execution, wanted, rules, events=events)
    detail = detail_bars(execution, without(minutes, np.array(missing, np.int64)))
    events = FundingEvents.none() if events is None else events
    return plain, simulate_detailed(detail, wanted, events, rules, ONE_TIER, 1000.0)


def exits(output: SimulationOutput) -> list[tuple[float, FillReason, bool]]:
    """Return price, reason and ambiguity of each trade's exit."""
    return [
        (float(trade.exit_price), FillReason(int(trade.reason)), bool(trade.ambiguous))
        for trade in output.trades
    ]


def test_minutes_show_that_the_target_came_first() -> None:
    second = quarter(m4=(100, 103, 100, 103), m9=(103, 103, 97, 98))
    plain, detailed = run_minutes(quarter(), second, rules=contract(**percent(stop=2, target=2)))
    assert exits(plain) == [(98.0, FillReason.STOP_LOSS, True)]
    assert exits(detailed) == [(102.0, FillReason.TAKE_PROFIT, False)]
    # the close of the minute, and still the exec bar it is counted in
    assert detailed.trades.ts_exit.tolist() == [(15 + 5) * MINUTE]
    assert (detailed.trades[0].exit_bar, detailed.trades[0].bars_held) == (1, 1)
    assert detailed.equity.tolist() == [1000.0, 1002.0]


def test_minutes_show_that_the_stop_came_first() -> None:
    second = quarter(m4=(100, 100, 97, 98), m9=(98, 103, 98, 103))
    plain, detailed = run_minutes(quarter(), second, rules=contract(**percent(stop=2, target=2)))
    assert exits(plain) == [(98.0, FillReason.STOP_LOSS, True)]
    assert exits(detailed) == [(98.0, FillReason.STOP_LOSS, False)]


def test_a_minute_with_both_in_range_is_ambiguous_still() -> None:
    second = quarter(m4=(100, 103, 97, 100))
    plain, detailed = run_minutes(quarter(), second, rules=contract(**percent(stop=2, target=2)))
    assert exits(detailed) == exits(plain) == [(98.0, FillReason.STOP_LOSS, True)]


def test_a_bar_with_a_minute_missing_runs_as_it_is() -> None:
    second = quarter(m4=(100, 103, 100, 103), m9=(103, 103, 97, 98))
    plain, detailed = run_minutes(
        quarter(), second, rules=contract(**percent(stop=2, target=2)), missing=(15 + 12,)
    )
    assert exits(detailed) == exits(plain) == [(98.0, FillReason.STOP_LOSS, True)]


def test_pitfall_5_a_limit_filled_in_minute_10_has_no_target_from_minute_0() -> None:
    rules = contract(
        entry_kind=EntryKind.LIMIT, offset_kind=DistanceKind.PERCENT, offset_value=1.0, **percent(target=2)
    )
    # the limit is at 99, its target at 100.98: minute 0 goes to 101.5 before the order is filled
    early = quarter(m0=(100, 101.5, 100, 100), m10=(100, 100, 98.5, 99.5))
    _, detailed = run_minutes(quarter(), early, rules=rules)
    assert detailed.trades.ts_entry.tolist() == [(15 + 11) * MINUTE]
    assert exits(detailed) == [(99.5, FillReason.END_OF_DATA, False)]
    # what minute 12 shows counts
    late = quarter(m0=(100, 101.5, 100, 100), m10=(100, 100, 98.5, 99.5), m12=(99.5, 101.2, 99.5, 101))
    plain, detailed = run_minutes(quarter(), late, rules=rules)
    assert exits(detailed) == [(100.98, FillReason.TAKE_PROFIT, False)]
    assert detailed.trades.ts_exit.tolist() == [(15 + 13) * MINUTE]
    # the exec bar alone shows only that it closed at 101
    assert exits(plain) == [(100.98, FillReason.TAKE_PROFIT, False)]


def test_a_trail_moves_at_each_minute_and_acts_from_the_next() -> None:
    rules = contract(trails=1, **percent(stop=1))
    # minute 2 closes at its best price 110 and the stop goes to 108.9; minute 3 reaches it
    second = quarter(m2=(100, 110, 100, 110), m3=(110, 110, 108, 108))
    plain, detailed = run_minutes(quarter(), second, quarter((108, 108, 108, 108)), rules=rules)
    assert exits(detailed) == [(108.9, FillReason.TRAILING_STOP, False)]
    assert detailed.trades.ts_exit.tolist() == [(15 + 4) * MINUTE]
    # the exec bar moves it at its close, and it is found jumped over at the next open
    assert exits(plain) == [(108.0, FillReason.TRAILING_STOP, False)]
    assert plain.trades.ts_exit.tolist() == [30 * MINUTE]
    # pitfall 4: not inside the minute that moved it
    inside = quarter(m2=(100, 110, 99.5, 109))
    _, detailed = run_minutes(quarter(), inside, rules=rules)
    assert exits(detailed) == [(109.0, FillReason.END_OF_DATA, False)]


def test_a_trail_by_a_feature_takes_what_the_last_closed_exec_bar_knows() -> None:
    rules = contract(
        stop_kind=DistanceKind.FEATURE_MULTIPLE, stop_value=1.0, stop_feature_long=0, stop_feature_short=0
    )
    rules.trails = 1
    # 5 at the first close; 1 is known at the second close only, and would have put the stop to 109
    features = np.array([[5.0, 1.0, 1.0]])
    bits = signals(3, b0=LONG).bits
    second = quarter(m2=(100, 110, 100, 110), m3=(110, 110, 106, 110))
    third = quarter((110, 110, 110, 110), m1=(110, 110, 108.5, 109))
    _, detailed = run_minutes(quarter(), second, third, rules=rules, wanted=BarSignals(bits, features))
    assert exits(detailed) == [(109.0, FillReason.TRAILING_STOP, False)]
    assert detailed.trades.ts_exit.tolist() == [(30 + 2) * MINUTE]


def test_break_even_moves_at_a_minute_and_saves_the_trade_in_the_same_exec_bar() -> None:
    rules = contract(
        moves_to_break_even=1, break_even_trigger_pct=1.0, break_even_offset_pct=0.0, **percent(stop=5)
    )
    second = quarter(m2=(100, 101.5, 100, 101), m6=(101, 101, 97, 98))
    plain, detailed = run_minutes(quarter(), second, rules=rules)
    assert exits(detailed) == [(100.0, FillReason.BREAK_EVEN, False)]
    assert exits(plain) == [(98.0, FillReason.END_OF_DATA, False)]


def test_funding_inside_an_exec_bar_is_settled_in_its_own_minute() -> None:
    rules = contract(**percent(stop=2))
    events = funding(((15 + 8) * MINUTE, 0.001, 100.0))
    # out in minute 4: nothing to pay in minute 8
    early = quarter(m4=(100, 100, 97, 98))
    plain, detailed = run_minutes(quarter(), early, rules=rules, events=events)
    assert plain.payments.amount.tolist() == pytest.approx([-0.1])
    assert len(detailed.payments) == 0
    # out in minute 8 itself, at its open or after: the payment comes first
    for row in ((97.0, 98.0, 97.0, 98.0), (100.0, 100.0, 97.0, 98.0)):
        _, detailed = run_minutes(quarter(), quarter(m8=row), rules=rules, events=events)
        assert detailed.payments.ts.tolist() == [(15 + 8) * MINUTE]
        assert len(detailed.trades) == 1


def test_a_wick_of_the_mark_liquidates_in_the_minute_it_comes() -> None:
    minutes = bars(*quarter(), *quarter(m6=(100, 104, 100, 100)))
    mark = {name: np.array(getattr(minutes, name)) for name in ("open", "high", "low", "close")}
    mark["low"][15 + 3] = 80.0
    market = MarketBars(
        MINUTE,
        minutes.ts_open,
        *(getattr(minutes, name) for name in ("open", "high", "low", "close")),
        *mark.values(),
        is_filled=minutes.is_filled,
        volume=minutes.volume,
    )
    execution = made_of(market, QUARTER)
    rules = contract(leverage=10.0, **percent(target=3))
    output = simulate_detailed(
        detail_bars(execution, market), signals(2, b0=LONG), FundingEvents.none(), rules, ONE_TIER, 1000.0
    )
    assert exits(output) == [(90.0, FillReason.LIQUIDATION, False)]
    assert output.trades.ts_exit.tolist() == [(15 + 4) * MINUTE]


def test_decisions_are_taken_at_exec_closes_only() -> None:
    # out in minute 3 of the second bar; the signal at its close enters at the open of the third
    second = quarter(m3=(100, 100, 97, 98))
    rules = contract(**percent(stop=2))
    wanted = signals(3, b0=LONG, b1=LONG)
    _, detailed = run_minutes(quarter(), second, quarter((98, 98, 98, 98)), rules=rules, wanted=wanted)
    assert detailed.trades.ts_entry.tolist() == [15 * MINUTE, 30 * MINUTE]
    assert detailed.trades.entry_bar.tolist() == [1, 2]
    assert detailed.equity.tolist() == pytest.approx([1000.0, 998.0, 998.0])
