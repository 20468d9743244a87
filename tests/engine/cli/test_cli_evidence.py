"""`trade gates` and `trade validate`, as people run them."""

from __future__ import annotations

from pathlib import Path

import pytest

FEW = ("--paths", "20", "--windows", "3", "--workers", "2")


def test_every_gate_is_listed_with_what_it_judges(trade):
    shown = trade("gates")
    assert shown.exit_code == 0
    for part in ("On stored data", "On a backtest", "On the evidence", "look_ahead", "candle_holes"):
        assert part in shown.stdout
    gates = trade.json("gates")["data"]["gates"]
    assert len({gate["name"] for gate in gates}) == len(gates)
    assert {gate["severity"] for gate in gates} <= {"error", "warn"}


def test_a_card_is_judged_on_its_evidence_and_the_same_again(synced):
    shown = synced("validate", "band_reversion", "-s", "BTCUSDT", *FEW)
    assert shown.exit_code == 0
    assert "Decision  refused: " in shown.stdout
    first = synced.json("validate", "band_reversion", "-s", "BTCUSDT", *FEW)["data"]
    again = synced.json("validate", "band_reversion", "-s", "BTCUSDT", *FEW[:4], "--workers", "1")["data"]
    assert first == again
    assert 'id="strips"' in Path(first["report"]).read_text()
    assert first["gates"][0] | {"summary": ""} == {
        "gate": "look_ahead",
        "checks": "Nothing that a run knew or did changes when what came later is cut off or altered.",
        "severity": "error",
        "passed": True,
        "summary": "",
        "observed": None,
        "threshold": None,
        "violations": [],
    }
    assert len(first["walk_forward"]) == 3
    assert first["refused_by"] in {gate["gate"] for gate in first["gates"] if not gate["passed"]}


def test_what_is_not_stored_cannot_be_judged(trade):
    shown = trade("validate", "band_reversion", "-s", "BTCUSDT")
    assert shown.exit_code == 1
    assert "Way out" in shown.stderr


def test_cards_are_set_side_by_side(synced, cards):
    text = (cards / "band_reversion.yaml").read_text()
    (cards / "other.yaml").write_text(
        text.replace("id: band_reversion", "id: other").replace("slippage_bps: 2.0", "slippage_bps: 9.0")
    )
    compare = ("compare", "band_reversion", "other", "-s", "BTCUSDT")
    shown = synced(*compare, TRADE_CARDS=str(cards))
    assert shown.exit_code == 0
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert "BTCUSDT band_reversion 15m other 15m" in lines
    assert "Correlation of daily returns band_reversion 15m other 15m" in lines
    [report] = [line.removeprefix("Report ") for line in lines if line.startswith("Report ")]
    assert 'id="curves"' in Path(report).read_text()

    alone = synced("compare", "band_reversion", "-s", "BTCUSDT", TRADE_CARDS=str(cards))
    assert alone.exit_code == 2


def test_a_run_is_broken_down_by_what_is_asked(synced):
    run = ("breakdown", "band_reversion", "-s", "BTCUSDT")
    trades = synced.json("backtest", "band_reversion", "-s", "BTCUSDT")["data"]["metrics"]
    months = synced.json(*run)["data"]["rows"]
    assert sum(row["trades"] for row in months) == trades["trades"]
    assert sum(row["net_pnl_usdt"] for row in months) == pytest.approx(trades["net_profit_usdt"])
    hours = synced.json(*run, "--by", "hour")["data"]["rows"]
    assert sum(row["trades"] for row in hours) == trades["trades"]
    deepest = synced.json(*run, "--by", "drawdown", "--most", "3")["data"]
    assert deepest["rows"][0]["depth_pct"] == pytest.approx(trades["max_drawdown_pct"])
    assert len(deepest["rows"]) == 3
    for by in ("month", "weekday", "drawdown", "exit_reason"):
        assert synced(*run, "--by", by).exit_code == 0
    assert "Net PnL" in synced(*run, "--by", "direction").stdout
    assert synced(*run, "--by", "moon").exit_code == 2
