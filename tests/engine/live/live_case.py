"""Runs for tests: cards over the stand-in's market, its clock driven by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from engine.exchange.client import BybitMarketClient
from engine.exchange.session import BybitSession
from engine.exchange.stream import CandleTopic, ClosedCandle
from engine.exchange.timing import Timing
from engine.exchange.trading.contract_rules import RulesBook
from engine.exchange.trading.environment import ApiCredentials, TradingEnvironment
from engine.exchange.trading.manager import ExchangeManager
from engine.exchange.trading.orders import OrderReport
from engine.exchange.trading.signed_session import SignedSession
from engine.idea_card.load import card_from_text
from engine.live.opening import (
    OpenAccountRun,
    OpenRun,
    open_account_run,
    open_shadow,
    prepare_folder,
)
from engine.live.risk.limits import RiskLimits, risk_limits_from_text
from engine.live.risk.manager import RiskManager
from engine.live.risk.memory import RiskMemory
from engine.live.run_folder import RunFolder, RunMode
from engine.sandbox.clock import SandboxClock
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer
from engine.strategies.card_plan import CardPlan, load_plan, plan_card
from engine.timeframes import DAY_MS, MINUTE_MS, Timeframe, parse_utc

CARDS = Path(__file__).resolve().parents[3] / "idea_cards"
COOKBOOK = CARDS / "cookbook"


def plan_named(name: str) -> CardPlan:
    """Return a shipped card."""
    path = CARDS / f"{name}.yaml"
    return load_plan(path if path.exists() else COOKBOOK / f"{name}.yaml")


class QuickTime:
    """A clock for whoever waits: nobody does, but the time has passed all the same."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def timing(self, epoch_ms: Callable[[], int]) -> Timing:
        return Timing(lambda: self.now_s, epoch_ms, self.sleep, lambda low, high: (low + high) / 2)


class Trial(AbstractContextManager["Trial"]):
    """The stand-in with a clock of its own, and a folder for runs."""

    def __init__(self, folder: Path, *, start: str = "2025-03-01T00:05", seed: int = 7) -> None:
        self.clock = SandboxClock(parse_utc(start))
        self.server = SandboxServer(GeneratedMarket(seed), now_ms=self.clock)
        self.root = folder
        self.timing = QuickTime().timing(self.clock)

    def __enter__(self) -> Trial:
        self.server.start()
        self.client = BybitMarketClient(self.server.url, timing=self.timing, timeout_s=2)
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.stop()

    def folder(self, plans: Sequence[CardPlan], symbols: Sequence[str] | None = None) -> RunFolder:
        """Return the folder of a shadow run of these cards."""
        return prepare_folder(
            RunMode.SHADOW,
            plans,
            symbols,
            self.client,
            self.root,
            now_ms=self.clock(),
            history_start_ms=parse_utc("2024-10-01"),
        )

    def open(self, plans: Sequence[CardPlan], symbols: Sequence[str] | None = None) -> OpenRun:
        """Open a shadow run of these cards where it was left."""
        return open_shadow(self.folder(plans, symbols), plans, self.client, now_ms=self.clock())

    def candle(self, symbol: str, timeframe: Timeframe, ts_open: int) -> ClosedCandle:
        """Return a closed candle as the stream would tell it."""
        row = self.client.klines(symbol, timeframe, ts_open, ts_open + timeframe.ms).iloc[0]
        names = ("open", "high", "low", "close", "volume", "turnover")
        return ClosedCandle(CandleTopic(symbol, timeframe), ts_open, *(float(row[name]) for name in names))


PING = """
schema_version: 2
id: ping
version: 1.0.0
description: Always in, to see orders.
symbols: [BTCUSDT]
timeframes: {exec: 1m}
account:
  starting_equity_usdt: 10000
  leverage: 2
  margin_mode: isolated_usdt
  fee_model: {taker_bps: 5.5, maker_bps: 2.0}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  atr: {indicator: atr, params: {length: 14}, tf: exec}
signal_rules:
  entry_long: [[close, ">", 0]]
position_policy: {mode: long_only, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: 2}
risk_model:
  stop_loss: {type: percent, value: 1.0}
  take_profit: {type: rr_ratio, value: 2.0}
  sizing: {model: fixed_usdt, notional_usdt: 1000}
promotion:
  min_trades: 1
  min_net_return_pct: 0
  min_sharpe: 0
  min_profit_factor: 0
  max_drawdown_pct: 50
  max_ambiguous_share_pct: 50
  max_filled_share_pct: 5
  max_liquidations: 0
"""


def ping(**changes: str) -> CardPlan:
    """Return a card that is always in, with some of its lines changed (by what they begin with)."""
    lines = PING.splitlines()
    for start, line in changes.items():
        [at] = [n for n, old in enumerate(lines) if old.strip().startswith(f"{start}:")]
        lines[at] = line
    return plan_card(card_from_text("\n".join(lines), "ping.yaml"))


class AccountTrial(Trial):
    """A trial with the account of the stand-in; what its streams would tell is asked for."""

    def __enter__(self) -> AccountTrial:
        super().__enter__()
        session = SignedSession(
            self.server.url, ApiCredentials("sandbox-key", "sandbox-secret"), timing=self.timing, timeout_s=2
        )
        self.market = BybitSession(self.server.url, timing=self.timing)
        self.manager = ExchangeManager(
            session, RulesBook(self.market, self.timing.monotonic_s), TradingEnvironment.SANDBOX
        )
        return self

    def trade(self, plans: Sequence[CardPlan], limits: str = "") -> OpenAccountRun:
        """Open a run on the account where it was left."""
        folder = prepare_folder(
            RunMode.DEMO, plans, None, self.client, self.root, now_ms=self.clock(), history_start_ms=0
        )
        allowed = risk_limits_from_text(limits, "limits") if limits else RiskLimits()
        risk = RiskManager(allowed, RiskMemory(self.root / "risk.json"))
        return open_account_run(
            folder, plans, self.client, self.manager, risk, None, self.market, now_ms=self.clock()
        )

    def step(self, run: OpenAccountRun, by_ms: int = MINUTE_MS) -> None:
        """Let time pass; hand the run what its streams tell in that time, and let it look after itself."""
        self.clock.step(by_ms)
        run.keeper.read_prices()
        run.runner.catch_up(self.clock())
        run.keeper.reconcile(self.clock())

    def wall_timing(self) -> Timing:
        """Return a timing that really waits, by the stand-in's clock."""
        return Timing(epoch_ms=self.clock)

    def orders(self) -> list[OrderReport]:
        """Return all orders there ever were, as the exchange has them."""
        over = self.manager.order_history(since_ms=self.clock() - DAY_MS)
        return [*over, *self.manager.open_orders()]
