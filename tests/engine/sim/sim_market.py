"""Small markets worked out by hand, and the rules of a plain account."""

from __future__ import annotations

import numpy as np

from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import RULES_DTYPE, Records
from engine.sim.simulate import SimulationOutput, simulate
from engine.sim.state import DistanceKind, SizingKind

MINUTE = 60_000
ONE_TIER = np.array([[1e12, 0.004, 0.0, 1000.0]])


def contract(**changes: float | list[float]) -> Records:
    """Return an account that trades 1 coin at 10x without costs, in both directions, without stops.

    Of the fields of the targets one value stands for every rung.
    """
    rules = np.zeros(1, RULES_DTYPE).view(np.recarray)
    plain = {
        "leverage": 10.0,
        "tick_size": 0.001,
        "qty_step": 0.001,
        "min_qty": 0.001,
        "max_qty": 1e9,
        "min_notional": 1.0,
        "max_notional": np.inf,
        "max_effective_leverage": np.inf,
        "max_participation": np.inf,
        "add_fraction": 1.0,
        "add_profit_pct": -np.inf,
        "target_portions": 1.0,
        "sizing_kind": SizingKind.FIXED_USDT,
        "sizing_value": 100.0,
        "allow_long": 1,
        "allow_short": 1,
    }
    for name, value in (plain | changes).items():
        rules[name] = value
    rules.smallest_margin = rules.min_notional / rules.leverage
    return rules


def percent(stop: float | None = None, target: float | None = None) -> dict[str, float]:
    """Return the changes that set a stop and a target in percent of the entry price."""
    changes: dict[str, float] = {}
    if stop is not None:
        changes |= {"stop_kind": DistanceKind.PERCENT, "stop_value": stop}
    if target is not None:
        changes |= {"target_count": 1, "target_kinds": DistanceKind.PERCENT, "target_values": target}
    return changes


def bars(
    *rows: tuple[float, float, float, float],
    mark: list[tuple[float, float, float, float]] | None = None,
    filled: tuple[int, ...] = (),
    volume: float | list[float] = 1.0,
) -> MarketBars:
    """Return one-minute bars from (open, high, low, close) rows, the first opening at 0."""
    prices = np.array(rows, dtype=np.float64).T
    marks = prices if mark is None else np.array(mark, dtype=np.float64).T
    is_filled = np.zeros(len(rows), dtype=bool)
    is_filled[list(filled)] = True
    return MarketBars(
        MINUTE, np.arange(len(rows)) * MINUTE, *prices, *marks, is_filled, np.full(len(rows), volume)
    )


def signals(count: int, **bits_at: int) -> BarSignals:
    """Return signals: `signals(3, b0=SignalBit.ENTER_LONG)` enters long at the close of bar 0."""
    bits = np.zeros(count, np.int8)
    for bar, bit in bits_at.items():
        bits[int(bar[1:])] = bit
    return BarSignals.without_features(bits)


def funding(*events: tuple[int, float, float]) -> FundingEvents:
    """Return funding events from (ts, rate, mark price)."""
    ts, rate, mark = zip(*events, strict=True) if events else ((), (), ())
    return FundingEvents(np.array(ts, np.int64), np.array(rate, float), np.array(mark, float))


def run(
    market: MarketBars,
    wanted: BarSignals,
    rules: Records | None = None,
    *,
    events: FundingEvents | None = None,
    equity: float = 1000.0,
    tiers: np.ndarray = ONE_TIER,
) -> SimulationOutput:
    """Run a market."""
    return simulate(
        market,
        wanted,
        FundingEvents.none() if events is None else events,
        contract() if rules is None else rules,
        tiers,
        equity,
    )
