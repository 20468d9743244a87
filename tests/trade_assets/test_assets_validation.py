"""The validation asset: on demand, over the graph's own candles, its decision in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import QUIET, Location, card_text, causes, checks, made

from engine.promotion.policy import PromotionDecision, Stage
from engine.promotion.stages import stage_of
from engine.timeframes import Timeframe
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


def test_nothing_makes_it_by_itself(location: Location) -> None:
    plan = usable_cards(location.settings).plans["averages"]
    made_by_itself = card_keys(plan, plan.card.timeframes.all_timeframes().values())
    assert tuple(KEY.split("/")) not in made_by_itself
    keys = {key.to_user_string() for key in location.definitions.resolve_asset_graph().get_all_asset_keys()}
    assert KEY in keys
