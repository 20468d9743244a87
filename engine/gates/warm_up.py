"""The gate on warm-up: a run that begins with no more history than the card declares does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.backtest.decisions import first_warm_bar
from engine.backtest.history import History
from engine.features.builder import feature_columns, feature_warmup
from engine.features.registry import INDICATORS
from engine.features.spec import Memory
from engine.gates.base import Gate, GateResult, GateViolation
from engine.gates.differing import Differing, fills_of, signals_of
from engine.gates.known_market import KnownMarket
from engine.gates.trace import KnownValues, RunTrace, trace_of
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe, format_utc

# A window holds nothing but its own bars: what is left is the rounding of sums that begin elsewhere.
_ROUNDING = 1e-8
# Of what a feature typically moves from bar to bar: no rule sees less.
_SETTLED = 0.01
# Fading memories are given that many warm-ups. The slowest shipped (an adaptive average in a market that goes
# nowhere) takes two thirds of them; an average of a thousand bars that declares ten does not make it.
_PATIENCE = 100
# What may differ of the signals and of the fills once the features have settled, in all starts together: a
# level may be met by a hair, and one other fill brings others. Without any feature that remembers, only a
# tie in the last digit may.
_SIGNALS, _FILLS, _TIES = 0.02, 0.05, 0.001


@dataclass(frozen=True)
class FeatureMemory:
    """What a feature declares of how far back it reaches.

    Attributes
    ----------
    timeframe : Timeframe
    memory : Memory
    warmup : int
        Bars before its first value.
    sparse : bool
        Whether values may be missing after it.
    """

    timeframe: Timeframe
    memory: Memory
    warmup: int
    sparse: bool = False


@dataclass(frozen=True, eq=False)
class WarmUpEvidence:
    """A run that can begin at any bar, on any history.

    Attributes
    ----------
    where : str
        What is judged, for violations.
    market : KnownMarket
    exec_timeframe : Timeframe
    warmups : mapping of Timeframe to int
        Bars of each timeframe the card declares to need before its first decision.
    features : mapping of str to FeatureMemory
        What the features of the trace declare, by the name of their series.
    run : callable
        Gives the trace of the run over a market that trades from a moment (UTC ms) on.
    first_bar : int
        The first exec bar at which everything is warm on the whole history.
    seed : int
        Of the starts.
    starts : int
        How many bars the run begins at, in the first half of the history: at random, every other one among
        those at whose close there is a signal.
    """

    where: str
    market: KnownMarket
    exec_timeframe: Timeframe
    warmups: Mapping[Timeframe, int]
    features: Mapping[str, FeatureMemory]
    run: Callable[[KnownMarket, int], RunTrace]
    first_bar: int
    seed: int = 0
    starts: int = 6


def warm_up_evidence(plan: CardPlan, history: History) -> WarmUpEvidence:
    """Return what the gate needs to judge a card over a history; of the history only the market is used.

    Raises
    ------
    DataError
        As `prepare_history` does.
    """
    roles = plan.card.timeframes.roles()
    features = {
        f"feature {column}": FeatureMemory(
            roles[feature.tf],
            INDICATORS[feature.indicator].memory,
            feature_warmup(feature),
            INDICATORS[feature.indicator].sparse,
        )
        for name, feature in plan.card.features.items()
        for column in feature_columns(name, feature)
    }
    return WarmUpEvidence(
        where=f"{plan.card.id} on {history.symbol} {plan.card.timeframes.exec}",
        market=KnownMarket.of(history),
        exec_timeframe=plan.card.timeframes.exec,
        warmups={timeframe: plan.warmup_bars(role) for role, timeframe in roles.items()},
        features=features,
        run=lambda market, start_ms: trace_of(plan, market, start_ms),
        first_bar=first_warm_bar(plan, history),
        # a strategy in Python takes a hundred times as long for a bar
        starts=6 if plan.strategy is None else 2,
    )


class WarmUpGate(Gate[WarmUpEvidence]):
    """Begin a run with exactly the history its card declares, and compare with all the history there is.

    A feature of a window has to agree from the first bar on, one whose memory fades before a hundred warm-ups
    are over (where the history is as long): an exponential mean takes some bars to forget what it began with,
    and it may. How long is told. A run that begins then, with and without the longer history, may differ in
    two of a hundred signals and five of a hundred fills.
    """

    name = "warm_up"
    checks = "A history longer than the declared warm-up changes nothing beyond its first bars."

    def run(self, evidence: WarmUpEvidence) -> GateResult:
        """Return the verdict; what is observed is the share of signals that a longer history changes."""
        found: dict[str, GateViolation] = {}
        settled = dict.fromkeys(evidence.features, 0)
        signals, fills = Differing(), Differing()
        judged, starts = 0, _starts(evidence)
        for bar in starts:
            start_ms = int(evidence.market.candles[evidence.exec_timeframe].ts_open[bar])
            declared = evidence.market.since(_first_rows(evidence, bar))
            whole, short = (evidence.run(market, start_ms) for market in (evidence.market, declared))
            calm_ms = start_ms
            for name, memory in evidence.features.items():
                known = _known_then(evidence, memory, whole.series[name], start_ms)
                took, violation = _judged(evidence, name, memory, known, short.series[name])
                settled[name] = max(settled[name], took)
                if took and memory.memory is not Memory.WHOLE:
                    calm_ms = max(calm_ms, int(known.known_at[took - 1]))
                if violation is not None:
                    found.setdefault(name, violation)
            if calm_ms > (start_ms + 3 * int(whole.bar_closes[-1])) // 4:
                continue
            judged += 1
            if calm_ms > start_ms:
                # with no position left from before: what a run holds can keep it off the other's way for good
                whole, short = (evidence.run(market, calm_ms) for market in (evidence.market, declared))
            signals.count(signals_of(whole), signals_of(short))
            fills.count(fills_of(whole), fills_of(short))
        windows = all(of.memory is Memory.WINDOW and not of.sparse for of in evidence.features.values())
        of_signals, of_fills = (_TIES, _TIES) if windows else (_SIGNALS, _FILLS)
        for what, differing, allowed in (("signals", signals, of_signals), ("fills", fills, of_fills)):
            if differing.share > allowed and differing.differ > 1:
                found[what] = _changed(evidence.where, what, differing, allowed)
        if not judged and not found:
            found["history"] = _too_short(evidence, settled)
        return GateResult(
            self.name,
            self.checks,
            self.severity,
            f"{judged} of {len(starts)} starts judged; " + _summary(settled, evidence, signals, fills),
            tuple(found.values()),
            observed=signals.share,
            threshold=of_signals,
        )


def _starts(evidence: WarmUpEvidence) -> list[int]:
    opens = evidence.market.candles[evidence.exec_timeframe].ts_open
    first = evidence.first_bar + 1
    there = np.arange(first, max((first + len(opens)) // 2, first + 1))[: len(opens) - first]
    if not len(there):
        return []
    signals = evidence.run(evidence.market, int(opens[0])).series["the signals of the rules"]
    close = opens + evidence.exec_timeframe.ms
    with_signal = there[np.isin(close[there], signals.known_at[signals.values != 0.0])]
    rng = np.random.default_rng(evidence.seed)
    chosen = rng.choice(there, min(evidence.starts, len(there)), replace=False)
    if len(with_signal):
        chosen[::2] = rng.choice(with_signal, len(chosen[::2]))
    return sorted({int(bar) for bar in chosen})


def _first_rows(evidence: WarmUpEvidence, bar: int) -> dict[Timeframe, int]:
    """Return where each timeframe's candles begin if a run from `bar` on has its warm-up and no more."""
    exec_candles = evidence.market.candles[evidence.exec_timeframe]
    decided = int(exec_candles.ts_open[bar]) + evidence.exec_timeframe.ms
    rows = {}
    for timeframe, warmup in evidence.warmups.items():
        opens = evidence.market.candles[timeframe].ts_open
        last_closed = int(np.searchsorted(opens, decided - timeframe.ms, side="right")) - 1
        rows[timeframe] = max(last_closed - warmup, 0)
    begins = int(exec_candles.ts_open[rows[evidence.exec_timeframe]])
    for timeframe, candles in evidence.market.candles.items():
        rows.setdefault(timeframe, int(np.searchsorted(candles.ts_open, begins)))
    return rows


def _known_then(
    evidence: WarmUpEvidence, memory: FeatureMemory, whole: KnownValues, start_ms: int
) -> KnownValues:
    """Return a feature as the first decision sees it, and on: with all the history there is."""
    decided = start_ms + evidence.exec_timeframe.ms
    first = int(np.searchsorted(whole.known_at, decided, side="right")) - 1
    # the very first row has no bar before it, which what it is compared with has
    first += evidence.warmups[memory.timeframe] == 0
    return KnownValues(whole.known_at[first:], whole.values[first:])


def _judged(
    evidence: WarmUpEvidence,
    name: str,
    memory: FeatureMemory,
    whole: KnownValues,
    short: KnownValues,
) -> tuple[int, GateViolation | None]:
    """Return after how many bars a feature is what a longer history makes it, and what is wrong with that."""
    values = short.values[int(np.searchsorted(short.known_at, whole.known_at[0])) :]
    apart = _apart(whole.values, values)
    moves = float(np.nanmedian(np.abs(np.diff(whole.values)))) if len(whole.values) > 1 else 0.0
    size = float(np.nanmean(np.abs(whole.values))) if np.isfinite(whole.values).any() else 0.0
    in_window = memory.memory is Memory.WINDOW and not memory.sparse
    allowed = _ROUNDING * size if in_window else max(_SETTLED * moves, _ROUNDING * size)
    late = np.flatnonzero(apart > allowed)
    took = int(late[-1]) + 1 if len(late) else 0
    patience = 0 if in_window else _PATIENCE * (memory.warmup + 1)
    if memory.memory is Memory.WHOLE or took <= patience:
        return took, None
    at = int(late[np.argmax(late >= patience)])
    return took, GateViolation(
        where=f"{evidence.where}, {format_utc(int(whole.known_at[at]))}",
        what=f"{name} depends on more than its declared warm-up of {memory.warmup} bars",
        how_much=f"{_shown(whole.values[at])} on the whole history, {_shown(values[at])} on "
        f"{evidence.warmups[memory.timeframe]} bars before the start, {took} bars after it",
        remedy="Declare the warm-up (and the memory) that the computation has, in the registry.",
    )


def _apart(whole: NDArray[np.float64], short: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far two series are apart at each bar; infinitely where only one has a value."""
    apart = np.abs(whole - short)
    only_one = np.isnan(whole) != np.isnan(short)
    return np.where(only_one, np.inf, np.where(np.isnan(apart), 0.0, apart))


def _changed(where: str, what: str, differing: Differing, allowed: float) -> GateViolation:
    return GateViolation(
        where=f"{where}, {format_utc(differing.first)}",
        what=f"a longer history changes the {what}",
        how_much=f"{differing.differ} of {differing.there} ({differing.share:.1%}), allowed: {allowed:.1%}; "
        f"the last at {format_utc(differing.last)}",
        remedy="An indicator that remembers all bars (obv, ad, psar, supertrend …) decides: compare it with "
        "its own average instead of a level, or take one whose memory fades.",
    )


def _too_short(evidence: WarmUpEvidence, settled: Mapping[str, int]) -> GateViolation:
    slowest = _slowest(evidence, settled)
    return GateViolation(
        where=evidence.where,
        what="the history is too short to see that nothing depends on where it begins",
        how_much=f"{slowest} settles too late for anything to be left to compare"
        if slowest
        else "no bar is left after the warm-up",
        remedy="Sync an earlier start (TRADE_HISTORY_START), or shorten the slowest feature.",
    )


def _summary(
    settled: Mapping[str, int], evidence: WarmUpEvidence, signals: Differing, fills: Differing
) -> str:
    told = f"{signals.differ} of {signals.there} signals and {fills.differ} of {fills.there} fills differ"
    slowest = _slowest(evidence, settled)
    if slowest:
        timeframe = evidence.features[f"feature {slowest}"].timeframe
        bars = settled[f"feature {slowest}"]
        told += f" after that; {slowest} settles last, {bars} bars of {timeframe} after the start"
    return told


def _slowest(evidence: WarmUpEvidence, settled: Mapping[str, int]) -> str:
    """Return the feature that took longest to settle; "" where all agreed at once."""
    took = {name: bars * evidence.features[name].timeframe.ms for name, bars in settled.items()}
    slowest = max(took, key=lambda name: took[name], default="")
    return slowest.removeprefix("feature ") if took.get(slowest) else ""


def _shown(value: float) -> str:
    return "nothing" if np.isnan(value) else f"{value:.12g}"
