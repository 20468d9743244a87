"""Exits that ask of the position, tags and captured values, on markets small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sim_market import bars, contract, percent, run

from engine.errors import SimulationError
from engine.rules.position_program import MOST_DEEP, MOST_STEPS, Step
from engine.sim.contract import features_needed
from engine.sim.market import BarSignals
from engine.sim.signal_terms import SignalTerms, Steps, with_signal_terms
from engine.sim.simulate import SimulationOutput
from engine.sim.state import FillReason, SignalBit

LONG, SHORT = int(SignalBit.ENTER_LONG), int(SignalBit.ENTER_SHORT)
EXITS = int(SignalBit.EXIT_LONG | SignalBit.EXIT_SHORT)
# opens and closes; the range of a bar is no wider than they are
RISING = [(100 + 2 * k, 102 + 2 * k) for k in range(8)]
NAN = float("nan")


def asks(*steps: tuple[Step, float]) -> Steps:
    """Return the steps of an untagged rule."""
    return (*steps, (Step.RESULT, 0.0))


def more_than(state: Step, value: float) -> Steps:
    return asks((state, 0.0), (Step.NUMBER, value), (Step.RELATED, 1.0))


def trade(
    terms: SignalTerms,
    *,
    first: int = LONG,
    market: list[tuple[float, float]] = RISING,
    rows: list[list[float]] | None = None,
    **changes: float,
) -> SimulationOutput:
    """Enter at the close of bar 0; the exits may hold at every close."""
    prices = bars(*[(o, max(o, c), min(o, c), c) for o, c in market])
    bits = np.full(len(market), EXITS, np.int8)
    bits[0] |= first
    features = np.array(rows) if rows else np.empty((0, len(market)))
    return run(prices, BarSignals(bits, features), with_signal_terms(contract(**changes), terms))


def test_bars_in_trade_is_1_at_the_close_of_the_bar_of_the_entry():
    # entered at the open of bar 1; at the close of bar 3 it is the third bar, and out at the open of bar 4
    for side in ("long", "short"):
        steps = more_than(Step.BARS_IN_TRADE, 2)
        terms = SignalTerms(exit_steps=(steps, ()) if side == "long" else ((), steps))
        output = trade(terms, first=LONG if side == "long" else SHORT)
        assert [(t.entry_bar, t.exit_bar, t.bars_held) for t in output.trades] == [(1, 4, 3)]


def test_gains_are_above_zero_on_either_side():
    # a long from 102 has gained 3.9 % at the close of 106, bar 2
    terms = SignalTerms(exit_steps=(more_than(Step.UNREALISED_PCT, 3.9), ()))
    assert trade(terms).trades.exit_bar.tolist() == [3]
    falling = [(100 - 2 * k, 98 - 2 * k) for k in range(8)]
    # a short from 98 has gained 4.08 % at the close of 94, bar 2
    terms = SignalTerms(exit_steps=((), more_than(Step.UNREALISED_PCT, 4.0)))
    assert trade(terms, first=SHORT, market=falling).trades.exit_bar.tolist() == [3]


def test_r_is_counted_in_the_distance_of_the_first_stop_wherever_the_stop_is_now():
    # the stop of 2 % is 2.04 below 102; break-even moves it at the first close; 3 R are 6.12,
    # which the close of bar 4, 110, is the first to have
    terms = SignalTerms(exit_steps=(more_than(Step.UNREALISED_R, 3), ()))
    moved = {"moves_to_break_even": 1.0, "break_even_trigger_pct": 1.0}
    output = trade(terms, **percent(stop=2.0), **moved)
    assert output.trades.stop_price.tolist() == [102.0]
    assert output.trades.exit_bar.tolist() == [5]


def test_what_is_missing_neither_holds_nor_fails():
    r_above = ((Step.UNREALISED_R, 0.0), (Step.NUMBER, -9.0), (Step.RELATED, 1.0))
    # without a stop there is no R
    for steps in (asks(*r_above), asks(*r_above, (Step.NOT, 0.0))):
        output = trade(SignalTerms(exit_steps=(steps, ())))
        assert output.trades.reason.tolist() == [FillReason.END_OF_DATA]
    # unknown or true is true, unknown and false is false
    late = ((Step.BARS_IN_TRADE, 0.0), (Step.NUMBER, 2.0), (Step.RELATED, 1.0))
    either = asks(*r_above, *late, (Step.OR, 0.0))
    assert trade(SignalTerms(exit_steps=(either, ()))).trades.exit_bar.tolist() == [4]
    both = asks(*r_above, *late, (Step.AND, 0.0), (Step.NOT, 0.0))
    assert trade(SignalTerms(exit_steps=(both, ()))).trades.exit_bar.tolist() == [2]


@pytest.mark.parametrize(
    ("steps", "holds"),
    [
        ([7, 2, (Step.ADD, 0.0), 9, (Step.RELATED, 4.0)], True),
        ([7, 2, (Step.SUBTRACT, 0.0), 5, (Step.RELATED, 4.0)], True),
        ([7, 2, (Step.MULTIPLY, 0.0), 14, (Step.RELATED, 4.0)], True),
        ([7, 2, (Step.DIVIDE, 0.0), 3.5, (Step.RELATED, 4.0)], True),
        ([-7, 2, (Step.REMAINDER, 0.0), 1, (Step.RELATED, 4.0)], True),  # of the divisor's sign
        ([7, -2, (Step.REMAINDER, 0.0), -1, (Step.RELATED, 4.0)], True),
        ([7, 2, (Step.SMALLER, 0.0), 2, (Step.RELATED, 4.0)], True),
        ([7, 2, (Step.LARGER, 0.0), 7, (Step.RELATED, 4.0)], True),
        ([-7, (Step.SIZE, 0.0), 7, (Step.RELATED, 4.0)], True),
        ([7, 0, (Step.DIVIDE, 0.0), 7, (Step.RELATED, 7.0)], False),  # missing, whatever is asked of it
        ([7, 0, (Step.REMAINDER, 0.0), 7, (Step.RELATED, 7.0)], False),
        ([1e308, 1e308, (Step.MULTIPLY, 0.0), 7, (Step.RELATED, 7.0)], False),
        ([2, 2, 3, (Step.BETWEEN, 0.0)], True),
        ([3, 2, 3, (Step.BETWEEN, 0.0)], True),
        ([3.1, 2, 3, (Step.BETWEEN, 0.0)], False),
        ([101, 100, 1, (Step.NEAR_PCT, 0.0)], True),
        ([-101.5, -100, 1, (Step.NEAR_PCT, 0.0)], False),
        ([103, 100, 3, (Step.NEAR_ABS, 0.0)], True),
        ([96.9, 100, 3, (Step.NEAR_ABS, 0.0)], False),
        ([2, 3, (Step.RELATED, 3.0)], True),
        ([3, 3, (Step.RELATED, 3.0)], False),
        ([3, 3, (Step.RELATED, 5.0)], True),
        ([2, 3, (Step.RELATED, 5.0)], False),
    ],
)
def test_every_step_by_hand(steps, holds):
    made = asks(*[step if isinstance(step, tuple) else (Step.NUMBER, float(step)) for step in steps])
    left = trade(SignalTerms(exit_steps=(made, ()))).trades.reason.tolist() == [FillReason.SIGNAL]
    assert left is holds


def test_rows_are_those_of_the_close_and_infinite_ones_are_missing():
    row = [9.0, NAN, np.inf, 2.0, 9.0, 9.0, 9.0, 9.0]
    steps = asks((Step.ROW, 0.0), (Step.NUMBER, 3.0), (Step.RELATED, 1.0))
    assert trade(SignalTerms(exit_steps=(steps, ())), rows=[row]).trades.exit_bar.tolist() == [5]
    unknown = asks((Step.ROW, 0.0), (Step.NUMBER, 3.0), (Step.RELATED, 1.0), (Step.NOT, 0.0))
    assert trade(SignalTerms(exit_steps=(unknown, ())), rows=[row]).trades.exit_bar.tolist() == [4]


def test_tags_and_captured_values_are_those_of_the_signal():
    entry, exits, captured = [2.0] + [0.0] * 7, [0.0] * 4 + [3.0] * 4, [5.0] + [0.0] * 7
    waits = ((Step.CAPTURED, 0.0), (Step.BARS_IN_TRADE, 0.0), (Step.RELATED, 4.0))
    rows = [entry, exits, captured]
    terms = SignalTerms(
        entry_tag_rows=(0, -1),
        exit_tag_rows=(1, -1),
        capture_rows=(2,),
        exit_steps=((*waits, (Step.RESULT, 7.0)), ()),
    )
    output = trade(terms, rows=rows)
    [ended] = output.trades
    # the fifth bar is bar 5; the steps' own tag counts, not the row's
    assert (ended.signal_bar, ended.entry_bar, ended.exit_bar) == (0, 1, 6)
    assert (ended.entry_tag, ended.exit_tag) == (2, 7)
    assert output.fills.tag.tolist() == [2, 7]
    # without steps the bit says all, and the row has the tag: out at the second close, where it is 0
    plain = SignalTerms(entry_tag_rows=(0, -1), exit_tag_rows=(1, -1))
    [ended] = trade(plain, rows=rows).trades
    assert (ended.exit_bar, ended.entry_tag, ended.exit_tag) == (2, 2, 0)


def test_an_exit_that_does_not_hold_leaves_a_resting_order_alone():
    # the entry rests two bars below the market, and without a position its state is missing
    market = [(100, 100), (100, 100), (100, 100), (100, 95), (95, 95), (95, 95)]
    resting = {"entry_kind": 1.0, "offset_kind": 1.0, "offset_value": 3.0}
    terms = SignalTerms(exit_steps=(more_than(Step.BARS_IN_TRADE, 1), ()))
    [ended] = trade(terms, market=market, **resting).trades
    assert (ended.entry_price, ended.entry_bar, ended.exit_bar) == (97.0, 3, 5)
    # an exit that the market alone makes hold takes the order back
    always = SignalTerms(exit_steps=(asks((Step.NUMBER, 1.0)), ()))
    assert len(trade(always, market=market, **resting).trades) == 0


def test_a_tag_is_not_that_of_an_exit_that_came_to_nothing():
    # decided at the close of bar 1, but the open of bar 2 is beyond the stop
    market = [(100, 100), (100, 100), (94, 94), (94, 94)]
    terms = SignalTerms(exit_steps=((*more_than(Step.BARS_IN_TRADE, 0)[:-1], (Step.RESULT, 4.0)), ()))
    [ended] = trade(terms, market=market, **percent(stop=5.0)).trades
    assert (ended.reason, ended.exit_tag) == (FillReason.STOP_LOSS, 0)


def test_a_contract_holds_no_more_than_it_has_room_for():
    long = ((Step.NUMBER, 1.0), (Step.RESULT, 0.0)) * MOST_STEPS
    deep = ((Step.NUMBER, 1.0),) * (MOST_DEEP + 1)
    for steps in (long, deep):
        with pytest.raises(SimulationError, match="steps of the position"):
            with_signal_terms(contract(), SignalTerms(exit_steps=((), steps)))
    with pytest.raises(SimulationError, match="9 values are captured"):
        with_signal_terms(contract(), SignalTerms(capture_rows=tuple(range(9))))


def test_every_row_that_is_looked_at_is_asked_for():
    terms = SignalTerms(
        entry_tag_rows=(3, -1),
        capture_rows=(1, 6),
        exit_steps=((), asks((Step.ROW, 8.0), (Step.NUMBER, 9.0))),
    )
    assert features_needed(with_signal_terms(contract(), terms)) == 9
    assert features_needed(with_signal_terms(contract(), SignalTerms())) == 0
    with pytest.raises(SimulationError, match="look at 9 features, and there are 7"):
        trade(terms, rows=[[0.0] * 8] * 7)
