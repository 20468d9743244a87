"""Random markets and random accounts: everything the simulator can meet, from one seed.

Prices are on a tick of 0.01. Markets have calm and wild stretches, gaps at the open, jumps inside a bar, bars
of one tick, bars that stand still, bars without volume, filled bars, and a mark price that leaves the last
price now and then. Accounts use every kind of entry, stop, target, sizing and limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sim_market import MINUTE, contract

from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.records import Floats, Records
from engine.sim.state import DistanceKind, EntryKind, Reprice, SizingKind, TimeInForce

TICK, LOT = 0.01, 0.001
FEATURES = 4  # rows: an ATR, a level below the price, a level above it, another distance

# As Bybit's, each tier allows half the leverage its maintenance rate would bear.
LADDERS = (
    np.array([[1e12, 0.004, 0.0, 125.0]]),
    np.array([[5_000.0, 0.005, 0.0, 100.0], [20_000.0, 0.01, 25.0, 50.0], [1e9, 0.025, 325.0, 20.0]]),
    # tiers so small that liquidations step down several of them
    np.array([[200.0, 0.02, 0.0, 25.0], [500.0, 0.025, 1.0, 20.0], [90_000.0, 0.05, 13.5, 10.0]]),
)


@dataclass(frozen=True, eq=False)
class RandomCase:
    """One run: a market, what the rules said, and an account."""

    bars: MarketBars
    signals: BarSignals
    funding: FundingEvents
    rules: Records
    tiers: Floats
    equity: float


def random_case(seed: int, count: int = 200) -> RandomCase:
    """Return a case; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    bars = random_bars(rng, count)
    tiers = LADDERS[rng.integers(len(LADDERS))]
    return RandomCase(
        bars=bars,
        signals=random_signals(rng, bars),
        funding=random_funding(rng, bars),
        rules=random_rules(rng, leverage=float(rng.choice(_leverages(tiers)))),
        tiers=tiers,
        equity=float(rng.choice([20.0, 1000.0, 50_000.0])),
    )


def on_tick(values: Floats) -> Floats:
    """Return prices on the tick, none below one tick."""
    return np.maximum(np.rint(values / TICK), 1.0) / 100.0


def random_bars(rng: np.random.Generator, count: int) -> MarketBars:
    """Return a market of `count` minutes."""
    scale = float(rng.choice([0.0005, 0.003, 0.02]))
    jumps = rng.normal(0, 0.25, count) * (rng.random(count) < 0.02)
    steps = rng.normal(0, scale, count) + jumps
    close = on_tick(float(rng.choice([3.0, 100.0, 20_000.0])) * np.exp(np.clip(np.cumsum(steps), -4, 4)))
    gaps = rng.normal(0, 5 * scale, count) * (rng.random(count) < 0.1)
    gaps += rng.normal(0, 0.3, count) * (rng.random(count) < 0.01)
    open_ = on_tick(np.r_[close[0], close[:-1]] * np.exp(np.clip(gaps, -3, 3)))
    wick = np.abs(rng.normal(0, scale, (2, count))) * (rng.random((2, count)) < 0.8)
    wick += np.abs(rng.normal(0, 0.2, (2, count))) * (rng.random((2, count)) < 0.01)
    high = on_tick(np.maximum(open_, close) * (1 + wick[0]))
    low = on_tick(np.minimum(open_, close) * (1 - np.minimum(wick[1], 0.95)))
    shape = rng.random(count)
    one_tick = shape < 0.05
    still = (shape >= 0.05) & (shape < 0.1)
    filled = rng.random(count) < float(rng.choice([0.0, 0.1]))
    still |= filled
    for prices in (high, low, close):
        prices[one_tick | still] = open_[one_tick | still]
    high[one_tick] = on_tick(open_[one_tick] + TICK)
    volume = rng.lognormal(2, 2, count) * (rng.random(count) > 0.1) * ~filled
    mark = np.array([open_, high, low, close])
    if rng.random() < 0.6:
        basis = 1 + rng.normal(0, 0.003, count) + rng.normal(0, 0.1, count) * (rng.random(count) < 0.01)
        mark = mark * np.maximum(basis, 0.05)
    ts_open = np.arange(count, dtype=np.int64) * MINUTE
    return MarketBars(MINUTE, ts_open, open_, high, low, close, *mark, filled, volume)


def random_signals(rng: np.random.Generator, bars: MarketBars) -> BarSignals:
    """Return signals at some of the closes, and features some of which are missing."""
    count = len(bars)
    bits = rng.integers(0, 16, count) * (rng.random(count) < float(rng.choice([0.05, 0.4, 0.8])))
    if rng.random() < 0.5:
        bits &= 5  # entries only: positions last
    distance = bars.close * np.abs(rng.normal(0.02, 0.015, count))
    features = np.array(
        [
            distance,
            bars.close * (1 - np.abs(rng.normal(0, 0.03, count))),
            bars.close * (1 + np.abs(rng.normal(0, 0.03, count))),
            bars.close * np.abs(rng.normal(0.03, 0.02, count)),
        ]
    )
    features[rng.random(features.shape) < 0.03] = np.nan
    return BarSignals(bits.astype(np.int8), np.ascontiguousarray(features))


def random_funding(rng: np.random.Generator, bars: MarketBars) -> FundingEvents:
    """Return events at bar opens and inside bars, at rates that can eat a margin."""
    count = len(bars)
    slots = np.sort(rng.choice(count * 4, count // 8, replace=False))
    mark = bars.mark_open[slots // 4]
    scale = float(rng.choice([0.0001, 0.01]))
    return FundingEvents((slots * (MINUTE // 4)).astype(np.int64), rng.normal(0, scale, len(slots)), mark)


def _leverages(tiers: Floats) -> list[float]:
    """Return leverages from none to what the first tier allows; the larger are refused in the others."""
    return [1.0, 2.0, 5.0, 10.0, float(tiers[0, 3])]


def random_rules(rng: np.random.Generator, leverage: float) -> Records:
    """Return an account that trades at a leverage."""

    def one_of(*values: float) -> float:
        return float(rng.choice(values))

    def sometimes(value: float, otherwise: float = 0.0, share: float = 0.4) -> float:
        return float(value if rng.random() < share else otherwise)

    taker, maker = ((0.0, 0.0), (0.00055, 0.0002), (0.001, -0.0001))[rng.integers(3)]
    changes: dict[str, float] = {
        "leverage": leverage,
        "taker_rate": taker,
        "maker_rate": maker,
        "slippage_rate": one_of(0, 0.0003, 0.005),
        "impact_rate": sometimes(0.02),
        "max_participation": sometimes(0.1, np.inf),
        "max_notional": sometimes(700.0, np.inf, 0.2),
        "max_effective_leverage": sometimes(3.0, np.inf, 0.2),
        "tick_size": TICK,
        "qty_step": LOT,
        "min_qty": LOT,
        "min_notional": 5.0,
        "max_qty": sometimes(50.0, 1e9, 0.1),
        "regime": one_of(0, 1),
        "allow_flip": sometimes(1),
        "cooldown_bars": one_of(0, 0, 3),
        "max_bars": one_of(0, 0, 20),
        "time_stop_bars": one_of(0, 0, 7),
        "time_stop_profit_pct": one_of(-1, 0.5),
        "max_adds": one_of(0, 0, 1, 3),
        "add_fraction": one_of(0.3, 1.0),
        "add_profit_pct": one_of(-np.inf, 0.0, 1.0),
        "allow_long": sometimes(0, 1, 0.1),
    }
    changes |= _random_entry(rng) | _random_stop(rng) | _random_sizing(rng)
    rules = contract(**changes)
    _set_random_targets(rng, rules)
    return rules


def _random_entry(rng: np.random.Generator) -> dict[str, float]:
    kind = EntryKind(int(rng.integers(0, 3)))
    offset = DistanceKind(
        int(rng.choice([DistanceKind.PERCENT, DistanceKind.TICKS, DistanceKind.FEATURE_MULTIPLE]))
    )
    value = {DistanceKind.PERCENT: 0.3, DistanceKind.TICKS: 5.0, DistanceKind.FEATURE_MULTIPLE: 0.5}[offset]
    return {
        "entry_kind": kind,
        "offset_kind": offset,
        "offset_value": value if rng.random() < 0.8 else 0.0,
        "offset_feature": 0,
        "time_in_force": TimeInForce(int(rng.integers(0, 4))) if kind == EntryKind.LIMIT else 0,
        "expiry_bars": float(rng.choice([0, 1, 5])),
        "reprice": Reprice(int(rng.integers(0, 3))),
    }


def _random_stop(rng: np.random.Generator) -> dict[str, float]:
    kind = DistanceKind(
        int(
            rng.choice(
                [
                    DistanceKind.NONE,
                    DistanceKind.PERCENT,
                    DistanceKind.POINTS,
                    DistanceKind.FEATURE_MULTIPLE,
                    DistanceKind.LEVEL,
                ]
            )
        )
    )
    value = {DistanceKind.NONE: 0.0, DistanceKind.PERCENT: 2.0, DistanceKind.POINTS: 0.5}.get(kind, 1.0)
    long, short = (1, 2) if kind == DistanceKind.LEVEL else (0, 0)
    can_trail = kind in {DistanceKind.PERCENT, DistanceKind.FEATURE_MULTIPLE}
    return {
        "stop_kind": kind,
        "stop_value": value * (0.1 if kind == DistanceKind.LEVEL else float(rng.choice([0.2, 1.0, 10.0]))),
        "stop_feature_long": long,
        "stop_feature_short": short,
        "trails": float(can_trail and rng.random() < 0.5),
        "trail_activation_pct": float(rng.choice([0, 1])),
        "moves_to_break_even": float(rng.random() < 0.3),
        "break_even_trigger_pct": 1.0,
        "break_even_offset_pct": float(rng.choice([0, 0.1])),
    }


def _random_sizing(rng: np.random.Generator) -> dict[str, float]:
    kind = SizingKind(int(rng.integers(0, 4)))
    value = {
        SizingKind.PERCENT_EQUITY: float(rng.choice([10, 99, 100])),
        SizingKind.FIXED_USDT: float(rng.choice([50, 800])),
        SizingKind.RISK_BASED: 2.0,
        SizingKind.VOLATILITY_TARGET: 0.02,
    }[kind]
    return {"sizing_kind": kind, "sizing_value": value, "sizing_feature": 3}


def _set_random_targets(rng: np.random.Generator, rules: Records) -> None:
    count = int(rng.choice([0, 1, 1, 2, 3, 4]))
    has_stop = rules[0].stop_kind != DistanceKind.NONE
    kinds = [DistanceKind.PERCENT, DistanceKind.POINTS, DistanceKind.FEATURE_MULTIPLE]
    kinds += [DistanceKind.RISK_MULTIPLE] if has_stop else []
    whole = rng.random() < 0.7
    rules.target_count = count
    for rung in range(count):
        rules.target_kinds[0, rung] = rng.choice(kinds)
        rules.target_values[0, rung] = 0.6 * (rung + 1)
        rules.target_features[0, rung] = rng.choice([0, 3])
        rules.target_portions[0, rung] = (1.0 if whole else 0.8) / count
        rules.target_limits[0, rung] = rng.integers(0, 2)
