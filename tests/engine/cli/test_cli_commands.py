"""Each command does what its help says, as a table and as JSON, and ends with the documented exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SHIPPED = ["band_reversion", "channel_breakout", "trend_pullback"]


def test_help_names_every_command(trade):
    text = trade("--help").stdout
    for command in (
        "init", "sync", "run", "demo", "backtest", "sweep", "cards", "report", "promotions", "sandbox"
    ):  # fmt: skip
        assert command in text
    assert "Exit codes" in text


def test_a_wrong_call_is_a_usage_error(trade):
    assert trade("cards", "shw").exit_code == 2
    assert trade("backtest").exit_code == 2
    assert trade("sandbox", "--seed", "3", "--replay", "x").exit_code == 2


# --- cards


def test_cards_list_shows_the_shipped_cards(trade):
    result = trade("cards", "list")
    assert result.exit_code == 0
    for card in SHIPPED:
        assert card in result.stdout


def test_cards_list_as_json(trade):
    answer = trade.json("cards", "list")
    assert answer["ok"] is True
    assert [card["id"] for card in answer["data"]["cards"]] == SHIPPED
    assert answer["data"]["cards"][0]["timeframes"] == {"exec": "15m", "htf": "1h"}
    assert all(len(card["system_hash"]) == 64 for card in answer["data"]["cards"])


def test_a_bad_card_is_named_with_its_way_out_and_the_others_are_listed(trade, cards):
    (cards / "broken.yaml").write_text("id: broken\nsymbols: [BTCUSDT]\n")
    result = trade("cards", "list", TRADE_CARDS=str(cards))
    assert result.exit_code == 0
    assert "band_reversion" in result.stdout
    assert "broken.yaml is no usable card" in result.stdout
    assert "timeframes" in result.stdout


def test_cards_validate_accepts_the_shipped_cards(trade):
    result = trade("cards", "validate")
    assert result.exit_code == 0
    assert result.stdout.count("is valid") == 3


def test_cards_validate_names_file_key_value_and_way_out(trade, cards):
    path = cards / "typo.yaml"
    text = (cards / "band_reversion.yaml").read_text()
    path.write_text(
        text.replace("id: band_reversion", "id: typo").replace("indicator: rsi", "indicator: rsii")
    )
    result = trade("cards", "validate", TRADE_CARDS=str(cards))
    assert result.exit_code == 1
    assert "band_reversion is valid" in result.stdout
    for part in ("typo.yaml", "features.rsi", "'rsii'", "rsi"):
        assert part in result.stdout

    answer = json.loads(trade("cards", "validate", str(path), "--json", TRADE_CARDS=str(cards)).stdout)
    problem = answer["data"]["unusable"][0]["problems"][0]
    assert answer["data"]["all_valid"] is False
    assert problem["key_path"].startswith("features.rsi")
    assert problem["value"] == "'rsii'"
    assert problem["way_out"]


def test_cards_show_gives_the_whole_card(trade, cards):
    by_name = trade("cards", "show", "band_reversion", TRADE_CARDS=str(cards))
    by_file = trade("cards", "show", str(cards / "band_reversion.yaml"))
    assert by_name.exit_code == by_file.exit_code == 0
    assert by_name.stdout == by_file.stdout
    assert "bbands" in by_name.stdout
    assert "Warm-up bars" in by_name.stdout


def test_an_unknown_card_is_refused_with_its_neighbours(trade):
    result = trade("cards", "show", "trend_pulback")
    assert result.exit_code == 1
    assert "trend_pullback" in result.stderr
    assert result.stdout == ""


def test_a_missing_card_file_is_refused(trade, tmp_path):
    result = trade("cards", "show", str(tmp_path / "none.yaml"))
    assert result.exit_code == 1
    assert "none.yaml" in result.stderr


# --- data


def test_init_creates_the_store_once(trade):
    first, second = trade.json("init"), trade.json("init")
    assert first["data"]["created"] is True
    assert second["data"]["created"] is False
    assert Path(first["data"]["market_database"]).exists()


def test_sync_fetches_and_a_second_one_has_nothing_to_do(trade):
    arguments = ("sync", "-s", "BTCUSDT", "-t", "4h")
    first = trade.json(*arguments)
    [report] = first["data"]["synced"]
    # January and February 2025: 59 days of six bars
    assert report["new_candles"] == 59 * 6
    assert report["gap_bars"] == 0
    assert first["data"]["market"] == {"kind": "generated", "identity": "sandbox:generated:seed=7"}
    [again] = trade.json(*arguments)["data"]["synced"]
    assert again["new_candles"] == 0


def test_sync_shows_a_table_and_that_the_market_is_generated(synced):
    result = synced("sync", "-s", "BTCUSDT", "-t", "15m")
    assert result.exit_code == 0
    assert "2025-02-28 23:45" in result.stdout
    assert "GENERATED MARKET" in result.stdout


def test_sync_of_an_unlisted_symbol_fails_and_the_others_are_fetched(trade):
    result = trade("sync", "-s", "NOSUCHUSDT", "-s", "ETHUSDT", "-t", "1d")
    assert result.exit_code == 1
    assert "NOSUCHUSDT" in result.stdout
    assert "2025-02-28" in result.stdout


def test_sync_without_an_exchange_says_how_to_start_one(trade):
    result = trade("sync", "-s", "BTCUSDT", "-t", "1d", TRADE_SANDBOX_URL="http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "127.0.0.1:9" in result.stderr
    assert "trade sandbox" in result.stderr


def test_a_bad_timeframe_is_refused(trade):
    result = trade("sync", "-s", "BTCUSDT", "-t", "7m")
    assert result.exit_code == 1
    assert "'7m'" in result.stderr


# --- backtest, report, promotions


def test_backtest_shows_the_result_and_writes_the_report(synced):
    result = synced("backtest", "band_reversion", "-s", "BTCUSDT", "--start", "2025-01-15")
    assert result.exit_code == 0
    assert "2025-01-15 00:00 to 2025-03-01 00:00" in result.stdout
    assert "GENERATED MARKET" in result.stdout
    report = next(line for line in result.stdout.splitlines() if line.startswith("Report"))
    assert Path(report.split(maxsplit=1)[1]).stat().st_size > 10_000


def test_backtest_twice_gives_the_same_run(synced):
    arguments = ("backtest", "band_reversion", "-s", "BTCUSDT", "--end", "2025-02-01")
    first, second = synced.json(*arguments)["data"], synced.json(*arguments)["data"]
    assert first == second
    assert first["window"] == [1735689600000, 1738368000000]


def test_report_finds_the_reports_of_a_card(synced):
    synced("backtest", "band_reversion", "-s", "BTCUSDT")
    answer = synced.json("report", "band_reversion", "-s", "BTCUSDT")
    assert answer["data"]["reports"]
    assert all(Path(report["path"]).exists() for report in answer["data"]["reports"])
    assert synced("report", "trend_pullback").exit_code == 1


def test_report_before_any_run_says_how_to_make_one(trade):
    result = trade("report")
    assert result.exit_code == 1
    assert "trade run" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--start", "2027-01-01"), "2027"),
        (("--start", "yesterday"), "yesterday"),
        (("--start", "2025-02-01", "--end", "2025-01-01"), "2025-02-01"),
    ],
)
def test_a_window_without_data_is_refused(synced, arguments, named):
    result = synced("backtest", "band_reversion", "-s", "BTCUSDT", *arguments)
    assert result.exit_code == 1
    assert "Way out" in result.stderr


def test_a_backtest_without_data_says_to_sync(trade):
    result = trade("backtest", "band_reversion", "-s", "BTCUSDT")
    assert result.exit_code == 1
    assert "trade sync" in result.stderr


def test_promotions_before_any_decision_are_none(trade):
    assert trade.json("promotions")["data"]["decisions"] == []
    assert trade("promotions", "--all").exit_code == 0


# --- settings


def test_a_bad_setting_is_a_message_and_not_a_traceback(trade):
    result = trade("cards", "list", TRADE_EXCHANGE="binance")
    assert result.exit_code == 1
    assert "TRADE_EXCHANGE is 'binance'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_failure_as_json_has_kind_message_and_way_out(trade):
    result = trade("cards", "list", "--json", TRADE_CARDS="/nowhere")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["kind"] == "ConfigurationError"
    assert "/nowhere" in error["message"]
    assert "TRADE_CARDS" in error["way_out"]
