"""The gate on look-ahead: nothing a run knew or did may change when what came later does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.backtest.decisions import first_warm_bar
from engine.backtest.history import History
from engine.errors import DataError
from engine.gates.base import Gate, GateResult, GateViolation, Severity
from engine.gates.known_market import KnownMarket
from engine.gates.trace import KnownValues, RunTrace, trace_of
from engine.strategies.card_plan import CardPlan
from engine.timeframes import format_utc

# Some ten seconds of work; a strategy in Python takes a hundred times as long for a bar.
_MOST_VALUES, _MOST_VALUES_IN_PYTHON = 1_200_000_000, 12_000_000
_CUTS, _CUTS_IN_PYTHON = 24, 4


@dataclass(frozen=True, eq=False)
class LookAheadEvidence:
    """A run that can be repeated over other markets.

    Attributes
    ----------
    where : str
        What is judged, for violations: "trend_pullback on BTCUSDT 15m".
    market : KnownMarket
        What the run looked at.
    run : callable
        Gives the trace of the run over a market, computed anew from it.
    first_close : int
        The first close (UTC ms) at which a decision can be taken: what ends before it cannot be run.
    given : RunTrace or None
        The trace of the run that is to be judged, where it was made from something else than the market
        alone, from stored features for instance; None where `run` made it.
    seed : int
        Of the cuts and the other futures.
    random_cuts : int
        Moments chosen at random.
    most_values : int
        How many values are made again in all (bars times the series of the trace), which bounds the time:
        entries beyond it are left out, though twice as many of their moments are tried as there are random
        ones, whatever it takes.
    """

    where: str
    market: KnownMarket
    run: Callable[[KnownMarket], RunTrace]
    first_close: int
    given: RunTrace | None = None
    seed: int = 0
    random_cuts: int = _CUTS
    most_values: int = _MOST_VALUES


def look_ahead_evidence(
    plan: CardPlan, history: History, *, start_ms: int | None = None, given: RunTrace | None = None
) -> LookAheadEvidence:
    """Return what the gate needs to judge a card over a history; of the history only the market is used.

    Parameters
    ----------
    plan : CardPlan
    history : History
    start_ms : int, optional
        The first bar that is traded.
    given : RunTrace, optional
        See `LookAheadEvidence`.

    Raises
    ------
    DataNotFound, DataError
        As `prepare_history` does.
    """
    exec_timeframe = plan.card.timeframes.exec
    window = history.window(exec_timeframe, start_ms, None)
    first = max(first_warm_bar(plan, history), window.rows.start) + 1
    opens = history.bars(exec_timeframe).ts_open
    return LookAheadEvidence(
        where=f"{plan.card.id} on {history.symbol} {exec_timeframe}",
        market=KnownMarket.of(history),
        run=lambda market: trace_of(plan, market, start_ms),
        first_close=int(opens[min(first, len(opens) - 1)]) + exec_timeframe.ms,
        given=given,
        random_cuts=_CUTS if plan.strategy is None else _CUTS_IN_PYTHON,
        most_values=_MOST_VALUES if plan.strategy is None else _MOST_VALUES_IN_PYTHON,
    )


class LookAheadGate(Gate[LookAheadEvidence]):
    """Repeat a run without its future, or with another one, at many moments; nothing before may change.

    The moments: some at random, of every entry the close it was decided at, and of one in four the close of
    the bar it was filled in; as many as `most_values` allows, evenly taken. At every second random moment the
    future is another one, at the others there is none. Compared are features on every timeframe, signals,
    what orders look at, fills and equity, to the bit.
    """

    name = "look_ahead"
    checks = "Nothing that a run knew or did changes when what came later is cut off or altered."
    severity = Severity.ERROR

    def run(self, evidence: LookAheadEvidence) -> GateResult:
        """Return the verdict, with the first moment at which each thing was found to know the future."""
        whole = evidence.run(evidence.market)
        found: dict[str, GateViolation] = {}
        if evidence.given is not None:
            for name, other in _differences(evidence.given, whole, int(whole.bar_closes[-1])):
                found[name] = _stale(evidence.where, name, other)
            whole = evidence.given
        cuts, left_out = _cuts(evidence, whole)
        rng = np.random.default_rng(evidence.seed)
        for number, cut in enumerate(cuts):
            alters = number % 2 == 1 and number < evidence.random_cuts
            market = evidence.market.with_another_future(cut, rng) if alters else evidence.market.until(cut)
            try:
                again = evidence.run(market)
            except DataError as error:
                found.setdefault("the run", _cannot_run(evidence.where, cut, error))
                continue
            for name, difference in _differences(whole, again, cut):
                found.setdefault(name, _knows_the_future(evidence.where, name, cut, difference))
        summary = f"{len(cuts)} moments, {len(whole.series)} series"
        if left_out:
            summary += f"; {left_out} entries not tried"
        return GateResult(self.name, self.checks, self.severity, summary, tuple(found.values()))


@dataclass(frozen=True)
class _Difference:
    known_at: int
    was: float | None
    became: float | None


def _cuts(evidence: LookAheadEvidence, whole: RunTrace) -> tuple[list[int], int]:
    """Return the moments, and how many of the entries' are left out."""
    closes = whole.bar_closes[(whole.bar_closes >= evidence.first_close)][:-1]
    if not len(closes):
        return [], len(whole.entry_closes)
    rng = np.random.default_rng(evidence.seed)
    at_random = rng.choice(closes, min(evidence.random_cuts, len(closes)), replace=False)
    of_entries = whole.entry_closes[np.isin(whole.entry_closes, closes)]
    bars = sum(len(of) for of in evidence.market.candles.values())
    # on average a cut runs half of the market
    values = max(bars * len(whole.series), 1)
    most = max(2 * evidence.most_values // values - len(at_random), 2 * evidence.random_cuts)
    chosen = of_entries
    if len(of_entries) > most:
        chosen = of_entries[np.linspace(0, len(of_entries) - 1, most).astype(np.int64)]
    return [int(cut) for cut in (*at_random, *chosen)], len(of_entries) - len(chosen)


def _differences(whole: RunTrace, again: RunTrace, cut: int) -> Iterator[tuple[str, _Difference]]:
    for name, first in whole.series.items():
        second = again.series.get(name)
        if second is None:
            yield name, _Difference(cut, None, None)
            continue
        # a run that ends at the cut has closed its position in the last bar: its equity ends one bar earlier
        end = min(_count(first, cut), len(second.known_at)) if name == "the equity" else _count(first, cut)
        was, became = first.values[:end], second.values[: _count(second, cut)][:end]
        same = min(len(was), len(became))
        unequal = np.flatnonzero(
            ~((was[:same] == became[:same]) | (np.isnan(was[:same]) & np.isnan(became[:same])))
        )
        more = _count(second, cut) > end and name != "the equity"
        if len(unequal):
            place = int(unequal[0])
            yield name, _Difference(int(first.known_at[place]), float(was[place]), float(became[place]))
        elif same < len(was):
            yield name, _Difference(int(first.known_at[same]), float(was[same]), None)
        elif more:
            yield name, _Difference(int(second.known_at[end]), None, float(second.values[end]))


def _count(series: KnownValues, cut: int) -> int:
    known: NDArray[np.int64] = series.known_at
    return int(np.searchsorted(known, cut, side="right"))


def _knows_the_future(where: str, name: str, cut: int, found: _Difference) -> GateViolation:
    return GateViolation(
        where=f"{where}, {format_utc(found.known_at)}",
        what=f"{name} knew what came after {format_utc(cut)}",
        how_much=f"{_shown(found.was)} with the future that was, {_shown(found.became)} without it",
        remedy="Compute it from bars that have closed only: no centred windows, no negative shifts, no "
        "statistics of the whole sample, higher timeframes by their close.",
    )


def _stale(where: str, name: str, found: _Difference) -> GateViolation:
    return GateViolation(
        where=f"{where}, {format_utc(found.known_at)}",
        what=f"{name} is not what the candles give",
        how_much=f"{_shown(found.was)} was used, {_shown(found.became)} is computed from the candles",
        remedy="Throw the stored features away and materialize them again.",
    )


def _cannot_run(where: str, cut: int, error: DataError) -> GateViolation:
    return GateViolation(
        where=where,
        what=f"the run is not possible on what was known at {format_utc(cut)}",
        how_much=str(error),
        remedy="Start the run later, or shorten the warm-up.",
    )


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.12g}"
