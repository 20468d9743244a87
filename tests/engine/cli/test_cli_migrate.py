"""`trade cards migrate`: what changes is shown first, and written only when asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

SHIPPED = Path(__file__).resolve().parents[3] / "idea_cards" / "trend_pullback.yaml"


@pytest.fixture
def mine(trade, cards):
    """`trade` with a folder of cards of its own."""
    return type(trade)(trade.environment | {"TRADE_CARDS": str(cards)})


@pytest.fixture
def old(cards) -> Path:
    """A card of version 1 with a feature called hour, in the folder of cards."""
    path = cards / "old_one.yaml"
    text = SHIPPED.read_text().replace("schema_version: 2\n", "").replace("vol_avg", "hour")
    path.write_text(text.replace("id: trend_pullback", "id: grandfather"))
    return path


def test_an_old_card_is_shown_its_way_and_then_taken_along_it(mine, old):
    before = old.read_text()
    refused = mine("cards", "validate", str(old))
    assert refused.exit_code == 1
    assert f"trade cards migrate {old} --write" in " ".join(refused.stdout.split())
    shown = mine("cards", "migrate", "grandfather")
    assert shown.exit_code == 0
    assert "+schema_version: 2" in shown.stdout
    assert "Nothing is written yet: add --write." in shown.stdout
    assert old.read_text() == before
    written = mine.json("cards", "migrate", "grandfather", "--write")["data"]
    assert (written["written"], written["usable"]) == (True, True)
    shipped = SHIPPED.read_text().replace("vol_avg", "hour_feature")
    assert old.read_text() == shipped.replace("id: trend_pullback", "id: grandfather")
    assert mine("cards", "validate", "grandfather").exit_code == 0
    again = mine("cards", "migrate", str(old), "--write")
    assert "is of version 2 already" in again.stdout


def test_what_else_is_wrong_with_it_is_told(mine, old):
    old.write_text(old.read_text().replace("allow_flip: false", "alow_flip: false"))
    result = mine("cards", "migrate", str(old), "--write")
    assert result.exit_code == 1
    assert "Written." in result.stdout
    assert "did you mean allow_flip" in result.stdout
    line = next(n for n, text in enumerate(old.read_text().splitlines(), 1) if "alow_flip" in text)
    assert f"line {line}, position_policy.alow_flip" in result.stdout


def test_a_card_that_is_not_there_is_named(mine, old):
    result = mine("cards", "migrate", "old_on")
    assert result.exit_code == 1
    assert "there is no card 'old_on'" in result.stderr
    assert "old_one" in result.stderr
