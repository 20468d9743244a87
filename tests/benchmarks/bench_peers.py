"""W1 and W2 by other engines, on the same year of one-minute candles, in the same run as ours.

    .venv/bin/python tests/benchmarks/bench_peers.py

Each engine is a process of its own with a Python of its own (`.venv-peers`, made here when it is missing or
its pins have changed) and does the same: averages, crosses, simulation, return, drawdown, Sharpe and trades,
from arrays in memory. None of them has funding, tiers, liquidation or the exchange's steps in its run; ours
has all of it. Trades are counted from bar 2,000 on, where it no longer matters how an average begins.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmark_arrays import load_market, save_market
from benchmark_cards import INSTRUMENT, W1, W2, plan_of
from benchmark_market import YEAR_OF_MINUTES, machine
from benchmark_report import HERE, PROJECT, Figure, measured_in_child, own_python, peak_mb, show, timed

from engine.backtest.measure import evaluate
from engine.backtest.prepare import PreparedFrame, prepare_arrays
from engine.sim.simulate import simulate
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe

VENV = PROJECT / ".venv-peers"
PEERS = {
    "vectorbt, Rust": ("peer_vectorbt.py", "rust"),
    "vectorbt, Numba": ("peer_vectorbt.py", "numba"),
    "raptorbt": ("peer_raptorbt.py",),
    "backtesting.py": ("peer_backtesting.py",),
}
OURS = "ours"
SETTLED_BAR = 2_000
REPEATS = 15


def figures() -> list[Figure]:
    """Measure everybody."""
    python = peers_python()
    found: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as name:
        path = Path(name) / "market.npz"
        save_market(path, [Timeframe.M1], YEAR_OF_MINUTES)
        flat = Path(name) / "flat.npz"
        _save_flat(path, flat)
        commands: dict[str, Sequence[str | Path]] = {OURS: own_python("bench_peers.py", str(path))}
        for peer, (script, *arguments) in PEERS.items():
            commands[peer] = [python, HERE / "peers" / script, flat, *arguments]
        for engine, command in commands.items():
            found[engine] = measured_in_child(command, environment={"PYTHONWARNINGS": "ignore"})
    return [figure for work in ("W1", "W2") for figure in _compared(work, found)]


def _compared(work: str, found: dict[str, dict[str, Any]]) -> list[Figure]:
    ours = found[OURS][work]
    figures = []
    for engine, taken in found.items():
        warm = taken[work]["warm_s"]
        same = "" if taken[work]["trades"] == ours["trades"] else " (ours differs)"
        note = f"{taken[work]['trades']:,} trades{same}, {taken['peak_mb']:,.0f} MB"
        if work == "W1":
            note += f", first call {taken[work]['first_s']:.2f} s"
        if engine != OURS:
            note += f"; {warm / ours['warm_s']:.1f} times ours"
        best, cpu = 1e3 * taken[work]["best_s"], 1e3 * taken[work]["cpu_s"]
        figures.append(Figure(f"{work}, {engine}", 1e3 * warm, "ms", None, note, best=best, cpu=cpu))
    return figures


def peers_python() -> Path:
    """Return the Python that has the peers, and make its environment first where it is not up to date.

    Raises
    ------
    RuntimeError
        If the peers cannot be installed.
    """
    pins = HERE / "peers-requirements.txt"
    stamp, python = VENV / ".pins", VENV / "bin" / "python"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print("Installing the peers into .venv-peers", flush=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        for command in (
            [*uv, "venv", "--clear", "--python", sys.executable, VENV],
            [*uv, "pip", "install", "--compile-bytecode", "--python", python, "-r", pins],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"the peers cannot be installed: {done.stderr[-1000:]}")
        stamp.write_text(wanted)
    return python


def _save_flat(market: Path, path: Path) -> None:
    """Write the candles alone, by plain names, for those who know nothing of our files."""
    import numpy as np

    candles = load_market(market)[0][Timeframe.M1]
    names = ("ts_open", "open", "high", "low", "close", "volume")
    np.savez(path, **{name: getattr(candles, name) for name in names})


def run_in_this_process(path: Path) -> None:
    """Do W1 and W2 with our engine and print what a peer's script prints."""
    candles, funding = load_market(path)

    def prepare(plan: CardPlan) -> PreparedFrame:
        return prepare_arrays(plan, "BTCUSDT", candles, funding, INSTRUMENT)

    found: dict[str, Any] = {}
    for work, card in (("W1", W1), ("W2", W2)):
        plan = plan_of(card)
        started = time.perf_counter()
        evaluate(prepare(plan))
        first = time.perf_counter() - started
        figure = timed(work, lambda plan=plan: evaluate(prepare(plan)), REPEATS, "s", 1.0)
        found[work] = {
            "first_s": first,
            "warm_s": figure.value,
            "best_s": figure.best,
            "cpu_s": figure.cpu,
            "trades": _settled_trades(prepare(plan)),
        }
    found["peak_mb"] = peak_mb()
    print(json.dumps(found))


def _settled_trades(prepared: PreparedFrame) -> int:
    starting_equity = prepared.plan.card.account.starting_equity_usdt
    output = simulate(
        prepared.bars,
        prepared.signals,
        prepared.funding,
        prepared.contract,
        prepared.tiers,
        starting_equity,
    )
    return int((output.trades.entry_bar >= SETTLED_BAR).sum())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_in_this_process(Path(sys.argv[1]))
    else:
        print(machine())
        show(figures())
