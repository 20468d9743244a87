"""A code location of its own for each test: a small card, own folders, the real client, the sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from engine.market_data.universe import WantedSeries
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.protocol import RowWindow
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.settings import Exchange, TradeSettings
from engine.timeframes import Timeframe, parse_utc
from trade_assets.artifacts import Address, ArtifactStore
from trade_assets.build import build_defs, usable_cards
from trade_assets.partitions import Partition, Universe
from trade_assets.pipeline import run_pipeline
from trade_assets.ranges import PartitionRange

START_MS = parse_utc("2025-02-01")
NOW_MS = parse_utc("2025-02-11T00:00:05")
# Heavy assets of a card that nothing makes unasked.
ON_DEMAND = {"gates", "sweep", "validation"}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# Two timeframes, two symbols, and thresholds that a card of ten days cannot meet.
CARD = """
id: {id}
version: 1.0.0
description: Two moving averages, for the tests.
symbols: [{symbols}]
timeframes: {{exec: 15m, htf: 1h}}
account:
  starting_equity_usdt: 10000
  leverage: 3
  margin_mode: isolated_usdt
  fee_model: {{taker_bps: 5.5, maker_bps: 2.0}}
  slippage_bps: 2.0
  min_trade_notional_usdt: 10
features:
  fast: {{indicator: ema, params: {{length: 5}}, source: close, tf: exec}}
  slow: {{indicator: ema, params: {{length: {slow}}}, source: close, tf: exec}}
  trend: {{indicator: ema, params: {{length: {trend}}}, source: close, tf: htf}}
signal_rules:
  entry_long: [[fast, cross_above, slow], [close@htf, ">", trend]]
  exit_long: [[fast, cross_below, slow]]
  entry_short: [[fast, cross_below, slow], [close@htf, "<", trend]]
  exit_short: [[fast, cross_above, slow]]
position_policy: {{mode: long_short, allow_flip: false, cooldown_bars: 0, max_bars_in_trade: null}}
risk_model:
  stop_loss: {{type: percent, value: 2.0}}
  take_profit: null
  sizing: {{model: risk_based, risk_pct: 1.0}}
  max_notional_usdt: 30000
promotion:
  min_trades: {min_trades}
  min_net_return_pct: -100.0
  min_sharpe: -1000.0
  min_profit_factor: 0.0
  max_drawdown_pct: 100.0
  max_ambiguous_share_pct: 100.0
  max_filled_share_pct: 100.0
  max_liquidations: 1000
"""


def card_text(
    card_id: str = "averages",
    *,
    symbols: str = "BTCUSDT, ETHUSDT",
    slow: int = 20,
    trend: int = 20,
    min_trades: int = 1,
) -> str:
    """A card in YAML."""
    return CARD.format(id=card_id, symbols=symbols, slow=slow, trend=trend, min_trades=min_trades)


class ScriptedMarket(GeneratedMarket):
    """The generated market, with a change to the candles it serves."""

    def __init__(self) -> None:
        super().__init__()
        self.change: Callable[[str, Timeframe, pd.DataFrame], pd.DataFrame] = lambda _s, _t, frame: frame

    def klines(self, symbol: str, timeframe: Timeframe, window: RowWindow, now_ms: int) -> pd.DataFrame:
        """The candles, changed."""
        return self.change(symbol, timeframe, super().klines(symbol, timeframe, window, now_ms))


class MovableClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ts_ms = NOW_MS

    def __call__(self) -> int:
        return self.ts_ms


def universe(
    *others: str,
    of_cards: Collection[str] = (),
    retired: Collection[str] = (),
    timeframes: Collection[Timeframe] = (Timeframe.M15, Timeframe.H1),
) -> Universe:
    """A universe by the names of its symbols."""
    wanted = WantedSeries(
        tuple(sorted(of_cards)), tuple(sorted(others)), frozenset(retired), tuple(timeframes)
    )
    return Universe.of(wanted)


ON_DEMAND = ("gates", "shadow", "sweep", "validation")
"""Last parts of the keys of assets that no automatic run makes."""


@dataclass
class Location:
    """A code location over its own folders, on an instance that lives as long as the test."""

    settings: TradeSettings
    instance: dg.DagsterInstance
    resources: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_defs(self.settings, resource_overrides=self.resources)

    @cached_property
    def job(self) -> dg.JobDefinition:
        return self.definitions.resolve_implicit_global_asset_job_def()

    @property
    def artifacts(self) -> ArtifactStore:
        return self.definitions.resources["artifacts"].store()

    def add_card(self, text: str, name: str = "") -> None:
        """Write a card into the folder; the code location is loaded again when it is next used."""
        file = name or f"{text.split('id: ')[1].split(maxsplit=1)[0]}.yaml"
        (self.settings.cards_dir / file).write_text(text)
        for loaded in ("definitions", "job"):
            self.__dict__.pop(loaded, None)

    def make(self, *keys: str, at: str, to: str | None = None) -> dg.ExecuteInProcessResult:
        """Materialize assets ("cards/averages/metrics") of a partition, or of a range.

        If none are named, all but those that are made on demand.
        """
        where = PartitionRange(Partition.parse(at), Partition.parse(to or at))
        graph = self.definitions.resolve_asset_graph()
        everything = [key for key in graph.materializable_asset_keys if key.path[-1] not in ON_DEMAND]
        return self.job.execute_in_process(
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys] or everything,
            partition_key=where.partition_key,
            tags=where.tags,
            instance=self.instance,
            run_config=QUIET,
            raise_on_error=False,
        )

    def make_all(self, symbol: str = "BTCUSDT") -> dg.ExecuteInProcessResult:
        """Materialize everything of a symbol."""
        return self.make(at=f"{symbol}|1h", to=f"{symbol}|15m")

    def read(self, key: str, partition: str) -> Any:
        """An artifact."""
        return self.artifacts.read(Address(tuple(key.split("/")), Partition.parse(partition)))

    def files(self) -> set[str]:
        """Every artifact file there is, relative to the base."""
        base = Path(self.settings.artifacts_uri)
        return {str(path.relative_to(base)) for path in base.rglob("*") if path.is_file()}


def made(result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
    """What a run recorded as materialized: asset and partition."""
    return {
        (event.asset_key.to_user_string(), str(event.partition))
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def checks(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str, str | None], bool]:
    """What the checks of a run said, by asset, check and partition."""
    return {
        (each.asset_key.to_user_string(), each.check_name, each.partition): each.passed
        for each in result.get_asset_check_evaluations()
    }


def causes(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Why the steps of a run failed, in the words the UI shows first."""
    return {
        event.step_key or "": event.step_failure_data.user_failure_data.description or ""
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    }


@pytest.fixture(scope="session")
def exchange_url() -> Iterator[str]:
    """A sandbox exchange whose clock stands still."""
    with SandboxServer(GeneratedMarket(), now_ms=FrozenClock(NOW_MS)) as server:
        yield server.url


@pytest.fixture
def scripted() -> Iterator[tuple[ScriptedMarket, MovableClock, str]]:
    """A sandbox exchange whose candles and clock a test changes, and its address."""
    market, clock = ScriptedMarket(), MovableClock()
    with SandboxServer(market, now_ms=clock) as server:
        yield market, clock, server.url


@pytest.fixture
def settings(tmp_path: Path, exchange_url: str) -> TradeSettings:
    """Settings over folders of the test's own, with one card."""
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "averages.yaml").write_text(card_text())
    return _settings(tmp_path, exchange_url)


def _settings(folder: Path, exchange_url: str) -> TradeSettings:
    return TradeSettings(
        exchange=Exchange.SANDBOX,
        data_dir=folder / "data",
        artifacts_uri=str(folder / "artifacts"),
        cards_dir=folder / "cards",
        sandbox_url=exchange_url,
        history_start_ms=START_MS,
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def location(settings: TradeSettings, instance: dg.DagsterInstance) -> Location:
    """A code location that nothing has been made in yet."""
    return Location(settings, instance)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, exchange_url: str) -> Iterator[Location]:
    """A code location in which everything of BTCUSDT has been made; tests change `made_location` instead."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "cards").mkdir()
    (folder / "cards" / "averages.yaml").write_text(card_text())
    with dg.DagsterInstance.ephemeral() as instance:
        location = Location(_settings(folder, exchange_url), instance)
        run_pipeline(location.settings, usable_cards(location.settings), instance, symbols=["BTCUSDT"])
        yield location


@pytest.fixture
def made_location(finished: Location, tmp_path: Path) -> Location:
    """A copy of a code location in which everything of BTCUSDT has been made."""
    shutil.copytree(finished.settings.data_dir.parent, tmp_path / "made")
    return Location(_settings(tmp_path / "made", finished.settings.sandbox_url), finished.instance)


@pytest.fixture
def scripted_location(
    settings: TradeSettings,
    instance: dg.DagsterInstance,
    scripted: tuple[ScriptedMarket, MovableClock, str],
) -> tuple[Location, ScriptedMarket, MovableClock]:
    """A code location on an exchange that the test changes."""
    market, clock, url = scripted
    return Location(replace(settings, sandbox_url=url), instance), market, clock


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the notices that `trade_assets` leaves out: pytest sets its own filters for each test."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.filterwarnings("ignore:.*is currently in (preview|beta)"))
