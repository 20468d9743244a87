"""`trade demo` and `trade run`: raw candles to promotion decisions from one command, and once only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from recorded_market import record_market

from engine.settings import TradeSettings
from engine.timeframes import Timeframe
from engine.tools.stores import market_store

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path) -> dict[str, str]:
    """A Dagster home of its own, and one card on one symbol."""
    shutil.copytree(PROJECT / "dagster_home", tmp_path / "home", ignore=lambda folder, names: {
        name for name in names if name != "dagster.yaml"
    })  # fmt: skip
    cards = tmp_path / "cards"
    cards.mkdir()
    text = (PROJECT / "idea_cards" / "channel_breakout.yaml").read_text()
    (cards / "channel_breakout.yaml").write_text(text.replace("[BTCUSDT, ETHUSDT, SOLUSDT]", "[BTCUSDT]"))
    return {"DAGSTER_HOME": str(tmp_path / "home"), "TRADE_CARDS": str(cards)}


def test_the_demo_goes_from_nothing_to_decisions_and_says_the_market_is_generated(trade, home):
    shown = trade("demo", **home, TRADE_HISTORY_START="2025-10-01")
    assert shown.exit_code == 0
    assert shown.stdout.count("GENERATED MARKET") == 2
    assert "channel_breakout 1.0.0 on 1h candles" in shown.stdout
    assert "BTCUSDT" in shown.stdout
    assert "Peak MB" in shown.stdout
    assert "make ui" in shown.stdout
    report = next(line.split()[-1] for line in shown.stdout.splitlines() if line.endswith(".html"))
    assert "enerated" in Path(report).read_text()

    again = trade("demo", "--json", **home, TRADE_HISTORY_START="2025-10-01")
    data = json.loads(again.stdout)["data"]
    [row] = data["rows"]
    assert row["reused"] is True
    assert data["dagster_runs"] == 0

    ledger = trade.json("promotions")["data"]["decisions"]
    assert [(entry["card_id"], entry["symbol"], entry["run_id"]) for entry in ledger] == [
        ("channel_breakout", "BTCUSDT", row["run_id"])
    ]
    assert "channel_breakout BTCUSDT 1h" in trade("report").stdout


def test_the_demo_replays_recorded_candles_in_a_folder_of_its_own(trade, home, tmp_path):
    hours = (Timeframe.H1, Timeframe.H4)
    folder = record_market(tmp_path / "candles", symbols=("BTCUSDT",), timeframes=hours)
    shown = trade("demo", "--replay", str(folder), **home, TRADE_HISTORY_START="2024-10-01")
    assert shown.exit_code == 0
    assert "RECORDED MARKET" in shown.stdout
    assert "GENERATED" not in shown.stdout
    data_dir = Path(trade.environment["TRADE_DATA"])
    assert (data_dir / "replay" / "sandbox" / "market.duckdb").exists()
    assert not (data_dir / "sandbox").exists()


def test_the_demo_does_not_mix_markets(trade, home):
    """The store holds another market: one sentence and the way out, and nothing is fetched."""
    store = market_store(TradeSettings.from_environment(trade.environment))
    store.create_tables()
    store.claim_source("sandbox:generated:seed=9")
    shown = trade("demo", **home)
    assert shown.exit_code == 1
    assert "seed=9" in shown.stderr
    assert "seed=7" in shown.stderr
    assert shown.stderr.count("Way out") == 1


def test_a_run_that_fails_shows_the_cause_and_ends_with_1(trade, home):
    """Two hours of history have no 4h candle."""
    shown = trade("run", "channel_breakout", **home, TRADE_HISTORY_START="2025-02-28T22:00")
    assert shown.exit_code == 1
    assert "4h candle of BTCUSDT" in shown.stdout
    assert "set TRADE_HISTORY_START" in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr


def test_run_carries_one_card(trade, home):
    shown = trade("run", "channel_breakout", **home)
    assert shown.exit_code == 0
    assert "channel_breakout 1.0.0 on 1h candles" in shown.stdout
    assert "GENERATED MARKET" in shown.stdout


def test_a_card_that_fills_on_finer_candles_says_what_they_changed(trade, home):
    file = Path(home["TRADE_CARDS"]) / "channel_breakout.yaml"
    text = file.read_text()
    assert "{exec: 1h, htf: 4h}" in text
    file.write_text(text.replace("{exec: 1h, htf: 4h}", "{exec: 1h, htf: 4h, detail: 15m}"))
    shown = trade("run", "channel_breakout", **home)
    assert shown.exit_code == 0
    assert "BTCUSDT: filled on 15m, 100.0 % of bars; ambiguous" in shown.stdout
    [row] = json.loads(trade("run", "channel_breakout", "--json", **home).stdout)["data"]["rows"]
    assert (row["reused"], row["detail"]["timeframe"]) == (True, "15m")
    # from the store, without the pipeline: the same run
    alone = trade.json("backtest", str(file), "-s", "BTCUSDT")["data"]
    assert alone["run_id"] == row["run_id"]
    assert alone["detail"] == row["detail"]
    shown = trade("backtest", str(file), "-s", "BTCUSDT")
    assert "Filled on 15m" in shown.stdout
    assert "Filled on 15m bars in 100.0 % of the bars" in Path(alone["report"]).read_text()


def test_run_carries_a_card_whose_signals_come_from_python(trade, home):
    text = (PROJECT / "idea_cards" / "python" / "channel_breakout_python.yaml").read_text()
    card = Path(home["TRADE_CARDS"]) / "channel_breakout_python.yaml"
    card.write_text(text.replace("[BTCUSDT, ETHUSDT, SOLUSDT]", "[BTCUSDT]"))
    rows = {}
    for name in ("channel_breakout", "channel_breakout_python"):
        shown = trade("run", name, "--json", **home)
        assert shown.exit_code == 0
        [rows[name]] = json.loads(shown.stdout)["data"]["rows"]
    conditions, python = rows.values()
    assert python["trades"] > 5
    for figure in ("trades", "net_return_pct", "max_drawdown_pct", "fees_usdt", "funding_usdt", "refused_by"):
        assert python[figure] == conditions[figure]


def test_run_of_a_card_or_symbol_that_is_not_there_is_refused(trade, home):
    card = trade("run", "no_such_card", **home)
    assert card.exit_code == 1
    assert "no_such_card" in card.stderr
    symbol = trade("run", "channel_breakout", "-s", "DOGEUSDT", **home)
    assert symbol.exit_code == 1
    assert "DOGEUSDT" in symbol.stderr


def test_run_without_an_exchange_says_how_to_start_one(trade, home):
    shown = trade("run", "channel_breakout", **home, TRADE_SANDBOX_URL="http://127.0.0.1:9")
    assert shown.exit_code == 1
    assert "trade sandbox" in shown.stderr
    assert "Traceback" not in shown.stderr
