"""What a card decides at each close of a window: its rules as bits, and the features its orders look at."""

from __future__ import annotations

import numpy as np

from engine.backtest.history import History, Window
from engine.backtest.named_signals import NamedSignals, named_signals, rows_of
from engine.backtest.visible import VisibleColumns
from engine.errors import DataError
from engine.rules.columns import Columns
from engine.rules.compile import evaluate_rules
from engine.sim.market import BarSignals
from engine.sim.records import Flags, Floats, SignalBits
from engine.sim.state import SignalBit
from engine.strategies.card_plan import CardPlan

_BIT_OF_RULE = {
    "entry_long": SignalBit.ENTER_LONG,
    "exit_long": SignalBit.EXIT_LONG,
    "entry_short": SignalBit.ENTER_SHORT,
    "exit_short": SignalBit.EXIT_SHORT,
}
_ENTRIES = np.int8(SignalBit.ENTER_LONG | SignalBit.ENTER_SHORT)
_EXITS = np.int8(SignalBit.EXIT_LONG | SignalBit.EXIT_SHORT)


def decisions(plan: CardPlan, history: History, window: Window) -> BarSignals:
    """Return the signals of a card in a window.

    Its features are those the orders look at, then those that name its signals (`named_signals`). There are
    no signals before everything a decision may look at is warm. Outside the card's trading session there
    are no entries; where it closes positions then, both exits are signalled there.
    A card whose signals come from Python has no others here; `engine.backtest.strategy_run` asks for them.

    Raises
    ------
    DataError
        If the data are too short for the warm-up.
    """
    columns = VisibleColumns(plan, history)
    warm = first_warm_bar(plan, history)
    rows = window.rows
    if warm >= rows.stop:
        raise DataError(
            f"card {plan.card.id}: too little data for the warm-up of {history.symbol}: "
            f"the first bar everything is known at would be number {warm + 1}, and there are {rows.stop}",
            way_out="sync an earlier start (TRADE_HISTORY_START), or choose a later end",
        )
    shared = Columns(columns)
    bits = admitted(plan, history, window, _verdicts(plan, history, columns, shared)[rows])
    features, named = _levels(plan, history, columns, rows), named_signals(plan)
    if named.rows:
        features = _with_names(features, named, plan, history, window, shared)
    return BarSignals(bits, features)


def admitted(plan: CardPlan, history: History, window: Window, bits: SignalBits) -> SignalBits:
    """Return what warm-up and trading session leave of the signals of a window, and what they add."""
    session = plan.card.position_policy.trading_session
    if session is not None:
        inside = _inside_session(plan, window)
        bits = np.where(inside, bits, bits & ~_ENTRIES)
        if session.close_outside:
            bits = np.where(inside, bits, bits | _EXITS)
    cold = first_warm_bar(plan, history) - window.rows.start
    # as a rule nothing holds before everything is known
    if cold > 0 and bits[:cold].any():
        bits = bits.copy()
        bits[:cold] = 0
    return bits


def _inside_session(plan: CardPlan, window: Window) -> Flags:
    """Return at which closes of a window the card's trading session allows entries: bool[bars]."""
    session = plan.card.position_policy.trading_session
    if session is None:
        return np.ones(len(window.bars), np.bool_)
    return session.entries_allowed(window.bars.ts_open + window.bars.bar_ms)


def _verdicts(plan: CardPlan, history: History, columns: VisibleColumns, shared: Columns) -> SignalBits:
    """Return the bits of the rules at every exec bar; sets that differ only in their orders share them."""
    exec_timeframe = plan.card.timeframes.exec
    count = len(history.bars(exec_timeframe))

    def evaluate() -> SignalBits:
        found = evaluate_rules(plan.rules, shared)
        each = [holds.view(np.int8) * np.int8(_BIT_OF_RULE[rule]) for rule, holds in found.items()]
        bits: SignalBits = each[0] if each else np.zeros(count, np.int8)
        for others in each[1:]:
            np.bitwise_or(bits, others, out=bits)
        bits.flags.writeable = False
        return bits

    meanings = frozenset((each, columns.meaning_of(each)) for each in plan.rules.references())
    return history.kept(("verdicts", exec_timeframe, plan.rules, meanings), evaluate)


def first_warm_bar(plan: CardPlan, history: History) -> int:
    """Return the first exec bar at whose close every role is warm; the number of bars if there is none."""
    exec_timeframe = plan.card.timeframes.exec
    count = len(history.bars(exec_timeframe))
    first = 0
    for role, timeframe in plan.card.timeframes.roles().items():
        rows = plan.warmup_bars(role)
        if timeframe is exec_timeframe:
            warm = min(rows, count)
        else:
            warm = history.alignment(exec_timeframe, timeframe).first_bar_with(rows)
        first = max(first, warm)
    return first


def _with_names(
    levels: Floats, named: NamedSignals, plan: CardPlan, history: History, window: Window, shared: Columns
) -> Floats:
    """Return the features of the orders with those that name signals; sets of the same rules share them."""
    columns, rows = VisibleColumns(plan, history), window.rows
    session = plan.card.position_policy.trading_session

    def stack() -> Floats:
        names = rows_of(named, plan, shared, rows, ~_inside_session(plan, window))
        features = np.concatenate([levels, names])
        features.flags.writeable = False
        return features

    meanings = frozenset((each, columns.meaning_of(each)) for each in plan.references())
    asked = (named, plan.tags, plan.level_references, None if session is None else session.said)
    where = (rows.start, rows.stop, plan.card.timeframes.exec)
    return history.kept(("names", where, asked, meanings), stack)


def _levels(plan: CardPlan, history: History, columns: VisibleColumns, rows: slice) -> Floats:
    """Return the features of the orders, float64[features, bars of the window]."""
    references = plan.level_references

    def stack() -> Floats:
        levels = np.empty((len(references), rows.stop - rows.start))
        for row, reference in enumerate(references):
            levels[row] = columns.column(reference.name, reference.role, reference.offset)[rows]
        levels.flags.writeable = False
        return levels

    if len(references) == 1:
        [only] = references
        return columns.column(only.name, only.role, only.offset)[None, rows]
    meanings = tuple(columns.meaning_of(reference) for reference in references)
    return history.kept(("levels", rows.start, rows.stop, plan.card.timeframes.exec, meanings), stack)
