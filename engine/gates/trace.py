"""What a run knew and did, each value with the moment it became known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.backtest.detail_report import simulated
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.gates.known_market import KnownMarket
from engine.sim.simulate import SimulationOutput
from engine.sim.state import FillReason
from engine.strategies.card_plan import CardPlan

_FILL_FIELDS = ("ts", "price", "quantity", "fee", "side", "is_maker", "reason")


@dataclass(frozen=True, eq=False)
class KnownValues:
    """One series of a run.

    Attributes
    ----------
    known_at : int64[n]
        When each value became known, UTC milliseconds, rising.
    values : float64[n]
    """

    known_at: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunTrace:
    """Everything a run knew and did, by name, and the bars in which it opened positions."""

    series: Mapping[str, KnownValues]
    entry_closes: NDArray[np.int64]
    """Closes at which entries were decided, and of some those of the bars they were filled in; rising."""
    bar_closes: NDArray[np.int64]
    """Closes of the bars that were run."""


def trace_of(plan: CardPlan, market: KnownMarket, start_ms: int | None = None) -> RunTrace:
    """Run a card over a market and return its trace. Raises as `prepare_history` does."""
    prepared = prepare_history(plan, market.history(), start_ms=start_ms)
    return traced(prepared, simulated(prepared))


def traced(prepared: PreparedFrame, output: SimulationOutput) -> RunTrace:
    """Return the trace of a run: its features, signals, what its orders look at, its fills and its equity."""
    bars = prepared.bars
    closes = bars.ts_open + bars.bar_ms
    series: dict[str, KnownValues] = {}
    for role, timeframe in prepared.plan.card.timeframes.roles().items():
        known_at = prepared.history.bars(timeframe).ts_open + timeframe.ms
        for name, feature in prepared.plan.features_of(role).items():
            for part, values in prepared.history.feature(timeframe, feature).items():
                series[f"feature {name}{'.' if part else ''}{part}"] = KnownValues(known_at, values)
    series["the signals of the rules"] = KnownValues(closes, prepared.signals.bits.astype(np.float64))
    for row, values in enumerate(prepared.signals.features):
        series[f"row {row} of what the orders look at"] = KnownValues(closes, values)
    # the last bar stands after a closing fill that is no decision of the card
    last = output.bars - 1
    series["the equity"] = KnownValues(closes[:last], output.equity[:last])
    fills = output.fills[output.fills.reason != FillReason.END_OF_DATA]
    for name in _FILL_FIELDS:
        series[f"{name} of the fills"] = KnownValues(closes[fills.bar], _as_float(fills[name]))
    entries = fills.bar[fills.reason == FillReason.ENTRY]
    return RunTrace(
        series,
        # how orders are filled is the simulator's, the same for all: one in four tells it
        entry_closes=np.unique(closes[np.concatenate([np.maximum(entries - 1, 0), entries[::4]])]),
        bar_closes=closes[: output.bars],
    )


def _as_float(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
