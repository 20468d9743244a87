"""The driver of `trade run` and `trade demo`: makes what is not current, here, on the UI's instance.

First the candles of every symbol, then its partitions in the order of `passes.py`, each with what there is
to make and is not current. Steps that do not depend on each other do not stop each other, so a card that
fails leaves the others alone, and a symbol that fails the other symbols. What is made belongs to the assets,
what is current to `freshness.py`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping

import dagster as dg

from engine.backtest.artifacts import reachable_base
from engine.errors import ConfigurationError
from engine.exchange.client import BybitMarketClient
from engine.market_data.store import HistoricalDataStore
from engine.settings import TradeSettings
from engine.strategies.card_plan import CardPlan, PlanFolder
from engine.timeframes import Timeframe
from engine.tools.market import stored_market
from engine.tools.progress import NullProgress, Progress
from trade_assets.artifacts import ArtifactStore
from trade_assets.assets.market import MARKET_KEYS, RAW_OHLCV_KEY
from trade_assets.build import code_versions, default_resources
from trade_assets.freshness import is_current, is_synced
from trade_assets.outcome import CardRow, PipelineFailure, PipelineReport, card_row, decision_address
from trade_assets.partitioned import ARTIFACTS
from trade_assets.partitions import Partition, largest_first
from trade_assets.passes import passes_of
from trade_assets.reports import report_file
from trade_assets.runner import ProgressWatcher, Runner

SYNC = "sync"
CARDS = "cards"

_SLICES = tuple(key for key in MARKET_KEYS if key != RAW_OHLCV_KEY)

CardsBySymbol = Mapping[str, list[CardPlan]]


def run_pipeline(
    settings: TradeSettings,
    folder: PlanFolder,
    instance: dg.DagsterInstance,
    *,
    cards: Collection[str] = (),
    symbols: Collection[str] = (),
    progress: Progress | None = None,
) -> PipelineReport:
    """Bring cards on symbols from raw candles to a decision.

    Parameters
    ----------
    settings : TradeSettings
        Where things are.
    folder : PlanFolder
        All cards.
    instance : DagsterInstance
        Where runs are kept.
    cards, symbols : collection of str, optional
        Only these; all by default.
    progress : Progress, optional
        Who watches.

    Raises
    ------
    ConfigurationError
        If there is no card, or a card or symbol asked for is not there.
    ExchangeUnavailable
        If the exchange does not answer.
    """
    began = time.perf_counter()
    wanted = _cards_by_symbol(folder, cards, symbols)
    reachable_base(settings.artifacts_uri)
    watcher = ProgressWatcher(progress or NullProgress())
    pipeline = _Pipeline(settings, folder, instance, Runner(settings, folder, instance, watcher), watcher)
    return pipeline.run(wanted, began)


class _Pipeline:
    """One run of the pipeline over the databases, artifacts and exchange of the settings."""

    def __init__(
        self,
        settings: TradeSettings,
        folder: PlanFolder,
        instance: dg.DagsterInstance,
        runner: Runner,
        watcher: ProgressWatcher,
    ) -> None:
        resources = default_resources(settings)
        self._artifacts: ArtifactStore = resources[ARTIFACTS].store()
        self._market: HistoricalDataStore = resources["market_database"].store()
        self._exchange: BybitMarketClient = resources["exchange"].client()
        self._settings = settings
        self._versions = code_versions(folder)
        self._instance = instance
        self._runner = runner
        self._watcher = watcher

    def run(self, wanted: CardsBySymbol, began: float) -> PipelineReport:
        """Make what is not current and tell what there is."""
        failed_symbols = self._sync(wanted)
        synced = {symbol: plans for symbol, plans in wanted.items() if symbol not in failed_symbols}
        due = {
            symbol: [plan for plan in plans if not self._is_made(plan, symbol)]
            for symbol, plans in synced.items()
        }
        failures = [*failed_symbols.values(), *self._make(due)]
        rows: list[CardRow] = [
            card_row(plan, symbol, self._artifacts, reused=plan not in due[symbol])
            for symbol, plans in synced.items()
            for plan in plans
            if plan not in due[symbol] or self._is_made(plan, symbol)
        ]
        return PipelineReport(
            market=stored_market(self._settings),
            rows=tuple(sorted(rows, key=lambda row: (row.card, row.symbol))),
            failed=tuple(failures),
            assets=self._watcher.times(),
            dagster_runs=self._runner.runs,
            dagster_seconds=self._runner.seconds - self._watcher.seconds,
            seconds=time.perf_counter() - began,
        )

    def _sync(self, wanted: CardsBySymbol) -> dict[str, PipelineFailure]:
        """Bring the candles of every symbol up to date; return what failed, by symbol."""
        now_ms = self._exchange.server_time_ms()
        due = {
            symbol: _timeframes_of(plans)
            for symbol, plans in wanted.items()
            if not self._is_synced(symbol, _timeframes_of(plans), now_ms)
        }
        failed: dict[str, PipelineFailure] = {}
        if due:
            self._watcher.begin(SYNC, sum(map(len, due.values())))
            for symbol, timeframes in due.items():
                for failure in _told(self._runner.run([RAW_OHLCV_KEY], symbol, timeframes), symbol):
                    failed[symbol] = failure
            self._watcher.end()
        return failed

    def _make(self, due: CardsBySymbol) -> list[PipelineFailure]:
        """Carry the cards that are not current to their decisions; return what failed."""
        failures: list[PipelineFailure] = []
        if any(due.values()):
            self._watcher.begin(CARDS, sum(map(_count, due.values())))
            for symbol, plans in due.items():
                failures += self._make_symbol(symbol, plans)
            self._watcher.end()
        return failures

    def _make_symbol(self, symbol: str, plans: list[CardPlan]) -> list[PipelineFailure]:
        """Make a symbol's partitions; what has failed in one pass is not tried in a later one."""
        failures: list[PipelineFailure] = []
        left = {plan.card.id for plan in plans}
        sliced: set[Timeframe] = set()
        for step in passes_of(plans):
            of_cards = {card: keys for card, keys in step.keys.items() if card in left}
            if not of_cards:
                continue
            slices = () if step.timeframe in sliced else _SLICES
            sliced.add(step.timeframe)
            keys = [*slices, *(key for keys in of_cards.values() for key in keys)]
            failed = self._runner.run(keys, symbol, [step.timeframe])
            failures += _told(failed, Partition(symbol, step.timeframe))
            has_market = not failed.keys() & set(slices)
            if not has_market and not step.is_detail:
                break
            left -= {card for card, keys in of_cards.items() if not has_market or failed.keys() & set(keys)}
        return failures

    def _is_synced(self, symbol: str, timeframes: Collection[Timeframe], now_ms: int) -> bool:
        return is_synced(
            self._artifacts,
            self._market,
            symbol,
            timeframes,
            now_ms=now_ms,
            history_start_ms=self._settings.history_start_ms,
        )

    def _is_made(self, plan: CardPlan, symbol: str) -> bool:
        """Return whether the decision is current, its report is there, and the UI knows of it."""
        address = decision_address(plan, symbol)
        report = self._artifacts.base / report_file(plan.card.id, address.partition)
        known = self._instance.get_materialized_partitions(dg.AssetKey(list(address.asset_key)))
        return (
            is_current(self._artifacts, address, self._versions)
            and report.exists()
            and address.partition.key in known
        )


def _cards_by_symbol(
    folder: PlanFolder, cards: Collection[str], symbols: Collection[str]
) -> dict[str, list[CardPlan]]:
    """Return the cards to carry, per symbol."""
    if not folder.plans:
        raise ConfigurationError(
            "there is no usable card",
            way_out=f"mend {', '.join(folder.errors)}"
            if folder.errors
            else "put a card into the folder of cards",
        )
    unknown = sorted(set(cards) - set(folder.plans))
    if unknown:
        broken = [name for name in folder.errors if name.rpartition(".")[0] in unknown]
        raise ConfigurationError(
            f"there is no usable card {', '.join(unknown)}",
            way_out=f"mend {', '.join(broken)}"
            if broken
            else f"use one of {', '.join(sorted(folder.plans))}",
        )
    plans = [plan for name, plan in sorted(folder.plans.items()) if not cards or name in cards]
    named = sorted({symbol for plan in plans for symbol in plan.card.symbols})
    missing = sorted(set(symbols) - set(named))
    if missing:
        raise ConfigurationError(
            f"no card asked for trades {', '.join(missing)}",
            way_out=f"use one of {', '.join(named)}, or name the symbol in the card",
        )
    return {
        symbol: [plan for plan in plans if symbol in plan.card.symbols]
        for symbol in named
        if not symbols or symbol in symbols
    }


def _told(failed: Mapping[tuple[str, ...], str], where: object) -> list[PipelineFailure]:
    return [PipelineFailure(f"{'/'.join(key)} of {where}", error) for key, error in failed.items()]


def _count(plans: list[CardPlan]) -> int:
    """Return how many partitions of assets there are to make for one symbol."""
    of_market = len(_SLICES) * len(_timeframes_of(plans))
    return of_market + sum(len(keys) for step in passes_of(plans) for keys in step.keys.values())


def _timeframes_of(plans: Iterable[CardPlan]) -> tuple[Timeframe, ...]:
    return largest_first(each for plan in plans for each in plan.card.timeframes.all_timeframes().values())
