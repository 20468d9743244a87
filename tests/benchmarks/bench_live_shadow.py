"""A week of shadow trading for ten cards: lived through hour by hour, brought back, replayed.

    .venv/bin/python tests/benchmarks/bench_live_shadow.py

Ten of the shipped cards run in shadow on BTCUSDT over the stand-in, whose clock is moved by hand: every
candle, mark kline and funding event is fetched over HTTP, every close is decided by itself and written to the
journal. Then the run is opened again from its journal, and at last every card is replayed through the
backtest. Asked for is a week in under a minute.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark_report import Figure, show

from engine.exchange.client import BybitMarketClient
from engine.live.evidence import parities
from engine.live.opening import open_shadow, prepare_folder
from engine.live.run_folder import RunMode
from engine.sandbox.clock import SandboxClock
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer
from engine.strategies.card_plan import load_plans
from engine.timeframes import DAY_MS, HOUR_MS, parse_utc

CARDS = Path(__file__).resolve().parents[2] / "idea_cards"
DAYS = 7


def main() -> None:
    """Measure and print."""
    found = {**load_plans(CARDS).plans, **load_plans(CARDS / "cookbook").plans}
    plans = [plan for plan in found.values() if "BTCUSDT" in plan.card.symbols and plan.strategy is None][:10]
    clock = SandboxClock(parse_utc("2025-03-01T00:00:05"))
    with TemporaryDirectory() as root, SandboxServer(GeneratedMarket(7), now_ms=clock) as server:
        client = BybitMarketClient(server.url)
        folder = prepare_folder(
            RunMode.SHADOW,
            plans,
            ["BTCUSDT"],
            client,
            Path(root),
            now_ms=clock(),
            history_start_ms=parse_utc("2024-10-01"),
        )
        began = time.perf_counter()
        with open_shadow(folder, plans, client, now_ms=clock()) as run:
            for _ in range(DAYS * DAY_MS // HOUR_MS):
                clock.step(HOUR_MS)
                run.runner.catch_up(clock())
        lived = time.perf_counter()
        open_shadow(folder, plans, client, now_ms=clock()).journal.close()
        back = time.perf_counter()
        legs = list(parities(folder, plans))
        replayed = time.perf_counter()
    assert len(legs) == len(plans) == 10
    assert all(leg.agrees for leg in legs), [str(each) for leg in legs for each in leg.differences][:3]
    closes = sum(leg.bars for leg in legs)
    show(
        [
            Figure("a week of shadow, 10 cards", lived - began, "s", 60.0, f"{closes} closes"),
            Figure("brought back from the journal", back - lived, "s"),
            Figure("replayed through the backtest", replayed - back, "s", 60.0, "no difference"),
        ]
    )


if __name__ == "__main__":
    main()
