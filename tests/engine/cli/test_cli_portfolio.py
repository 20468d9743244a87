"""`trade portfolio run`: a line per member, the wallet, the files, and refusals that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from upath import UPath

from engine.backtest.portfolio_result import read_portfolio

CARDS = Path(__file__).resolve().parents[3] / "idea_cards"


@pytest.fixture
def other(tmp_path) -> Path:
    """A second card on the same candles: the shipped one by another name."""
    path = tmp_path / "other.yaml"
    lines = (CARDS / "band_reversion.yaml").read_text().splitlines()
    changed = ["id: other" if line.startswith("id:") else line for line in lines]
    path.write_text("\n".join(changed) + "\n")
    return path


def test_two_cards_share_a_wallet(synced, other):
    arguments = (
        "portfolio", "run", "band_reversion", str(other), "-s", "BTCUSDT", "--starting-equity", "5000",
        "--max-open-positions", "1",
    )  # fmt: skip
    data = synced.json(*arguments)["data"]
    first, second = data["members"]
    assert [first["card_id"], second["card_id"]] == ["band_reversion", "other"]
    # the two say the same at the same closes: the second gets the one place only while the first cools down
    assert first["trades"] > second["trades"]
    assert second["rejected_orders"]["max_open_positions"] > 0
    assert data["highest_open_positions"] == 1
    parts = first["contribution_pct"] + second["contribution_pct"]
    assert data["metrics"]["net_return_pct"] == pytest.approx(parts)
    shown = synced(*arguments)
    assert shown.exit_code == 0, shown.stderr
    assert "at most 1 positions at once" in shown.stdout
    assert (
        f"Refused to other BTCUSDT: max_open_positions {second['rejected_orders']['max_open_positions']:,}"
        in (shown.stdout)
    )
    assert "subaccount" in shown.stdout
    assert "GENERATED MARKET" in shown.stdout
    written = read_portfolio(UPath(data["folder"]))
    assert written.run_id == data["run_id"]
    assert len(written.trades) == data["metrics"]["trades"]


def test_refusals_say_what_to_do(synced, tmp_path):
    run = ("portfolio", "run")
    result = synced(*run, "band_reversion", "channel_breakout", "-s", "BTCUSDT", "--starting-equity", "5000")
    assert result.exit_code == 1
    assert "band_reversion 15m, channel_breakout 1h" in result.stderr
    assert "portfolio of their own" in result.stderr
    result = synced(*run, "band_reversion", "band_reversion", "--starting-equity", "5000")
    assert result.exit_code == 1
    assert "more than once" in result.stderr
    assert synced(*run, "band_reversion", "--starting-equity", "0").exit_code == 2
    assert (
        synced(*run, "band_reversion", "--starting-equity", "1", "--max-open-positions", "0").exit_code == 2
    )
    result = synced(*run, "band_reversion", "-s", "ETHUSDT", "--starting-equity", "5000")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
