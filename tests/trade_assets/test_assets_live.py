"""Runs as Dagster sees them: shadow performance as an asset, a sensor on the journals."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from engine.exchange.client import BybitMarketClient
from engine.live.opening import open_shadow, prepare_folder
from engine.live.run_folder import RunMode, runs_root
from engine.promotion.shadow_file import read_shadow_evidence
from engine.sandbox.clock import SandboxClock
from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import SandboxServer
from engine.settings import TradeSettings
from engine.strategies.card_plan import load_plans
from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from trade_assets.assets.shadow_performance import shadow_performance_asset
from trade_assets.journal_sensor import journal_sensor

CARDS = Path(__file__).resolve().parents[2] / "idea_cards"


@pytest.fixture
def ran(tmp_path):
    """Settings with one shadow run of six hours, and its card."""
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path), "TRADE_CARDS": str(CARDS)})
    plan = load_plans(CARDS).plans["band_reversion"]
    clock = SandboxClock(parse_utc("2025-03-01T00:00:05"))
    with SandboxServer(GeneratedMarket(7), now_ms=clock) as server:
        client = BybitMarketClient(server.url)
        folder = prepare_folder(
            RunMode.SHADOW,
            [plan],
            ["BTCUSDT"],
            client,
            runs_root(settings),
            now_ms=clock(),
            history_start_ms=0,
        )
        with open_shadow(folder, [plan], client, now_ms=clock()) as run:
            for _ in range(6):
                clock.step(HOUR_MS)
                run.runner.catch_up(clock())
    return settings, plan


def look(settings, cursor=None):
    return journal_sensor(settings).evaluate_tick(
        dg.build_sensor_context(
            instance=dg.DagsterInstance.ephemeral(),
            cursor=cursor,
            definitions=dg.Definitions(assets=[shadow_performance_asset(settings, load_plans(CARDS))]),
        )
    )


def test_the_sensor_asks_for_the_asset_once_for_new_decisions(ran):
    settings, _ = ran
    first = look(settings)
    [request] = first.run_requests
    # the last decisions were made at 06:00:05
    assert request.run_key == f"shadow-{parse_utc('2025-03-01T06:00') // HOUR_MS}"
    again = look(settings, first.cursor)
    assert (again.run_requests, again.skip_message) == ([], "0 new lines, 0 of them errors or refusals")
    assert len(look(settings, "not a cursor").run_requests) == 1


def test_the_asset_writes_the_evidence_that_promotion_reads(ran):
    settings, plan = ran
    made = dg.materialize([shadow_performance_asset(settings, load_plans(CARDS))])
    [event] = made.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["dagster/row_count"].value == 1
    assert metadata["differences"].value == 0
    [row] = metadata["runs"].value.records
    assert (row.data["card"], row.data["closes"]) == ("band_reversion", 24)
    evidence = read_shadow_evidence(
        settings.shadow_folder, "band_reversion", "BTCUSDT", Timeframe.M15, plan.system_hash
    )
    assert evidence is not None
    assert (evidence.closes, evidence.decision_differences, evidence.fill_differences) == (24, 0, 0)


def test_a_run_of_a_card_that_has_changed_is_left_out_with_the_reason(ran, tmp_path):
    settings, _ = ran
    cards = tmp_path / "cards"
    cards.mkdir()
    text = (CARDS / "band_reversion.yaml").read_text()
    (cards / "band_reversion.yaml").write_text(text.replace("leverage: ", "leverage: 1", 1))
    made = dg.materialize([shadow_performance_asset(settings, load_plans(cards))])
    [event] = made.get_asset_materialization_events()
    assert event.materialization.metadata["dagster/row_count"].value == 0
    [row] = event.materialization.metadata["left out"].value.records
    assert "is not of card band_reversion as it is now" in row.data["why"]


def test_without_runs_there_is_nothing_to_do(tmp_path):
    settings = TradeSettings.from_environment({"TRADE_DATA": str(tmp_path), "TRADE_CARDS": str(CARDS)})
    assert look(settings).run_requests == []
    assert dg.materialize([shadow_performance_asset(settings, load_plans(CARDS))]).success
