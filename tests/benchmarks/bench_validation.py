"""The whole evidence on one card: two years of 15m, 12 windows, 200 sets, 1,000 paths, two threads.

.venv/bin/python tests/benchmarks/bench_validation.py
"""

from __future__ import annotations

import time

from benchmark_cards import INSTRUMENT, THREE_TIMEFRAMES, arrays, market
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, show, timed

from engine.backtest.history import History
from engine.gates.lookahead import LookAheadGate, look_ahead_evidence
from engine.idea_card.load import space_from_text
from engine.idea_card.validation_policy import ValidationPolicy
from engine.promotion.validation import Validation, ValidationSettings, validate
from engine.strategies.card_plan import plan_card
from engine.timeframes import Timeframe

PARAMETERS = """
parameters:
  fast: {default: 9, min: 5, max: 14, step: 1}
  slow: {default: 21, min: 20, max: 39, step: 1}
"""
"""10 times 20 lengths: 200 sets."""

CARD = THREE_TIMEFRAMES.replace("length: 9}", "length: {param: fast}}").replace(
    "length: 21}", "length: {param: slow}}"
)


def figures() -> list[Figure]:
    """Measure."""
    timeframes = [Timeframe.M15, Timeframe.H1, Timeframe.H4]
    candles, funding = arrays(*market(timeframes, 2 * YEAR_OF_MINUTES))
    space = space_from_text(CARD + PARAMETERS, "validated.yaml")
    plan = plan_card(space.card)
    steps: list[tuple[str, float]] = []

    def history() -> History:
        return History("BTCUSDT", candles, funding, INSTRUMENT)

    def whole() -> Validation:
        steps.clear()
        return validate(
            space,
            space.defaults,
            history(),
            settings=ValidationSettings(),
            policy=ValidationPolicy(),
            workers=2,
            on_step=lambda step: steps.append((step, time.perf_counter())),
        )

    gate = timed(
        "look-ahead gate, two years of 15m",
        lambda: LookAheadGate().run(look_ahead_evidence(plan, history())),
        3,
        "s",
        1.0,
        10.0,
        LookAheadGate().run(look_ahead_evidence(plan, history())).summary,
    )
    evidence = timed("whole evidence, 200 sets, 1,000 paths", whole, 3, "s", 1.0, 60.0)
    ends = [*(begun for _, begun in steps[1:]), time.perf_counter()]
    note = ", ".join(f"{step} {end - begun:.1f}" for (step, begun), end in zip(steps, ends, strict=True))
    noted = Figure(evidence.name, evidence.value, "s", 60.0, note, best=evidence.best, cpu=evidence.cpu)
    return [gate, noted]


if __name__ == "__main__":
    print(machine())
    show(figures())
