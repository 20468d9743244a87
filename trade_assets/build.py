"""Where the parts come together: settings in, fresh Definitions out.

Everything the code location holds is listed here, and everything can be replaced by an argument, so that
tests and commands build their own without patching anything.

https://docs.dagster.io/guides/build/projects-and-components
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from engine.errors import ConfigurationError
from engine.market_data.universe import wanted_series
from engine.settings import TradeSettings
from engine.strategies.card_plan import PlanFolder, load_plans
from trade_assets.assets.cards import card_assets, card_keys
from trade_assets.assets.gates import gates_asset
from trade_assets.assets.idea_cards import idea_cards_asset
from trade_assets.assets.listed_symbols import listed_symbols_asset
from trade_assets.assets.market import (
    CODE_VERSION,
    MARKET_KEYS,
    OPEN_INTEREST_KEY,
    market_assets,
    open_interest_assets,
)
from trade_assets.assets.shadow import shadow_asset
from trade_assets.assets.shadow_performance import shadow_performance_asset
from trade_assets.assets.sweeps import sweep_asset
from trade_assets.assets.validation import validation_asset
from trade_assets.freshness_sensor import freshness_sensor
from trade_assets.io import ArtifactIOManager, Artifacts
from trade_assets.journal_sensor import journal_sensor
from trade_assets.partitioned import ARTIFACTS, IO_MANAGER, PartitionedAsset
from trade_assets.partitions import Universe
from trade_assets.resources import (
    Clock,
    ComputeCluster,
    ExchangeClient,
    MarketDatabase,
    PromotionDatabase,
    ShadowEvidenceFolder,
    SweepDatabase,
)
from trade_assets.schedules import daily_listing_schedule, daily_sync_schedule
from trade_assets.sensors import candle_close_sensor
from trade_assets.work import WATCHER, NullWatcher

log = logging.getLogger(__name__)


def build_defs(
    settings: TradeSettings,
    *,
    folder: PlanFolder | None = None,
    resource_overrides: Mapping[str, Any] | None = None,
    sensors: list[dg.SensorDefinition] | None = None,
    schedules: list[dg.ScheduleDefinition] | None = None,
) -> dg.Definitions:
    """Return the definitions of the code location, new at each call.

    Parameters
    ----------
    settings : TradeSettings
        Where things are.
    folder : PlanFolder, optional
        The cards; those of the settings' folder by default. Cards that cannot be used are left out, logged,
        and fail the check of the asset `idea_cards`.
    resource_overrides : mapping, optional
        Resources by key, in place of the default ones.
    sensors, schedules : list, optional
        In place of the default ones.
    """
    cards = usable_cards(settings) if folder is None else folder
    for name, error in cards.errors.items():
        log.warning("%s is left out: %s", name, error)
    universe = universe_of(settings, cards)
    assets = [
        *market_assets(timeframes=universe.timeframes, history_start_ms=settings.history_start_ms),
        *open_interest_assets(cards.plans.values()),
        *(asset for plan in cards.plans.values() for asset in (*card_assets(plan), gates_asset(plan))),
        *(validation_asset(cards.plans[name], space) for name, space in cards.spaces.items()),
        *(shadow_asset(plan) for plan in cards.plans.values()),
        *(sweep_asset(cards.plans[name], space) for name, space in cards.spaces.items() if space.parameters),
    ]
    return dg.Definitions(
        assets=[
            idea_cards_asset(settings),
            listed_symbols_asset(settings),
            shadow_performance_asset(settings, cards),
            *(asset.definition(universe, readers_of(asset, assets)) for asset in assets),
        ],
        resources=default_resources(settings) | dict(resource_overrides or {}),
        sensors=[*default_sensors(universe, cards), journal_sensor(settings)] if sensors is None else sensors,
        schedules=default_schedules(universe) if schedules is None else schedules,
        executor=executor_of(settings),
    )


def executor_of(settings: TradeSettings) -> dg.ExecutorDefinition:
    """Return what runs the steps: this process, or the workers of the settings' cluster.

    Runs are processes of their own already, and a process per step costs three seconds each: on one machine
    the first is quicker. What a cluster runs needs a `DAGSTER_HOME` and data that all its workers reach.
    """
    cluster = settings.cluster
    if cluster is None:
        return dg.in_process_executor
    from dagster_dask import dask_executor

    if cluster.address is not None:
        return dask_executor.configured({"cluster": {"existing": {"address": cluster.address}}}, "dask")
    local = {"n_workers": cluster.processes, "threads_per_worker": 1, "dashboard_address": None}
    return dask_executor.configured({"cluster": {"local": local}}, "dask")


def default_sensors(universe: Universe, cards: PlanFolder) -> list[dg.SensorDefinition]:
    """Return the sensors: what is due, and what has fallen behind."""
    return [candle_close_sensor(universe, cards.plans.values()), freshness_sensor(universe)]


def default_schedules(universe: Universe) -> list[dg.ScheduleDefinition]:
    """Return the schedules: what the exchange lists, and the whole market."""
    return [daily_listing_schedule(), daily_sync_schedule(universe)]


def readers_of(asset: PartitionedAsset, assets: Collection[PartitionedAsset]) -> list[PartitionedAsset]:
    """Return those of `assets` that take in `asset`."""
    return [each for each in assets if any(taken.asset_key == asset.key for taken in each.inputs.values())]


def usable_cards(settings: TradeSettings) -> PlanFolder:
    """Return the cards of the settings' folder; none, with a warning in the log, where there is no folder."""
    try:
        return load_plans(settings.cards_dir)
    except ConfigurationError as error:
        log.warning("%s", error)
        return PlanFolder({}, {})


def code_versions(folder: PlanFolder) -> dict[tuple[str, ...], str]:
    """Return the present code version of every asset."""
    of_cards = {
        key: plan.system_hash
        for plan in folder.plans.values()
        for key in card_keys(plan, plan.card.timeframes.all_timeframes().values())
    }
    return of_cards | dict.fromkeys((*MARKET_KEYS, OPEN_INTEREST_KEY), CODE_VERSION)


def universe_of(settings: TradeSettings, cards: PlanFolder) -> Universe:
    """Return the partitions: what the cards, the settings and the exchange's list of symbols name."""
    return Universe.of(wanted_series(settings, [plan.card for plan in cards.plans.values()]))


def default_resources(settings: TradeSettings) -> dict[str, Any]:
    """Return the resources by key."""
    artifacts = Artifacts(base_uri=settings.artifacts_uri)
    return {
        "market_database": MarketDatabase(database=str(settings.market_database)),
        "promotion_database": PromotionDatabase(database=str(settings.promotion_database)),
        "shadow_evidence": ShadowEvidenceFolder(folder=str(settings.shadow_folder)),
        "sweep_database": SweepDatabase(database=str(settings.sweep_database)),
        "cluster": ComputeCluster(name="" if settings.cluster is None else str(settings.cluster)),
        "exchange": ExchangeClient(
            base_url=settings.exchange_url, request_limit_file=str(settings.request_limit_file)
        ),
        "clock": Clock(),
        ARTIFACTS: artifacts,
        IO_MANAGER: ArtifactIOManager(artifacts=artifacts),
        WATCHER: NullWatcher(),
    }
