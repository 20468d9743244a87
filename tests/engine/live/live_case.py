"""Runs for tests: cards over the stand-in's market, its clock driven by hand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from engine.exchange.client import BybitMarketClient
from engine.exchange.stream import CandleTopic, ClosedCandle
from engine.live.opening import OpenRun, open_shadow, prepare_folder
from engine.live.run_folder import RunFolder, RunMode
from engine.sandbox.clock import SandboxClock
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer
from engine.strategies.card_plan import CardPlan, load_plan
from engine.timeframes import Timeframe, parse_utc

CARDS = Path(__file__).resolve().parents[3] / "idea_cards"
COOKBOOK = CARDS / "cookbook"


def plan_named(name: str) -> CardPlan:
    """Return a shipped card."""
    path = CARDS / f"{name}.yaml"
    return load_plan(path if path.exists() else COOKBOOK / f"{name}.yaml")


class Trial(AbstractContextManager["Trial"]):
    """The stand-in with a clock of its own, and a folder for runs."""

    def __init__(self, folder: Path, *, start: str = "2025-03-01T00:05", seed: int = 7) -> None:
        self.clock = SandboxClock(parse_utc(start))
        self.server = SandboxServer(GeneratedMarket(seed), now_ms=self.clock)
        self.root = folder

    def __enter__(self) -> Trial:
        self.server.start()
        self.client = BybitMarketClient(self.server.url)
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
