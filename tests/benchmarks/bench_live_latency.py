"""From a candle's close to the order that is sent: 20 cards on 10 symbols, on one core.

    .venv/bin/python tests/benchmarks/bench_live_latency.py [closes]

The stand-in runs in a process of its own, on another core; the runner has one. At each close of a quarter of
an hour the candles of all ten symbols are handed over at once, as the stream tells them, and every card
places a bracketed market order: features and rules on three timeframes, the risk manager's checks, the
journal on the disk, and the signed request on its way. The time runs from the first candle of the close to
the moment an order is handed to the connection. Asked for are 50 ms at the median.

Two accounts of ten symbols each, for an account has one position of a symbol.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmark_report import Figure, show

from engine.exchange.client import BybitMarketClient
from engine.exchange.session import BybitSession
from engine.exchange.stream import CandleTopic, ClosedCandle
from engine.exchange.timing import Timing
from engine.exchange.trading.contract_rules import RulesBook
from engine.exchange.trading.environment import ApiCredentials, TradingEnvironment
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.signed_session import SignedSession
from engine.idea_card.load import card_from_text
from engine.live.account_book import AccountBook
from engine.live.account_leg import AccountLeg
from engine.live.account_watch import AccountKeeper
from engine.live.intake import Intake
from engine.live.journal import Journal
from engine.live.order_desk import OrderDesk, OrderOutcome
from engine.live.risk.limits import risk_limits_from_text
from engine.live.risk.manager import RiskManager
from engine.live.risk.memory import RiskMemory
from engine.live.runner import Runner
from engine.live.warmup import warm_up
from engine.strategies.card_plan import CardPlan, plan_card
from engine.timeframes import Timeframe, parse_utc

SHIPPED = Path(__file__).resolve().parents[2] / "idea_cards" / "trend_pullback.yaml"
SYMBOLS = [
    *("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT", "XRPUSDT"),
    *("DOGEUSDT", "BNBUSDT", "LTCUSDT", "LINKUSDT", "AVAXUSDT"),
]
START = "2025-03-01T00:00:02"
CARDS_A_SYMBOL = 2
LIMITS = """
orders: {max_per_minute: 1000, max_notional_usdt: 1000000}
positions: {max_notional_usdt: 1000000, max_open: 100}
exposure: {max_total_usdt: 10000000, max_account_leverage: 100, groups: {}}
losses: {streak_trades: 100000, max_daily_pct: 90, max_weekly_pct: 90, max_drawdown_pct: 90}
funding: {max_cost_pct_of_equity: 50}
"""


def card(number: int) -> CardPlan:
    """Return a card like the shipped one that enters at every close it can; no two have the same averages."""
    text = SHIPPED.read_text()
    rules = text.index("  entry_long:")
    after = text.index("  exit_long:")
    entry = "  entry_long: [{any: [[close, '>', 0], [ema_fast, cross_above, ema_slow]]}]\n"
    text = text[:rules] + entry + text[after:]
    for old, new in (
        ("id: trend_pullback", f"id: card_{number}"),
        ("symbols: [BTCUSDT, ETHUSDT, SOLUSDT]", f"symbols: [{SYMBOLS[number // CARDS_A_SYMBOL]}]"),
        ("length: 21", f"length: {21 + number}"),
        ("max_bars_in_trade: 192", "max_bars_in_trade: 1"),
        ("cooldown_bars: 2", "cooldown_bars: 0"),
        ("{model: risk_based, risk_pct: 1.0}", "{model: fixed_usdt, notional_usdt: 200}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return plan_card(card_from_text(text, f"card_{number}.yaml"))


def control(url: str, path: str, body: dict[str, Any]) -> None:
    """Post to the stand-in's control address."""
    request = urllib.request.Request(
        f"{url}/sandbox/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request).read()


def main() -> None:
    """Measure and print."""
    closes = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    sandbox = [
        str(Path(sys.executable).with_name("trade")),
        "sandbox",
        "--port",
        "0",
        "--now",
        START,
        "--json",
    ]
    server = subprocess.Popen(sandbox, stdout=subprocess.PIPE, text=True)
    try:
        lines = ""
        assert server.stdout is not None
        while not lines.endswith("}\n"):
            lines += server.stdout.readline()
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:1])
        with TemporaryDirectory() as folder:
            measure(json.loads(lines)["url"], Path(folder), closes)
    finally:
        server.terminate()
        server.wait()


def measure(url: str, folder: Path, closes: int) -> None:
    """Run so many closes and print what they took."""
    now = parse_utc(START)
    clock = [now]
    timing = Timing(epoch_ms=lambda: clock[0])
    client = BybitMarketClient(url)
    market_session = BybitSession(url, timing=timing)
    plans = [card(number) for number in range(CARDS_A_SYMBOL * len(SYMBOLS))]
    markets = {
        symbol: warm_up(
            plans[at * CARDS_A_SYMBOL : (at + 1) * CARDS_A_SYMBOL],
            symbol,
            client,
            now_ms=now,
            history_start_ms=0,
        )
        for at, symbol in enumerate(SYMBOLS)
    }
    legs: list[AccountLeg] = []
    keepers: list[AccountKeeper] = []
    sent: list[float] = []
    outcomes: list[OrderOutcome] = []
    for account in range(CARDS_A_SYMBOL):
        key, secret = (
            ("sandbox-key", "sandbox-secret") if account == 0 else (f"bench-key-{account}", "bench-secret")
        )
        if account:
            control(url, "accounts", {"key": key, "secret": secret})
        session = SignedSession(url, ApiCredentials(key, secret), timing=timing)
        manager = ExchangeManager(
            session, RulesBook(market_session, timing.monotonic_s), TradingEnvironment.SANDBOX
        )
        book = AccountBook({symbol: market.instrument for symbol, market in markets.items()})
        risk = RiskManager(
            risk_limits_from_text(LIMITS, "limits"), RiskMemory(folder / f"risk{account}.json")
        )
        desk = OrderDesk(manager, risk, book, Journal(folder / f"journal{account}.jsonl"))
        desk.on_sent = lambda _request: sent.append(time.perf_counter())
        mine = [
            AccountLeg(
                plans[at * CARDS_A_SYMBOL + account],
                markets[symbol],
                markets[symbol].series[Timeframe.M15].next_open,
                desk,
                legs=len(SYMBOLS),
            )
            for at, symbol in enumerate(SYMBOLS)
        ]
        for leg in mine:
            manager.set_leverage(leg.symbol, 3)
            leg.twin.rehearse()
        desk.send_in_threads(outcomes.append)
        legs += mine
        keepers.append(AccountKeeper(desk, mine, None, market_session))
    journal = Journal(folder / "candles.jsonl")
    intakes = {
        symbol: Intake(market, client, journal, with_marks=False, with_funding=False)
        for symbol, market in markets.items()
    }
    runner = Runner(intakes, legs)
    for keeper in keepers:
        keeper.begin(now)
    opening: list[float] = []
    everything: list[float] = []
    deciding: list[float] = []
    by_close: list[float] = []
    working: list[float] = []
    for _ in range(closes):
        ahead = Timeframe.M15.floor(clock[0]) + Timeframe.M15.ms + 2 - clock[0]
        clock[0] += ahead
        control(url, "clock", {"step_ms": ahead})
        for keeper in keepers:
            keeper.read_prices()
            keeper.reconcile(clock[0])
        candles = [
            candle for symbol in SYMBOLS for candle in closed(client, symbol, markets[symbol], clock[0])
        ]
        sent.clear()
        outcomes.clear()
        worked_here = time.thread_time()
        began, worked = time.perf_counter(), time.process_time()
        for candle in candles:
            runner.take(candle, clock[0])
        deciding.append(1e3 * (time.thread_time() - worked_here))
        everything.append(1e3 * (time.perf_counter() - began))
        while len(outcomes) < len(sent) or time.perf_counter() - max(sent, default=began) < 0.5:
            time.sleep(0.01)
        working.append(1e3 * (time.process_time() - worked))
        took = [1e3 * (moment - began) for moment in sent]
        opening += took
        by_close.append(statistics.median(took))
        clock[0] += 1_000
        control(url, "clock", {"step_ms": 1_000})
        for keeper in keepers:
            keeper.reconcile(clock[0])
    assert len(opening) >= len(legs), f"only {len(opening)} orders were sent"
    show(
        [
            Figure(
                "candle close to order sent",
                statistics.median(opening),
                "ms",
                50.0,
                f"{len(opening)} orders",
                best=min(by_close),
            ),
            Figure(
                "all 20 decided and handed over", statistics.median(everything), "ms", best=min(everything)
            ),
            Figure("processor time of deciding", statistics.median(deciding), "ms", note="for 20 cards"),
            Figure("and of sending, answers included", statistics.median(working), "ms", note="all threads"),
        ]
    )


def closed(client: BybitMarketClient, symbol: str, market: Any, now: int) -> list[ClosedCandle]:
    """Return the candles of a symbol that have just closed, the longest first."""
    found = []
    for timeframe in sorted(market.series, reverse=True):
        first, after = market.series[timeframe].next_open, timeframe.floor(now)
        if first < after:
            row = client.klines(symbol, timeframe, after - timeframe.ms, after).iloc[-1]
            values = [float(row[name]) for name in ("open", "high", "low", "close", "volume", "turnover")]
            found.append(ClosedCandle(CandleTopic(symbol, timeframe), after - timeframe.ms, *values))
    return found


if __name__ == "__main__":
    main()
