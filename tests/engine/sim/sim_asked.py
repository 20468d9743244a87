"""Random tags, captured values and exits that ask of the position, for any market and account."""

from __future__ import annotations

import numpy as np

from engine.rules.position_program import Step
from engine.sim.market import BarSignals
from engine.sim.records import Floats, Records
from engine.sim.signal_terms import NO_ROW, SignalTerms, Steps, with_signal_terms

CAPTURES = 3
_STATES = (Step.BARS_IN_TRADE, Step.UNREALISED_R, Step.UNREALISED_PCT, Step.ENTRY_PRICE)
_CALCULATIONS = (
    Step.ADD, Step.SUBTRACT, Step.MULTIPLY, Step.DIVIDE, Step.REMAINDER, Step.SMALLER, Step.LARGER,
)  # fmt: skip


def with_random_terms(
    rng: np.random.Generator, rules: Records, wanted: BarSignals, close: Floats
) -> tuple[Records, BarSignals]:
    """Return the account and its signals with names, and with exits that ask of the position."""
    count, first = len(wanted.bits), len(wanted.features)
    tags = rng.integers(0, 4, (4, count)).astype(float)
    prices = close * (1 + rng.normal(0, 0.02, (2, count)))
    truths = rng.choice([0.0, 1.0, np.nan], (2, count), p=[0.4, 0.5, 0.1])
    prices[rng.random(prices.shape) < 0.05] = np.nan
    values, verdicts = (first + 4, first + 5), (first + 6, first + 7)
    rows = np.arange(first, first + 4)
    rows[rng.random(4) < 0.3] = NO_ROW
    long, short = (_steps(rng, values, verdicts) if rng.random() < 0.7 else () for _ in range(2))
    terms = SignalTerms(
        entry_tag_rows=(int(rows[0]), int(rows[1])),
        exit_tag_rows=(int(rows[2]), int(rows[3])),
        capture_rows=tuple(int(row) for row in rng.choice(values, CAPTURES)),
        exit_steps=(long, short),
    )
    bits = wanted.bits.copy()
    # exits that ask may hold at most closes, so that they are asked often
    bits |= (10 * (rng.random(count) < 0.7)).astype(np.int8)
    features = np.concatenate([wanted.features, tags, prices, truths])
    return with_signal_terms(rules, terms), BarSignals(bits, features)


def _steps(rng: np.random.Generator, values: tuple[int, int], verdicts: tuple[int, int]) -> Steps:
    steps: list[tuple[Step, float]] = []
    for _ in range(rng.integers(1, 4)):
        steps += _condition(rng, values, verdicts, depth=2)
        steps.append((Step.RESULT, float(rng.integers(0, 4))))
    return tuple(steps)


def _condition(
    rng: np.random.Generator, values: tuple[int, int], verdicts: tuple[int, int], depth: int
) -> list[tuple[Step, float]]:
    kind = int(rng.integers(0, 8)) if depth else int(rng.integers(3, 8))
    if kind < 2:
        parts = [_condition(rng, values, verdicts, depth - 1) for _ in range(2)]
        return [*parts[0], *parts[1], ((Step.AND, Step.OR)[kind], 0.0)]
    if kind == 2:
        return [*_condition(rng, values, verdicts, depth - 1), (Step.NOT, 0.0)]
    if kind == 3:
        return [(Step.ROW, float(rng.choice(verdicts)))]
    if kind == 4:
        three = [_value(rng, values, 1) for _ in range(3)]
        step = rng.choice([Step.BETWEEN, Step.NEAR_PCT, Step.NEAR_ABS])
        return [*three[0], *three[1], *three[2], (Step(step), 0.0)]
    asked = (Step.BARS_IN_TRADE, float(rng.integers(1, 15)))
    if kind == 5:  # what cards ask most
        asked = (rng.choice([Step.UNREALISED_R, Step.UNREALISED_PCT]), float(rng.normal(0, 1)))
    relation = (Step.RELATED, float(rng.integers(1, 7)))
    if kind in (5, 6):
        return [(Step(asked[0]), 0.0), (Step.NUMBER, asked[1]), relation]
    return [*_value(rng, values, 2), *_value(rng, values, 2), relation]


def _value(rng: np.random.Generator, values: tuple[int, int], depth: int) -> list[tuple[Step, float]]:
    kind = int(rng.integers(0, 6))
    if depth and kind < 2:
        step = Step(rng.choice(_CALCULATIONS))
        return [*_value(rng, values, depth - 1), *_value(rng, values, depth - 1), (step, 0.0)]
    if kind == 2:
        return [(Step.CAPTURED, float(rng.integers(0, CAPTURES)))]
    if kind == 3:
        return [(Step.ROW, float(rng.choice(values)))]
    if kind == 4:
        return [(Step.NUMBER, float(rng.choice([0.0, 1.0, -2.5, 100.0]))), (Step.SIZE, 0.0)]
    return [(Step(rng.choice(_STATES)), 0.0)]
