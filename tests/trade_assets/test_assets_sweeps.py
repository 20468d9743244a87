"""The sweep asset: on demand, over the graph's own candles, every trial in the ledger, and it goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from conftest import QUIET, Location, card_text, causes, made

from engine.backtest.searching import SearchRequest
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import sweep_from_store
from engine.backtest.sweep_results import results_table
from engine.idea_card.load import load_space
from engine.promotion.sweep_ledger import SweepLedger
from engine.settings import Cluster
from trade_assets.artifacts import Address
from trade_assets.assets.cards import card_keys
from trade_assets.build import usable_cards
from trade_assets.partitions import Partition
from trade_assets.resources import SweepDatabase

FREE = (
    card_text("free", symbols="BTCUSDT")
    .replace("params: {length: 5}", "params: {length: {param: fast}}")
    .replace(
        "params: {length: 20}, source: close, tf: exec",
        "params: {length: {param: slow}}, source: close, tf: exec",
    )
    + """
parameters:
  fast: {default: 5, min: 3, max: 9, step: 2}
  slow: {default: 20, values: [9, 20]}
parameter_constraints: [[fast, "<", slow]]
"""
)
SETS = 7
"""Of 4 by 2, less the one with fast 9 and slow 9."""
KEY = "cards/free/sweep"


@pytest.fixture
def location(made_location: Location) -> Location:
    """A code location with the market made, and a card with parameters."""
    made_location.add_card(FREE)
    return made_location


def swept(location: Location, **config: Any) -> dg.ExecuteInProcessResult:
    return location.job.execute_in_process(
        asset_selection=[dg.AssetKey(KEY.split("/"))],
        partition_key="BTCUSDT|15m",
        instance=location.instance,
        run_config=QUIET | {"ops": {"cards__free__sweep": {"config": config}}},
        raise_on_error=False,
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def ledger(location: Location) -> SweepLedger:
    return location.definitions.resources["sweep_database"].ledger()


def test_it_is_the_sweep_of_the_stored_candles(location: Location):
    result = swept(location)
    assert made(result) == {(KEY, "BTCUSDT|15m")}
    space = load_space(location.settings.cards_dir / "free.yaml")
    store = location.definitions.resources["market_database"].store()
    sets = SearchRequest().sets(space)
    alone = run_sweep(space, sets, sweep_from_store(space.card, "BTCUSDT", store))
    table = location.read(KEY, "BTCUSDT|15m")
    pd.testing.assert_frame_equal(table, results_table(alone, space.parameters))
    assert len(table) == SETS
    assert ledger(location).trial("free", alone[0].run_id).metrics == alone[0].metrics


def test_it_shows_the_best_sets_and_a_heat_map(location: Location):
    told = shown(swept(location, by="net_return_pct"))
    assert (told["sets"], told["new trials"], told["trials of the family"]) == (SETS, SETS, SETS)
    table = location.read(KEY, "BTCUSDT|15m")
    best = table.sort_values("net_return_pct", ascending=False, kind="stable").iloc[0]
    assert told["best net_return_pct"] == best["net_return_pct"]
    assert told["best sets"].records[0].data["run id"] == best["run_id"][:12]
    assert told["heat map"].startswith("![")
    assert len(told["heat map"]) < 50_000
    assert "GENERATED" in told["market"]


def test_what_was_tried_before_is_not_run_again(location: Location):
    drawn = shown(swept(location, search="random", trials=3, seed=4))
    assert (drawn["sets"], drawn["new trials"]) == (3, 3)
    whole = shown(swept(location))
    assert (whole["sets"], whole["new trials"]) == (SETS, SETS - 3)
    again = shown(swept(location))
    assert (again["new trials"], again["sweep"]) == (0, whole["sweep"])


def test_a_search_goes_on_from_what_an_interrupted_one_left(location: Location):
    """What an interruption leaves is trials in the ledger and no artifact."""
    assert shown(swept(location, search="random", trials=2))["new trials"] == 2
    more = shown(swept(location, search="bayesian", trials=6, objective="sharpe"))
    assert more["sets"] == 6
    assert 6 - 2 <= more["new trials"] <= SETS - 2
    again = shown(swept(location, search="bayesian", trials=6, objective="sharpe"))
    assert (again["new trials"], again["sweep"]) == (0, more["sweep"])


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"by": "luck"}, "does not measure 'luck'"),
        ({"search": "random"}, "say --trials"),
        ({"search": "bayesian", "trials": 3}, "--objective"),
        ({"start": "2025-02-03", "end": "2025-02-02"}, "the window is empty"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(location: Location, config: dict[str, Any], told: str):
    result = swept(location, **config)
    assert not result.success
    assert told in causes(result)["cards__free__sweep"]
    assert ledger(location).sweeps() == ()


def test_processes_write_what_threads_write(location: Location, tmp_path: Path):
    where = Address(tuple(KEY.split("/")), Partition.parse("BTCUSDT|15m"))
    swept(location)
    here = location.artifacts.pointer(where)
    location.settings = replace(location.settings, cluster=Cluster(processes=2))
    # a ledger that knows nothing yet, or there would be nothing to run
    location.resources = {"sweep_database": SweepDatabase(database=str(tmp_path / "own.duckdb"))}
    location.add_card(FREE)
    again = shown(swept(location))
    assert (location.artifacts.pointer(where).sha256, again["new trials"]) == (here.sha256, SETS)


def test_a_window_is_swept_alone(location: Location):
    told = shown(swept(location, start="2025-02-05", end="2025-02-08"))
    assert told["new trials"] == SETS
    searched = ledger(location).sweeps()[0].searched
    assert searched.end_ms - searched.start_ms == 3 * 86_400_000


def test_nothing_makes_it_by_itself_and_only_cards_with_parameters_have_one(location: Location):
    plan = usable_cards(location.settings).plans["free"]
    assert ("cards", "free", "sweep") not in card_keys(plan, plan.card.timeframes.all_timeframes().values())
    keys = {key.to_user_string() for key in location.definitions.resolve_asset_graph().get_all_asset_keys()}
    assert KEY in keys
    assert "cards/averages/sweep" not in keys
