"""The loop over finer bars against the plain loop, against bar by bar, and against plain Python."""

from __future__ import annotations

import hashlib
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_asked import with_random_terms
from sim_detail import made_of, run_bar_by_bar, without
from sim_jit import said_with_and_without_the_compiler
from sim_market import MINUTE, bars
from sim_random import RandomCase, random_bars, random_case, random_funding, random_signals

from engine.errors import SimulationError
from engine.sim.detail import DetailBars, detail_bars
from engine.sim.market import MarketBars
from engine.sim.simulate import SimulationOutput, simulate
from engine.sim.simulate_detailed import simulate_detailed


def detailed_case(seed: int) -> tuple[DetailBars, RandomCase]:
    """Return an account on exec bars of five minutes, some of whose minutes are missing."""
    rng = np.random.default_rng(seed)
    case = random_case(seed)
    finer = random_bars(rng, 750)
    execution = made_of(finer, 5)
    missing = np.flatnonzero(rng.random(len(finer)) < float(rng.choice([0.0, 0.02])))
    detail = detail_bars(execution, without(finer, missing))
    signals, funding, rules = random_signals(rng, execution), random_funding(rng, finer), case.rules
    if rng.random() < 0.5:
        rules, signals = with_random_terms(rng, rules, signals, execution.close)
    return detail, RandomCase(execution, signals, funding, rules, case.tiers, case.equity)


def run_detailed(detail: DetailBars, case: RandomCase) -> SimulationOutput:
    """Run a case on its finer bars."""
    return simulate_detailed(detail, case.signals, case.funding, case.rules, case.tiers, case.equity)


def digest(output: SimulationOutput) -> bytes:
    """Return everything a run leaves behind, to the bit."""
    arrays = (output.equity, output.position_size, output.used_margin, output.rejects)
    records = (output.fills, output.trades, output.payments)
    return b"".join(np.ascontiguousarray(part).tobytes() for part in (*arrays, *records))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_on_the_exec_bars_themselves_it_is_the_plain_loop(seed: int) -> None:
    case = random_case(seed)
    plain = simulate(case.bars, case.signals, case.funding, case.rules, case.tiers, case.equity)
    detail = detail_bars(case.bars, case.bars)
    assert detail.covered_bars == int((~case.bars.is_filled).sum())
    assert digest(run_detailed(detail, case)) == digest(plain)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9))
def test_the_loop_equals_bar_by_bar(seed: int) -> None:
    detail, case = detailed_case(seed)
    output = run_detailed(detail, case)
    equity, books, wallet = run_bar_by_bar(
        detail, case.signals, case.funding, case.rules, case.tiers, case.equity
    )
    assert output.equity.tolist() == equity
    assert output.fills.tobytes() == books.fills[: wallet.fills].tobytes()
    assert output.trades.tobytes() == books.trades[: wallet.trades].tobytes()
    assert output.payments.tobytes() == books.payments[: wallet.payments].tobytes()
    assert output.rejects.tolist() == books.rejects.tolist()
    assert output.cash == wallet.cash


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 149))
def test_nothing_before_a_bar_depends_on_what_comes_after_it(seed: int, cut: int) -> None:
    detail, case = detailed_case(seed)
    whole = run_detailed(detail, case)
    part = RandomCase(
        case.bars.cut(slice(0, cut)),
        type(case.signals)(case.signals.bits[:cut], case.signals.features[:, :cut].copy()),
        case.funding,
        case.rules,
        case.tiers,
        case.equity,
    )
    shorter = run_detailed(detail_bars(part.bars, detail.finer), part)
    before = min(whole.bars, cut) - 1  # the last bar has the fill that closes what is open
    assert shorter.equity[:before].tolist() == whole.equity[:before].tolist()


def test_plain_python_equals_the_compiled_loop() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_sim_detail_drivers import print_digests\n"
        "print_digests()\n"
    )
    outputs = said_with_and_without_the_compiler(script)
    assert outputs[0].count("\n") == 8
    assert outputs[0] == outputs[1]


def print_digests() -> None:
    """Say what eight runs leave behind."""
    for seed in range(8):
        output = run_detailed(*detailed_case(seed))
        sys.stdout.write(hashlib.sha256(digest(output)).hexdigest() + "\n")


def test_bars_are_covered_only_by_finer_bars_that_are_all_there() -> None:
    minutes = random_bars(np.random.default_rng(1), 30)
    minutes = MarketBars(
        MINUTE,
        minutes.ts_open,
        *(getattr(minutes, name) for name in ("open", "high", "low", "close")),
        *(getattr(minutes, f"mark_{name}") for name in ("open", "high", "low", "close")),
        is_filled=np.arange(30) == 12,
        volume=minutes.volume,
    )
    execution = made_of(minutes, 5)
    assert detail_bars(execution, minutes).first.tolist() == [0, 5, -1, 15, 20, 25]
    # minute 18 is missing, and so are all from 28 on
    some = without(minutes, np.array([18, 28, 29]))
    assert detail_bars(execution, some).first.tolist() == [0, 5, -1, -1, 19, -1]
    # the finer bars begin later
    assert detail_bars(execution, minutes.cut(slice(13, 30))).first.tolist() == [-1, -1, -1, 2, 7, 12]
    # one may not be run on
    usable = np.arange(30) != 4
    assert detail_bars(execution, minutes, usable=usable).first.tolist() == [-1, 5, -1, 15, 20, 25]


def test_without_finer_mark_prices_nothing_is_covered_where_the_exec_bars_have_them() -> None:
    minutes = bars((100, 101, 99, 100), (100, 102, 100, 101), mark=[(100, 100, 100, 100)] * 2)
    last = {name: getattr(minutes, name) for name in ("open", "high", "low", "close")}
    bare = MarketBars(
        MINUTE,
        minutes.ts_open,
        **last,
        **{f"mark_{name}": of for name, of in last.items()},
        is_filled=minutes.is_filled,
        volume=minutes.volume,
    )
    assert not bare.has_marks
    assert detail_bars(made_of(minutes, 2), bare).covered_bars == 0
    assert detail_bars(made_of(minutes, 2), minutes).covered_bars == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("open", 100.5, "open 100.5 is 100.0 in the finer bars"),
        ("high", 103.0, "high 103.0 is 102.0 in the finer bars"),
        ("low", 98.0, "low 98.0 is 99.0 in the finer bars"),
        ("close", 100.5, "close 100.5 is 101.0 in the finer bars"),
        ("volume", 2.1, "volume 2.1 is 2.0 in the finer bars"),
    ],
)
def test_finer_bars_that_contradict_an_exec_bar_are_refused(name: str, value: float, said: str) -> None:
    minutes = bars((100, 100, 100, 100), (100, 100, 100, 100), (100, 101, 99, 100), (100, 102, 100, 101))
    good = made_of(minutes, 2)
    columns = {each: np.array(getattr(good, each)) for each in good.__dataclass_fields__ if each != "bar_ms"}
    columns[name][1] = value
    with pytest.raises(SimulationError, match="bar 1 .1970-01-01 00:02.*: " + said):
        detail_bars(MarketBars(bar_ms=good.bar_ms, **columns), minutes)


def test_finer_bars_must_divide_the_exec_bars() -> None:
    minutes = bars(*[(100, 100, 100, 100)] * 6)
    with pytest.raises(SimulationError, match="180000 ms are not made of bars of 120000 ms"):
        detail_bars(made_of(minutes, 3), made_of(minutes, 2))
    with pytest.raises(SimulationError, match="60000 ms are not made of bars of 120000 ms"):
        detail_bars(minutes, made_of(minutes, 2))
