"""The engine's books against a second working-out in decimals, on random markets and real candles.

The long form takes its candles from the folder that the environment variable REPLAY_CANDLES names (Parquet
files SYMBOL_1h: ts_open in ms, open, high, low, close, volume; mark_SYMBOL_1h without volume; funding_SYMBOL:
ts, funding_rate), and makes some where none is named.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_decimal import assert_books_agree, assert_portfolio_books_agree
from sim_detail import made_of, without
from sim_market import MINUTE
from sim_random import RandomCase, random_case, random_signals

from engine.sim.detail import detail_bars
from engine.sim.market import BarSignals, FundingEvents, MarketBars
from engine.sim.portfolio import PortfolioMember, simulate_portfolio
from engine.sim.simulate import simulate
from engine.sim.simulate_detailed import simulate_detailed
from engine.timeframes import HOUR_MS


def fills_of_agreeing_books(case: RandomCase) -> int:
    """Run a case, hold it to its second working-out, and return how many fills there were."""
    output = simulate(case.bars, case.signals, case.funding, case.rules, case.tiers, case.equity)
    assert_books_agree(output, case.bars, case.funding, case.rules, case.equity)
    return len(output.fills)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_the_account_worked_out_from_fills_and_funding_alone(seed: int) -> None:
    fills_of_agreeing_books(random_case(seed))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=4), st.integers(1, 4), st.floats(0, 0.3))
def test_the_wallet_of_a_portfolio_worked_out_member_by_member(
    seeds: list[int], max_open_positions: int, holes: float
) -> None:
    members = [random_member(seed, holes) for seed in seeds]
    output = simulate_portfolio(members, 1000.0, max_open_positions)
    assert_portfolio_books_agree(output, members, 1000.0)
    assert output.open_positions.max(initial=0) <= max_open_positions
    # margins are isolated: together they lose no more than there is
    assert output.equity.min(initial=0.0) >= -1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([2, 5, 15]))
def test_the_account_on_finer_bars_worked_out_from_fills_and_funding_alone(seed: int, finer: int) -> None:
    case = random_case(seed, count=300)
    # Rules see one bar of several; events come at its open or inside a finer bar, where the order is known.
    bars = made_of(case.bars, finer)
    keep = (case.funding.ts % MINUTE != 0) | (case.funding.ts % bars.bar_ms == 0)
    events = FundingEvents(case.funding.ts[keep], case.funding.rate[keep], case.funding.mark_price[keep])
    signals = random_signals(np.random.default_rng(seed), bars)
    detail = detail_bars(bars, case.bars)
    output = simulate_detailed(detail, signals, events, case.rules, case.tiers, case.equity)
    assert_books_agree(output, detail.bars, events, case.rules, case.equity)
    assert output.equity.min() >= -1e-9 * case.equity


def random_member(seed: int, holes: float) -> PortfolioMember:
    """Return a random case as a member, without a share of its bars."""
    case = random_case(seed)
    rng = np.random.default_rng(seed)
    missing = np.flatnonzero(rng.random(len(case.bars)) < holes)[:-1]
    kept = np.setdiff1d(np.arange(len(case.bars)), missing)
    signals = BarSignals(case.signals.bits[kept], case.signals.features[:, kept])
    return PortfolioMember(without(case.bars, missing), signals, case.funding, case.rules, case.tiers)


def test_the_random_accounts_trade() -> None:
    assert sum(fills_of_agreeing_books(random_case(seed)) for seed in range(20)) > 300


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_account_on_candles_of_a_folder() -> None:
    folder = os.environ.get("REPLAY_CANDLES")
    markets = _markets(Path(folder)) if folder else [_generated(seed) for seed in range(3)]
    fills = 0
    for bars, funding in markets:
        for seed in range(40):
            case = random_case(seed)
            signals = random_signals(np.random.default_rng(seed), bars)
            fills += fills_of_agreeing_books(replace(case, bars=bars, funding=funding, signals=signals))
    assert fills > 1000 * len(markets)


def _generated(seed: int) -> tuple[MarketBars, FundingEvents]:
    case = random_case(seed, count=20_000)
    return case.bars, case.funding


def _markets(folder: Path) -> list[tuple[MarketBars, FundingEvents]]:
    """Return the hours of every symbol of which the folder has candles, mark prices and funding."""
    symbols = [path.name.removesuffix("_1h.parquet") for path in sorted(folder.glob("*USDT_1h.parquet"))]
    return [_market(folder, symbol) for symbol in symbols if not symbol.startswith(("mark_", "oi_"))]


def _market(folder: Path, symbol: str) -> tuple[MarketBars, FundingEvents]:
    prices = ["open", "high", "low", "close"]
    candles = pd.read_parquet(folder / f"{symbol}_1h.parquet")
    marks = pd.read_parquet(folder / f"mark_{symbol}_1h.parquet")[["ts_open", *prices]]
    both = candles.merge(marks, on="ts_open", suffixes=("", "_mark")).sort_values("ts_open")
    events = pd.read_parquet(folder / f"funding_{symbol}.parquet").merge(
        marks[["ts_open", "open"]], left_on="ts", right_on="ts_open"
    )
    columns = [both[name].to_numpy(np.float64) for name in (*prices, *(f"{name}_mark" for name in prices))]
    bars = MarketBars(
        HOUR_MS,
        both["ts_open"].to_numpy(np.int64),
        *columns,
        np.zeros(len(both), dtype=bool),
        both["volume"].to_numpy(np.float64),
    )
    funding = FundingEvents(*(events[name].to_numpy() for name in ("ts", "funding_rate", "open")))
    return bars, funding
