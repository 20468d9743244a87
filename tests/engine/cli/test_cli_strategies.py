"""Cards with a strategy in Python, as people run them."""

from __future__ import annotations

from pathlib import Path

PYTHON = Path(__file__).resolve().parents[3] / "idea_cards" / "python"


def test_strategies_are_listed(trade):
    shown = trade("strategies", "list")
    assert shown.exit_code == 0
    assert "trend_pullback 1.0.0" in shown.stdout
    assert "rsi_low, rsi_high, volume_factor" in shown.stdout
    listed = trade.json("strategies", "list")["data"]["strategies"]
    assert [row["name"] for row in listed] == ["channel_breakout", "trend_pullback"]
    assert "ema_fast[1]" in listed[1]["inputs"]


def test_a_backtest_of_a_card_in_python_is_that_of_its_conditions(synced):
    assert synced("sync", "-s", "BTCUSDT", "-t", "4h").exit_code == 0
    python = synced.json("backtest", str(PYTHON / "channel_breakout_python.yaml"), "-s", "BTCUSDT")["data"]
    conditions = synced.json("backtest", "channel_breakout", "-s", "BTCUSDT")["data"]
    assert python["metrics"] == conditions["metrics"]
    assert python["metrics"]["trades"] > 5
    assert python["system_hash"] != conditions["system_hash"]


def test_a_card_that_names_no_strategy_there_is_is_refused(trade, cards):
    text = (PYTHON / "channel_breakout_python.yaml").read_text()
    (cards / "own.yaml").write_text(text.replace("name: channel_breakout ", "name: chanel_breakout "))
    shown = trade("cards", "validate", str(cards / "own.yaml"))
    assert shown.exit_code == 1
    assert "did you mean channel_breakout" in shown.stdout
