"""The validation asset: on demand, over the graph's own candles, its decision in the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import QUIET, Location, card_text, causes, checks, made

from engine.gates.shadow import ShadowEvidence
from engine.promotion.policy import PromotionDecision, Stage, Verdict
from engine.promotion.shadow_file import write_shadow_evidence
from engine.promotion.stages import stage_of
from engine.timeframes import DAY_MS, Timeframe
from engine.tools.catalogue import own_registry
from engine.tools.registry import ToolContext
from trade_assets.assets.cards import card_keys
from trade_assets.build import usable_cards

KEY = "cards/averages/validation"
FEW = {"windows": 3, "sets": 4, "paths": 20}


@pytest.fixture
def location(made_location: Location) -> Location:
    """A code location in which BTCUSDT is backtested and promoted, but validated nowhere."""
    return made_location


def validated(location: Location, symbol: str = "BTCUSDT") -> dg.ExecuteInProcessResult:
    return location.job.execute_in_process(
        asset_selection=[dg.AssetKey(KEY.split("/"))],
        partition_key=f"{symbol}|15m",
        instance=location.instance,
        run_config=QUIET | {"ops": {"cards__averages__validation": {"config": FEW}}},
        raise_on_error=False,
    )


def decisions(location: Location) -> list[PromotionDecision]:
    ledger = location.definitions.resources["promotion_database"].ledger()
    return [entry.decision for entry in ledger.history("averages")]


def test_it_decides_on_the_whole_evidence_and_shows_it(location: Location) -> None:
    result = validated(location)
    assert made(result) == {(KEY, "BTCUSDT|15m")}
    backtested, decision = decisions(location)
    assert (backtested.stage, decision.stage, decision.follows) == (
        Stage.BACKTESTED, Stage.VALIDATED, 1,
    )  # fmt: skip
    assert location.read(KEY, "BTCUSDT|15m")["decision"] == decision.to_plain()
    assert checks(result)[KEY, "validation_gates", "BTCUSDT|15m"] is decision.promoted
    (event,) = result.get_asset_materialization_events()
    shown: dict[str, Any] = {name: value.value for name, value in event.materialization.metadata.items()}
    assert shown["stage"] == "validated"
    assert len(shown["walk-forward"].records) == FEW["windows"]
    assert shown["walk-forward strips"].startswith("![walk-forward](data:image/png;base64,")
    assert 'id="strips"' in Path(shown["report"]).read_text()
    assert shown["profitable_windows_pct"] == next(
        gate.observed for gate in decision.gates if gate.gate == "min_profitable_windows_pct"
    )
    assert "GENERATED" in shown["market"]


def test_the_tool_comes_to_the_same_decision_from_the_store(location: Location) -> None:
    validated(location)
    asked = {"card": "averages", "symbols": ["BTCUSDT"], "stage": "validated", **FEW}
    context = ToolContext(location.settings, lambda: 12345)
    answer = own_registry().execute("promotions.promote", asked, context)
    assert answer.error is None
    # the same evidence: no second row
    assert [row["sequence"] for row in answer.data["decisions"]] == [2]
    assert len(decisions(location)) == 2
    stage = stage_of(
        location.definitions.resources["promotion_database"].ledger(),
        "averages",
        "BTCUSDT",
        Timeframe.M15,
        decisions(location)[0].system_hash,
    )
    assert stage.value == answer.data["decisions"][0]["stands_at"]


def test_what_is_not_backtested_is_refused_before_any_work(location: Location) -> None:
    location.add_card(card_text(min_trades=1_000_000))
    refused = validated(location)
    assert not refused.success
    # its promotion has not been made as it is now: it stands as a candidate
    assert "needs backtested" in causes(refused)["cards__averages__validation"]
    assert {decision.stage for decision in decisions(location)} == {Stage.BACKTESTED}


def test_a_run_in_shadow_is_judged_once_the_card_is_validated(location: Location) -> None:
    validated(location)
    refused = location.make("cards/averages/shadow", at="BTCUSDT|15m")
    assert "shadow needs validated" in causes(refused)["cards__averages__shadow"]
    # as if the evidence had been better
    ledger = location.definitions.resources["promotion_database"].ledger()
    decision = decisions(location)[-1]
    ledger.append(replace(decision, decision=Verdict.PROMOTED, refused_by=None))
    missing = location.make("cards/averages/shadow", at="BTCUSDT|15m")
    assert "has not run in shadow" in causes(missing)["cards__averages__shadow"]
    run = ShadowEvidence(
        card_id="averages",
        system_hash=decision.system_hash,
        symbol="BTCUSDT",
        timeframe=Timeframe.M15,
        run_id="s1",
        data_fingerprint="d" * 64,
        engine_version="3",
        start_ms=0,
        end_ms=20 * DAY_MS,
        closes=1920,
        decisions_compared=1920,
        decision_differences=1,
        fill_differences=0,
        fill_price_bps=0.1,
        trades=12,
        max_drawdown_pct=3.0,
        net_return_pct=1.0,
        first_difference="2026-01-05 10:15: entry_long expected",
    )
    write_shadow_evidence(location.settings.shadow_folder, run)
    result = location.make("cards/averages/shadow", at="BTCUSDT|15m")
    assert checks(result)["cards/averages/shadow", "shadow_gates", "BTCUSDT|15m"] is False
    (event,) = result.get_asset_materialization_events()
    shown = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (shown["stage"], shown["refused by"]) == ("shadow", "max_shadow_decision_differences")
    assert shown["first difference"] == "2026-01-05 10:15: entry_long expected"
    write_shadow_evidence(location.settings.shadow_folder, replace(run, decision_differences=0))
    assert location.make("cards/averages/shadow", at="BTCUSDT|15m").success
    newest = decisions(location)[-1]
    assert (newest.stage, newest.promoted, newest.follows) == (Stage.SHADOW, True, 3)


def test_nothing_makes_it_by_itself(location: Location) -> None:
    plan = usable_cards(location.settings).plans["averages"]
    made_by_itself = card_keys(plan, plan.card.timeframes.all_timeframes().values())
    assert tuple(KEY.split("/")) not in made_by_itself
    keys = {key.to_user_string() for key in location.definitions.resolve_asset_graph().get_all_asset_keys()}
    assert KEY in keys
