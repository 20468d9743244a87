"""`trade data`: a look at what is stored, files out and in, as people call it."""

from __future__ import annotations

import json


def test_the_status_lists_every_series(synced):
    shown = synced("data", "status", "BTCUSDT")
    assert shown.exit_code == 0
    assert "mark_klines" in shown.stdout
    assert "2025-01-01 00:00" in shown.stdout
    rows = synced.json("data", "status", "-t", "15m")["data"]["series"]
    assert {(row["kind"], row["gap_bars"]) for row in rows if row["timeframe"]} == {
        ("ohlcv", 0),
        ("mark_klines", 0),
    }


def test_a_generated_market_passes_every_gate(synced):
    shown = synced("data", "check", "BTCUSDT")
    assert shown.exit_code == 0, shown.stdout
    assert "passed  timeframe_aggregate: 0 of" in shown.stdout
    assert "REFUSED" not in shown.stdout


def test_nothing_was_done_to_what_came_in_order(synced):
    assert "Nothing was done" in synced("data", "journal").stdout
    assert "No row is in quarantine" in synced("data", "quarantine").stdout
    healed = synced("data", "heal")
    assert healed.exit_code == 0
    assert "There is no hole" in healed.stdout


def test_a_question_in_sql_is_answered(synced):
    shown = synced("data", "query", "SELECT count(*) AS candles FROM ohlcv WHERE timeframe = '1h'")
    assert shown.exit_code == 0
    assert "1416" in shown.stdout  # 59 days
    assert synced("data", "query", "DELETE FROM ohlcv").exit_code == 1


def test_what_is_exported_can_be_imported_and_says_what_it_is(synced, tmp_path):
    out = str(tmp_path / "out")
    shown = synced("data", "export", out, "-s", "BTCUSDT", "-t", "1h")
    assert shown.exit_code == 0
    assert "mark_BTCUSDT_1h.parquet" in shown.stdout
    other = {"TRADE_DATA": str(tmp_path / "other")}
    done = synced("data", "import", "layout", out, **other)
    assert done.exit_code == 0
    assert "IMPORTED DATA" in done.stdout
    imported = {**other, "TRADE_EXCHANGE": "imported"}
    assert "1,416" in synced("data", "status", **imported).stdout
    assert "IMPORTED DATA" in synced("data", "check", **imported).stdout
    assert "layout: BTCUSDT_1h.parquet (sha256" in synced("data", "journal", **imported).stdout
    refused = synced("data", "sync", "BTCUSDT", "-t", "1h", **imported)
    assert refused.exit_code == 1
    assert "no exchange" in refused.stderr


def test_a_plain_file_is_imported_with_its_mapping(trade, tmp_path):
    path = tmp_path / "candles.csv"
    path.write_text(
        "Time,Open,High,Low,Close,Vol\n2024-01-01T00:00:00Z,1,2,1,2,5\n2024-01-01T01:00:00Z,x,2,1,2,5\n"
    )
    mapping = [f"{ours}={theirs}" for ours, theirs in (("ts_open", "Time"), ("volume", "Vol"))]
    mapping += [f"{name}={name.title()}" for name in ("open", "high", "low", "close")]
    said = ["-s", "BTCUSDT", "--kind", "ohlcv", "-t", "1h", "--time-unit", "iso", "--time-zone", "UTC"]
    columns = [part for pair in mapping for part in ("--column", pair)]
    refused = trade("data", "import", "plain", str(path), *said, *columns)
    assert refused.exit_code == 1
    assert "'x'" in refused.stderr
    path.write_text(path.read_text().replace(",x,", ",2,"))
    assert trade("data", "import", "plain", str(path), *said, *columns).exit_code == 0
    assert trade("data", "import", "plain", str(path), "--column", "open").exit_code == 2


def test_index_klines_come_when_they_are_asked_for(trade):
    # 59 days of 24 hours
    for arguments, rows in (((), 0), (("--index",), 1416), (("--index",), 0)):
        [report] = trade.json("data", "sync", "BTCUSDT", "-t", "1h", *arguments)["data"]["synced"]
        assert report["index_klines"] == rows
    counted = "SELECT count(*) AS rows FROM index_klines WHERE symbol = 'BTCUSDT' AND timeframe = '1h'"
    assert trade.json("data", "query", counted)["data"]["rows"] == [[1416]]


def test_imported_candles_are_traded_by_rules_copied_from_an_exchange(trade, tmp_path):
    assert trade("sync", "-s", "BTCUSDT", "-t", "15m", "-t", "1h").exit_code == 0
    out = str(tmp_path / "out")
    assert trade("data", "export", out).exit_code == 0
    assert trade("data", "import", "layout", out).exit_code == 0
    backtest = ("backtest", "band_reversion", "-s", "BTCUSDT")
    without = trade(*backtest, TRADE_EXCHANGE="imported")
    assert without.exit_code == 1
    assert "trade data rules" in without.stderr

    [rules] = trade.json("data", "rules", "--from", "sandbox")["data"]["rules"]
    assert (rules["symbol"], rules["tick_size"], rules["is_new"]) == ("BTCUSDT", 0.1, True)
    assert "BTCUSDT" in trade("data", "rules", "--from", "sandbox").stdout
    of_files = trade(*backtest, "--json", TRADE_EXCHANGE="imported")
    assert of_files.exit_code == 0
    figures = [json.loads(of_files.stdout)["data"], trade.json(*backtest)["data"]]
    assert figures[0]["metrics"]["trades"] == figures[1]["metrics"]["trades"]
    assert trade("data", "rules", "--from", "bybit").exit_code == 1
    assert trade("data", "rules", "--from", "moon").exit_code == 2
