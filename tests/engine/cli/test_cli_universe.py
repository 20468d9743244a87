"""`trade universe`: what is kept, what is listed, what has gone."""

from __future__ import annotations

import json
from pathlib import Path


def test_it_says_what_is_kept_before_anybody_has_looked_and_opens_no_connection(trade):
    result = trade("universe", "list", TRADE_SANDBOX_URL="http://127.0.0.1:1")
    assert result.exit_code == 0
    assert "never looked at" in result.stdout
    assert "BTCUSDT" in result.stdout


def test_a_look_finds_perpetuals_that_settle_in_usdt_and_the_next_finds_what_has_changed(trade):
    first = trade.json("universe", "refresh")["data"]
    assert "DOGEUSDT" in first["new"]
    assert "BTCPERP" not in first["listed"]
    file = Path(first["file"])
    kept = json.loads(file.read_text())
    kept["symbols"] = [each for each in kept["symbols"] if each["symbol"] != "DOGEUSDT"]
    kept["symbols"].append({"symbol": "LUNAUSDT", "first_seen_ms": 1, "retired_ms": None})
    file.write_text(json.dumps(kept))

    result = trade("universe", "refresh", TRADE_SYMBOLS="all")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "New 1: DOGEUSDT" in lines
    assert "Newly retired 1: LUNAUSDT" in lines
    assert "LUNAUSDT is retired since 2025-03-01 00:00 UTC" in lines

    listed = trade("universe", "list", "--json", TRADE_SYMBOLS="all")
    data = json.loads(listed.stdout)["data"]
    assert "DOGEUSDT" in data["kept"]
    assert "LUNAUSDT" in data["others"]
    assert "LUNAUSDT" not in data["kept"]


def test_an_exchange_that_does_not_answer_is_exit_code_1_and_changes_nothing(trade):
    before = trade.json("universe", "refresh")["data"]
    result = trade("universe", "refresh", TRADE_SANDBOX_URL="http://127.0.0.1:1")
    assert result.exit_code == 1
    assert trade.json("universe", "list")["data"]["seen_ms"] == before["seen_ms"]
