"""The cookbook: every card is valid, says where it is weak, and trades on the sandbox's market."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.strategies.card_plan import load_plan

COOKBOOK = sorted((Path(__file__).resolve().parents[3] / "idea_cards" / "cookbook").glob("*.yaml"))
PARTS_OF_THE_LANGUAGE = (
    *("setups:", "captures:", "tags:", "sequence:", "score:", "holds_for:", "occurred_within:"),
    *("scale_in:", "trading_session:", "funding_rate", "order_block", "unrealised_r", "{param: "),
)


def test_there_are_ten_of_different_kinds():
    cards = [load_plan(path).card for path in COOKBOOK]
    assert len(cards) == 10
    assert {card.position_policy.mode for card in cards} == {"long_only", "short_only", "long_short"}
    assert len({type(card.risk_model.sizing) for card in cards}) >= 3
    assert len({type(card.risk_model.stop_loss) for card in cards}) >= 3
    said = "\n".join(path.read_text() for path in COOKBOOK)
    for part in PARTS_OF_THE_LANGUAGE:
        assert part in said, part


@pytest.mark.parametrize("path", COOKBOOK, ids=lambda path: path.stem)
def test_a_card_of_the_cookbook_explains_itself(path):
    text = path.read_text(encoding="utf-8")
    assert "# The idea. " in text
    assert "# Its weakness. " in text
    assert "schema_version: 2" in text.splitlines()
    assert f"id: {path.stem}" in text.splitlines()


@pytest.mark.parametrize("path", COOKBOOK, ids=lambda path: path.stem)
def test_a_card_of_the_cookbook_trades_on_the_generated_market(path, synced):
    assert synced("sync", "-s", "BTCUSDT", "-t", "4h").exit_code == 0
    result = synced.json("backtest", str(path), "-s", "BTCUSDT")
    assert result["ok"], result["error"]
    assert result["data"]["metrics"]["trades"] >= 3
