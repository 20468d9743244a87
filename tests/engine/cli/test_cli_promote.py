"""`trade promote`, `trade why` and `trade promotions`: a card's whole way, as a person takes it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.gates.shadow import ShadowEvidence
from engine.promotion.policy import Verdict
from engine.promotion.shadow_file import write_shadow_evidence
from engine.settings import TradeSettings
from engine.timeframes import DAY_MS, Timeframe
from engine.tools.stores import promotion_ledger

FEW = ("--paths", "20", "--windows", "3", "--workers", "2")

# What a card asks for that wants to get through: as little as can be.
LENIENT = """
promotion:
  min_trades: 1
  min_net_return_pct: -1000
  min_sharpe: -1000
  min_profit_factor: 0
  max_drawdown_pct: 100
  max_ambiguous_share_pct: 100
  max_filled_share_pct: 100
  max_liquidations: 1000
"""


@pytest.fixture
def own(synced, tmp_path):
    """`trade` over the stored candles, with a ledger of its own and a card that asks for little."""
    data = tmp_path / "data"
    shutil.copytree(synced.environment["TRADE_DATA"], data)
    folder = tmp_path / "cards"
    folder.mkdir()
    shipped = Path(__file__).resolve().parents[3] / "idea_cards" / "band_reversion.yaml"
    head = shipped.read_text().partition("promotion:")[0].replace("ETHUSDT, SOLUSDT", "ETHUSDT")
    (folder / "band_reversion.yaml").write_text(head + LENIENT)
    return replace(
        synced, environment=synced.environment | {"TRADE_DATA": str(data), "TRADE_CARDS": str(folder)}
    )


def shadow_run(system_hash: str) -> ShadowEvidence:
    return ShadowEvidence(
        card_id="band_reversion",
        system_hash=system_hash,
        symbol="BTCUSDT",
        timeframe=Timeframe.M15,
        run_id="s1",
        data_fingerprint="d" * 64,
        engine_version="3",
        start_ms=0,
        end_ms=20 * DAY_MS,
        closes=1920,
        decisions_compared=1920,
        decision_differences=0,
        fill_differences=0,
        fill_price_bps=0.1,
        trades=12,
        max_drawdown_pct=3.0,
        net_return_pct=1.0,
    )


def stage(own) -> str:
    return own.json("why", "band_reversion", "-s", "BTCUSDT")["data"]["standings"][0]["stage"]


def test_the_whole_way_up_and_out_again(own):
    promote = ("promote", "band_reversion", "-s", "BTCUSDT")
    shown = own(*promote)
    assert shown.exit_code == 0
    assert "candidate -> backtested" in shown.stdout
    refused = own(*promote, "--stage", "shadow")
    assert refused.exit_code == 1
    assert "shadow needs validated" in refused.stderr + refused.stdout
    validated = own.json(*promote, *FEW)["data"]["decisions"][0]
    assert (validated["stood_at"], validated["stands_at"]) == ("backtested", "backtested")
    assert validated["refused_by"] == "whole_evidence"
    refused = {gate["gate"] for gate in validated["gates"] if not gate["passed"]}
    assert "min_walk_forward_efficiency" in refused  # of a market that is noise
    assert validated["follows"] == 1
    # as if it had been another market
    settings = TradeSettings.from_environment(own.environment)
    ledger = promotion_ledger(settings)
    ledger.append(replace(ledger.history()[-1].decision, decision=Verdict.PROMOTED, refused_by=None))
    assert stage(own) == "validated"
    # nobody has run it in shadow
    missing = own(*promote)
    assert missing.exit_code == 1
    assert "has not run in shadow" in missing.stdout + missing.stderr
    write_shadow_evidence(settings.shadow_folder, shadow_run(validated["system_hash"]))
    assert own.json(*promote)["data"]["decisions"][0]["stands_at"] == "shadow"
    # a person decides, and says why
    unasked = own(*promote)
    assert unasked.exit_code == 1
    assert "a person's decision" in unasked.stdout + unasked.stderr
    assert own(*promote, "--stage", "live").exit_code == 2
    live = own.json(*promote, "--stage", "live", "--by", "ada", "--reason", "seen enough")["data"]
    assert live["decisions"][0]["stands_at"] == "live"
    assert live["decisions"][0]["follows"] == 4
    why = own("why", "band_reversion", "-s", "BTCUSDT").stdout
    assert "BTCUSDT 15m stands at live" in why
    for said in ("by ada: seen enough", "min_deflated_sharpe", "max_shadow_fill_price_bps", "Next"):
        assert said in why
    # retired on every symbol, the one that never began too
    assert own("promote", "band_reversion", "--stage", "retired", "--reason", "tired").exit_code == 0
    assert stage(own) == "retired"
    assert own(*promote).exit_code == 1
    assert own(*promote, "--stage", "candidate", "--reason", "once more").exit_code == 0
    assert stage(own) == "candidate"
    rows = own.json("promotions", "--all")["data"]["decisions"]
    assert [row["stage"] for row in rows if row["symbol"] == "BTCUSDT"] == [
        "backtested", "validated", "validated", "shadow", "live", "retired", "candidate",
    ]  # fmt: skip
    listed = own("promotions", "band_reversion").stdout
    assert "Where they stand" in listed


def test_one_symbol_that_cannot_be_decided_does_not_stop_the_others(own):
    result = own.json("promote", "band_reversion", "--stage", "backtested")
    assert [decision["symbol"] for decision in result["data"]["decisions"]] == ["BTCUSDT"]
    assert [failed["symbol"] for failed in result["data"]["failed"]] == ["ETHUSDT"]
    assert own("promote", "band_reversion", "--stage", "backtested").exit_code == 1


def test_the_same_evidence_is_one_row(own):
    first = own.json("promote", "band_reversion", "-s", "BTCUSDT", "--stage", "backtested")["data"]
    again = own.json("promote", "band_reversion", "-s", "BTCUSDT", "--stage", "backtested")["data"]
    assert first["decisions"][0]["sequence"] == again["decisions"][0]["sequence"] == 1


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("nothing",), 1, "there is no card"),
        (("band_reversion", "-s", "SOLUSDT"), 1, "does not trade SOLUSDT"),
        (("band_reversion", "--stage", "famous"), 2, "famous"),
        (("band_reversion", "--stage", "retired"), 2, "--reason"),
        (("band_reversion", "--reason", "why not"), 2, "--reason"),
        (("band_reversion", "--stage", "validated", "--by", "ada"), 2, "--by"),
        (("band_reversion", "--stage", "live", "--reason", " "), 0, "a_person_decides"),
    ],
)
def test_wrong_requests_are_told(own, arguments, exit_code, said):
    shown = own("promote", *arguments)
    assert shown.exit_code == exit_code
    assert said in shown.stdout + shown.stderr


def test_promotion_replayed_on_what_is_stored(synced, cards):
    shown = synced("promotions", "replay", "band_reversion", "-s", "BTCUSDT", TRADE_CARDS=str(cards))
    assert shown.exit_code == 0
    assert "2025-02-01" in shown.stdout
    assert "Promoted less refused" in shown.stdout
    rows = synced.json("promotions", "replay", "band_reversion", "-s", "BTCUSDT")["data"]["rows"]
    assert [row["verdict"] for row in rows] == ["not judged", "refused", "refused"]
    assert [row["ahead"] is None for row in rows] == [False, False, True]
    pictured = synced.json("promotions", "replay", "band_reversion", "-s", "BTCUSDT")["data"]["picture"]
    assert Path(pictured).read_bytes().startswith(b"\x89PNG")
    both = synced("promotions", "replay", "band_reversion", "--all")
    assert both.exit_code == 2
    assert synced("promotions", "replay").exit_code == 2
    never = synced("promotions", "replay", "band_reversion", "--from", "2025-02-02", "--to", "2025-02-20")
    assert never.exit_code == 1
    assert "no month ends" in never.stdout + never.stderr
