"""Why, as people and agents ask it: rules at a moment, and what opened and closed trades."""

from __future__ import annotations

import pytest


@pytest.fixture
def tagged(cards):
    """A card with tags, captured values and exits that look at the position."""
    text = (cards / "band_reversion.yaml").read_text().replace("id: band_reversion", "id: tagged")
    start, end = text.index("signal_rules:"), text.index("position_policy:")
    rules = """\
signal_rules:
  captures: {width_then: {"-": [bands.upper, bands.lower]}}
  entry_long:
    tags:
      deep: [[close, cross_above, bands.lower], [rsi, "<", 35]]
      plain: [close, cross_above, bands.lower]
  exit_long:
    tags:
      mean: [close, ">=", bands.middle]
      slow: {all: [[bars_in_trade, ">", 20], [unrealised_r, "<", 0.1]]}
      ran: [{"-": [close, entry_price]}, ">", {"*": [0.8, width_then]}]
  entry_short: [close, cross_below, bands.upper]
  exit_short: {any: [[close, "<=", bands.middle], [unrealised_r, "<", -0.8]]}

"""
    path = cards / "tagged.yaml"
    path.write_text(text[:start] + rules + text[end:])
    return str(path)


def test_a_backtest_breaks_down_by_tag(synced, tagged):
    shown = synced("backtest", tagged, "-s", "BTCUSDT")
    assert shown.exit_code == 0
    for word in ("Entered by", "Ended by", "deep", "mean", "stop_loss"):
        assert word in shown.stdout
    data = synced.json("backtest", tagged, "-s", "BTCUSDT")["data"]
    assert sum(row["trades"] for row in data["tags"]["entries"]) == data["metrics"]["trades"]
    assert sum(row["trades"] for row in data["tags"]["exits"]) == data["metrics"]["trades"]
    plain = synced.json("backtest", "band_reversion", "-s", "BTCUSDT")["data"]
    assert plain["tags"] == {"entries": [], "exits": []}


def test_trades_are_listed_with_what_opened_and_closed_them(synced, tagged):
    shown = synced("explain", tagged, "-s", "BTCUSDT", "--trades")
    assert shown.exit_code == 0
    assert "signal: mean" in shown.stdout
    data = synced.json("explain", tagged, "-s", "BTCUSDT", "--trades")["data"]
    assert data["count"] > len(data["trades"]) == 100
    assert {row["entry_tag"] for row in data["trades"]} == {"", "deep", "plain"}


def test_a_trade_is_told_from_its_signal_to_its_exit(synced, tagged):
    listed = synced.json("explain", tagged, "-s", "BTCUSDT", "--trades")["data"]["trades"]
    number = next(row["trade_id"] for row in listed if row["exit_tag"] == "mean")
    shown = synced("explain", tagged, "-s", "BTCUSDT", "--trade", str(number))
    assert shown.exit_code == 0
    for word in ("entry_long holds", "exit_long holds (mean)", "First stop", "Liquidation", "Funding"):
        assert word in shown.stdout
    data = synced.json("explain", tagged, "-s", "BTCUSDT", "--trade", str(number))["data"]
    assert data["reasons"]["exit"]["explanation"]["truth"] is True
    assert data["reasons"]["exit"]["tag"] == data["trade"]["exit_tag"] == "mean"
    assert [fill["tag"] for fill in data["fills"]] == [data["trade"]["entry_tag"], "mean"]


def test_the_rules_at_a_moment_are_a_tree_with_the_position_then(synced, tagged):
    listed = synced.json("explain", tagged, "-s", "BTCUSDT", "--trades")["data"]["trades"]
    # the close of the first bar of a long trade that lasts
    trade = next(row for row in listed if row["direction"] == "long" and row["bars_held"] > 3)
    at = _iso(trade["ts_entry"] + 15 * 60_000 + 1000)
    data = synced.json("explain", tagged, "-s", "BTCUSDT", "--at", at, "--rule", "exit_long")["data"]
    assert [rule["rule"] for rule in data["rules"]] == ["exit_long"]
    position = data["position"]
    assert (position["direction"], position["trade_id"]) == ("long", trade["trade_id"])
    assert (position["bars_in_trade"], position["entry_price"]) == (1.0, trade["entry_price"])
    slow = data["rules"][0]["explanation"]["parts"][1]["parts"][0]
    assert slow["parts"][0]["values"] == [["bars_in_trade", 1.0], ["20", 20.0]]
    shown = synced("explain", tagged, "-s", "BTCUSDT", "--at", at)
    assert "Open: long of trade" in shown.stdout
    assert "bars_in_trade > 20" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "give one of the three"),
        (["--trades", "--trade", "1"], 2, "give one of the three"),
        (["--trade", "1", "--rule", "entry_long"], 2, "give --at too"),
        (["--trade", "99999"], 1, "has no trade 99999"),
        (["--at", "2031-01-01"], 1, "no bar that is traded closes"),
        (["--at", "soon"], 1, "is not a date"),
        (["--at", "2025-02-01", "--rule", "entry_lung"], 2, "entry_long"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_the_way_out(synced, tagged, arguments, code, said):
    shown = synced("explain", tagged, "-s", "BTCUSDT", *arguments)
    assert shown.exit_code == code
    assert said in shown.stderr


def _iso(ts_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")
