"""Members on one wallet: nanoseconds per bar of a member, beside the same members each run alone.

    .venv/bin/python tests/benchmarks/bench_portfolio.py

Everything of `bench_bar_loop.py` is on. Each member has a copy of the year of one-minute bars of its own, and
the card's signals at other times.
"""

from __future__ import annotations

from dataclasses import fields
from functools import partial

import numpy as np
from benchmark_cards import EVERYTHING, INSTRUMENT, arrays, market, plan_of
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import Figure, show, timed

from engine.backtest.prepare import PreparedFrame, prepare_arrays
from engine.sim.market import BarSignals, MarketBars
from engine.sim.portfolio import PortfolioMember, simulate_portfolio
from engine.sim.simulate import simulate
from engine.timeframes import Timeframe

MEMBERS = 10
EQUITY_USDT = 1e6
# Members, positions at once, and how many of the members ever have a signal.
CASES = ((1, None, 1), (MEMBERS, None, MEMBERS), (MEMBERS, 3, MEMBERS), (MEMBERS, None, 1))


def members_of(prepared: PreparedFrame, count: int, active: int) -> list[PortfolioMember]:
    """Return members with memory of their own, of which `active` have signals."""
    found = []
    for number in range(count):
        names = [field.name for field in fields(MarketBars) if not field.name.startswith(("mark_", "bar_ms"))]
        columns = {name: getattr(prepared.bars, name).copy() for name in names}
        marks = {f"mark_{name}": columns[name] for name in ("open", "high", "low", "close")}
        bars = MarketBars(bar_ms=prepared.bars.bar_ms, **columns, **marks)
        bits = np.roll(prepared.signals.bits, 977 * number) * np.int8(number < active)
        signals = BarSignals(bits, prepared.signals.features.copy())
        found.append(PortfolioMember(bars, signals, prepared.funding, prepared.contract, prepared.tiers))
    return found


def each_alone(members: list[PortfolioMember]) -> None:
    """Run the members one after the other, each on a wallet of its own."""
    for each in members:
        simulate(each.bars, each.signals, each.funding, each.contract, each.tiers, EQUITY_USDT)


def figures() -> list[Figure]:
    """Measure."""
    candles, funding = arrays(*market([Timeframe.M1], YEAR_OF_MINUTES))
    prepared = prepare_arrays(plan_of(EVERYTHING), "BTCUSDT", candles, funding, INSTRUMENT)
    found = []
    for count, most, active in CASES:
        members = members_of(prepared, count, active)
        output = simulate_portfolio(members, EQUITY_USDT, most)
        held = output.open_positions.mean() / count
        note = f"{len(output.trades):,} trades, {held:.0%} of members in the market"
        per_second = 1e9 / (count * len(output.ts_open))
        name = f"portfolio of {count}, {active} with signals" + (f", {most} at once" if most else "")
        work = partial(simulate_portfolio, members, EQUITY_USDT, most)
        found.append(timed(name, work, 7, "ns/member-bar", per_second, None, note))
        alone = partial(each_alone, members)
        found.append(timed("  the same, each alone", alone, 7, "ns/member-bar", per_second))
    return found


if __name__ == "__main__":
    print(machine())
    show(figures())
