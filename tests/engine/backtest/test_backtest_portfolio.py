"""A portfolio over candles: the single run where there is one, each member's part, the same bytes again."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from backtest_case import CARD, candles, funding, hourly, instrument, plan
from upath import UPath

from engine.backtest.artifacts import write_artifacts
from engine.backtest.engine import BacktestEngine
from engine.backtest.measure import measure
from engine.backtest.portfolio import PortfolioEngine, evaluate_portfolio
from engine.backtest.portfolio_result import PortfolioResult, measure_portfolio, read_portfolio
from engine.backtest.prepare import PreparedFrame, prepare
from engine.errors import ConfigurationError, SimulationError
from engine.features.builder import FeatureFrameBuilder
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe


def member(symbol: str = "BTCUSDT", seed: int = 3, card: CardPlan | None = None) -> PreparedFrame:
    """Return the case on a market of its own."""
    card, frame = card or plan(), candles(seed=seed)
    frames = {
        Timeframe.M15: FeatureFrameBuilder(card.features_of("exec")).build(frame),
        Timeframe.H1: FeatureFrameBuilder(card.features_of("htf")).build(hourly(frame)),
    }
    return prepare(card, symbol, frames, funding(frame), replace(instrument(), symbol=symbol))


def run(*members: PreparedFrame, equity: float = 10_000, most: int | None = None) -> PortfolioResult:
    return PortfolioEngine().run(members, starting_equity_usdt=equity, max_open_positions=most)


@pytest.fixture(scope="module")
def three() -> PortfolioResult:
    """Three symbols on 900 USDT, of which each wants about a third, and one position at a time."""
    card = plan(CARD.replace("risk_pct: 1.0", "risk_pct: 1.5"))
    members = [
        member("BTCUSDT", 3, card),
        member("ETHUSDT", 4, card),
        member("SOLUSDT", 5, card),
    ]
    return run(*members, equity=900, most=1)


def test_one_member_is_the_single_run() -> None:
    prepared = member()
    alone, result = BacktestEngine().run(prepared), run(prepared)
    assert result.final_equity_usdt == alone.final_equity_usdt
    assert (result.equity["equity_usdt"] == alone.equity["equity_usdt"]).all()
    assert (result.equity["used_margin_usdt"] == alone.equity["used_margin_usdt"]).all()
    for name in ("trades", "fills", "funding"):
        mine = getattr(result, name)
        assert (mine["member"] == 0).all()
        pd.testing.assert_frame_equal(mine.drop(columns="member"), getattr(alone, name))
    assert result.counters == alone.counters
    expected, given = measure(alone).to_plain(), measure_portfolio(result).to_plain()
    # by its closes, and a trade that is over within its bar has none
    assert given.pop("time_in_market_pct") <= expected.pop("time_in_market_pct")
    assert given == {
        name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
        for name, value in expected.items()
    }


def test_members_say_what_each_has_done(three) -> None:
    trades = three.trades
    assert [(each.member, each.symbol) for each in three.members] == [
        (0, "BTCUSDT"),
        (1, "ETHUSDT"),
        (2, "SOLUSDT"),
    ]
    for each in three.members:
        mine = three.trades_of(each.member)
        assert each.trades == len(mine) > 5
        assert each.net_pnl_usdt == pytest.approx(mine["net_pnl_usdt"].sum())
        assert each.win_rate_pct == pytest.approx((mine["net_pnl_usdt"] > 0).mean() * 100)
        assert each.fees_usdt == pytest.approx(three.fills_of(each.member)["fee_usdt"].sum())
        assert each.contribution_pct == pytest.approx(each.net_pnl_usdt / 9)
        assert each.bars == 1200
    assert sum(each.trades for each in three.members) == len(trades)
    metrics = measure_portfolio(three)
    assert sum(each.contribution_pct for each in three.members) == pytest.approx(metrics.net_return_pct)
    assert three.final_equity_usdt == pytest.approx(900 + trades["net_pnl_usdt"].sum())


def test_refusals_are_counted_by_member_and_in_all(three) -> None:
    assert three.equity["open_positions"].max() == 1
    assert all(each.rejected_orders["max_open_positions"] > 0 for each in three.members)
    total: dict[str, int] = {}
    for each in three.members:
        for reason, count in each.rejected_orders.items():
            total[reason] = total.get(reason, 0) + count
    assert three.counters.rejected_orders == total


def test_the_wallet_is_measured_as_a_whole(three) -> None:
    equity, metrics = three.equity, measure_portfolio(three)
    assert metrics.trades == len(three.trades)
    peak = (equity["exposure_usdt"] / equity["equity_usdt"]).max()
    assert metrics.peak_leverage == pytest.approx(peak)
    assert metrics.time_in_market_pct == pytest.approx((equity["open_positions"] > 0).mean() * 100)
    # each a third of the wallet from its first close to the last
    changes = [
        candles(seed=seed)["close"].iloc[-1] / candles(seed=seed)["close"].iloc[0] for seed in (3, 4, 5)
    ]
    assert metrics.buy_and_hold_return_pct == pytest.approx((np.mean(changes) - 1) * 100)
    assert math.isfinite(metrics.sharpe)


def test_basic_metrics_without_frames_are_the_same() -> None:
    members = [member("BTCUSDT", 3), member("ETHUSDT", 4)]
    basic = evaluate_portfolio(members, starting_equity_usdt=10_000, max_open_positions=1)
    metrics = measure_portfolio(run(*members, most=1)).to_plain()
    for name, value in vars(basic).items():
        if name != "ambiguous_trades":
            assert value == pytest.approx(metrics[name], rel=1e-9), name


def test_the_order_of_members_decides_who_trades() -> None:
    first, second = member("BTCUSDT", 3), member("ETHUSDT", 3)
    there, back = run(first, second, most=1), run(second, first, most=1)
    # both see the same market, so all the trades are those of the first
    assert [each.trades for each in there.members] == [len(there.trades), 0]
    assert [each.symbol for each in back.members] == ["ETHUSDT", "BTCUSDT"]
    assert back.final_equity_usdt == there.final_equity_usdt
    assert back.run_id != there.run_id
    assert run(first, second, most=2).run_id != there.run_id
    assert run(first, second, most=1).run_id == there.run_id


def test_artifacts_come_back_and_are_the_same_from_another_process(three, tmp_path) -> None:
    hashes = write_artifacts(three, UPath(tmp_path / "here"))
    back = read_portfolio(UPath(tmp_path / "here"))
    assert back.members == three.members
    assert back.summary() == three.summary()
    for name in ("trades", "fills", "equity", "funding"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(three, name))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_backtest_portfolio import *\n"
        "print(sorted(write_artifacts(three.__wrapped__(), UPath(sys.argv[2])).items()))\n"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(Path(__file__).parent), str(tmp_path / "there")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert elsewhere.stderr == ""
    assert elsewhere.stdout.strip() == str(sorted(hashes.items()))


def test_cards_that_cannot_share_a_portfolio_are_refused() -> None:
    fine = member()
    hourly_card = plan(
        CARD.replace("id: cross", "id: slow").replace("{exec: 15m, htf: 1h}", "{exec: 1h, htf: 4h}")
    )
    with pytest.raises(ConfigurationError, match=r"cross 15m, slow 1h"):
        run(fine, replace(fine, plan=hourly_card))
    detailed = plan(CARD.replace("{exec: 15m, htf: 1h}", "{exec: 15m, htf: 1h, detail: 1m}"))
    with pytest.raises(ConfigurationError, match="detail timeframe"):
        run(replace(fine, plan=detailed))
    with pytest.raises(SimulationError, match="at least one member"):
        run()
