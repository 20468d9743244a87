"""What a replay of promotion shows: what became of the promoted, next to what became of the refused."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.promotion.replay import ReplayedDecision

_SHUFFLES = 10_000


@dataclass(frozen=True)
class Fate:
    """What became of a set of decisions; NaN where there is none.

    Attributes
    ----------
    decisions : int
        Those whose months ahead are known.
    mean_return_pct, median_return_pct : float
        Of the net returns ahead, each on an account of its own.
    earned_pct : float
        Share of them above zero, in %.
    worst_return_pct, deepest_drawdown_pct : float
    trades : int
        In all.
    """

    decisions: int
    mean_return_pct: float
    median_return_pct: float
    earned_pct: float
    worst_return_pct: float
    deepest_drawdown_pct: float
    trades: int


@dataclass(frozen=True)
class MonthSummary:
    """The promoted and the refused of one moment."""

    moment_ms: int
    promoted: Fate
    refused: Fate
    not_judged: int


@dataclass(frozen=True)
class GateWorth:
    """What one gate told apart: the fate of what it refused, and of what it let pass."""

    gate: str
    refused: Fate
    passed: Fate

    @property
    def difference_pct(self) -> float:
        """Mean return of what passed less that of what was refused; above zero the gate was worth having."""
        return self.passed.mean_return_pct - self.refused.mean_return_pct


@dataclass(frozen=True)
class ReplaySummary:
    """A replay in figures.

    Attributes
    ----------
    promoted, refused, everything : Fate
    not_judged : int
        Decisions that could not be taken on the data known then.
    difference_pct : float
        Mean return ahead of the promoted less that of the refused.
    p_value : float
        How often shuffling the verdicts within each month makes a difference at least as large; NaN where
        no month has both. Months stay together, as everything in one month shares its market. What overlaps
        from month to month is not accounted for, which makes the value too small rather than too large.
    months : tuple of MonthSummary
    gates : tuple of GateWorth
        Those that refused anything and passed anything, in the order they judge.
    """

    promoted: Fate
    refused: Fate
    everything: Fate
    not_judged: int
    difference_pct: float
    p_value: float
    months: tuple[MonthSummary, ...]
    gates: tuple[GateWorth, ...]


def summarise(rows: Sequence[ReplayedDecision], *, seed: int = 0) -> ReplaySummary:
    """Return what a replay shows, over whatever cards and symbols it has.

    Parameters
    ----------
    rows : sequence of ReplayedDecision
    seed : int
        Of the shuffles.
    """
    judged = [row for row in rows if row.judged]
    promoted = [row for row in judged if row.promoted]
    refused = [row for row in judged if not row.promoted]
    fates = _fate(promoted), _fate(refused)
    return ReplaySummary(
        promoted=fates[0],
        refused=fates[1],
        everything=_fate(judged),
        not_judged=len(rows) - len(judged),
        difference_pct=fates[0].mean_return_pct - fates[1].mean_return_pct,
        p_value=_p_value(judged, seed),
        months=tuple(_months(rows)),
        gates=tuple(_gates(judged)),
    )


def _fate(rows: Iterable[ReplayedDecision]) -> Fate:
    ahead = [row.ahead for row in rows if row.ahead is not None]
    if not ahead:
        return Fate(0, math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    returns = np.array([each.net_return_pct for each in ahead])
    return Fate(
        decisions=len(ahead),
        mean_return_pct=float(returns.mean()),
        median_return_pct=float(np.median(returns)),
        earned_pct=100.0 * float((returns > 0).mean()),
        worst_return_pct=float(returns.min()),
        deepest_drawdown_pct=max(each.max_drawdown_pct for each in ahead),
        trades=sum(each.trades for each in ahead),
    )


def _by_month(rows: Iterable[ReplayedDecision]) -> list[tuple[int, list[ReplayedDecision]]]:
    months: dict[int, list[ReplayedDecision]] = defaultdict(list)
    for row in rows:
        months[row.moment_ms].append(row)
    return sorted(months.items())


def _months(rows: Sequence[ReplayedDecision]) -> Iterable[MonthSummary]:
    for moment, of_month in _by_month(rows):
        yield MonthSummary(
            moment_ms=moment,
            promoted=_fate(row for row in of_month if row.promoted),
            refused=_fate(row for row in of_month if row.judged and not row.promoted),
            not_judged=sum(not row.judged for row in of_month),
        )


def _gates(judged: Sequence[ReplayedDecision]) -> Iterable[GateWorth]:
    verdicts: dict[str, list[tuple[bool, ReplayedDecision]]] = defaultdict(list)
    for row in judged:
        for decision in row.decisions:
            for gate in decision.gates:
                verdicts[gate.gate].append((gate.passed, row))
    for name, told in verdicts.items():
        refused = _fate(row for passed, row in told if not passed)
        let_pass = _fate(row for passed, row in told if passed)
        if refused.decisions and let_pass.decisions:
            yield GateWorth(name, refused, let_pass)


def _p_value(judged: Sequence[ReplayedDecision], seed: int) -> float:
    """Return the share of shuffles with a difference of means at least as large; the real one is one of them.

    Only months with both verdicts say anything: within them, each verdict is as likely to belong to any row.
    """
    months = []
    for _, rows in _by_month(judged):
        known = [row for row in rows if row.ahead is not None]
        verdicts = np.array([row.promoted for row in known], bool)
        if verdicts.any() and not verdicts.all():
            months.append((np.array([row.ahead.net_return_pct for row in known if row.ahead]), verdicts))
    if not months:
        return math.nan
    promoted = sum(int(verdicts.sum()) for _, verdicts in months)
    everyone = sum(len(verdicts) for _, verdicts in months)
    total = sum(float(returns.sum()) for returns, _ in months)

    def difference(of_promoted: float) -> float:
        return of_promoted / promoted - (total - of_promoted) / (everyone - promoted)

    found = difference(sum(float(returns[verdicts].sum()) for returns, verdicts in months))
    rng = np.random.default_rng(seed)
    sums = np.zeros(_SHUFFLES)
    for returns, verdicts in months:
        order = rng.random((_SHUFFLES, len(returns))).argsort(axis=1)[:, : int(verdicts.sum())]
        sums += returns[order].sum(axis=1)
    # sums of the same numbers in another order differ in the last digits
    at_least = sum(difference(float(each)) >= found - 1e-12 for each in sums)
    return (1 + at_least) / (1 + _SHUFFLES)
