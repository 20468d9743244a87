"""Monte Carlo: what is kept of the trades and of the market, and what the entries are worth."""

from __future__ import annotations

import numpy as np
import pytest
from evidence_case import CARD, history, space

from engine.backtest.measure import account_runs, evaluate
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.errors import ConfigurationError
from engine.promotion.monte_carlo import (
    _MarketSource,
    bootstrapped_markets,
    bootstrapped_trades,
    random_entries,
    share_beaten,
)
from engine.sim.state import SignalBit
from engine.strategies.card_plan import CardPlan, plan_card
from engine.timeframes import Timeframe


def plan() -> CardPlan:
    return plan_card(space().card)


def prepared() -> PreparedFrame:
    return prepare_history(plan(), history())


def test_trades_of_one_kind_come_to_one_result() -> None:
    # ten trades that each take 10 % of what is there
    equity = 1000.0 * 0.9 ** np.arange(11)
    found = bootstrapped_trades(np.diff(equity), 1000.0, paths=50, seed=1)
    assert found.net_return_pct == pytest.approx(np.full(50, (0.9**10 - 1) * 100))
    assert found.max_drawdown_pct == pytest.approx(np.full(50, (1 - 0.9**10) * 100))
    assert found.loss_probability() == 1.0


def test_the_order_of_trades_is_drawn_anew() -> None:
    found = bootstrapped_trades(np.array([100.0, -50.0] * 20), 1000.0, paths=500, seed=1)
    assert found.net_return_pct.std() > 1.0
    assert found.drawdown_at(0.95) > found.drawdown_at(0.5)
    again = bootstrapped_trades(np.array([100.0, -50.0] * 20), 1000.0, paths=500, seed=1)
    assert again.max_drawdown_pct.tolist() == found.max_drawdown_pct.tolist()


def test_an_account_that_is_blown_stays_blown() -> None:
    found = bootstrapped_trades(np.array([-1000.0, 5000.0]), 1000.0, paths=20, seed=1)
    assert found.net_return_pct.min() == -100.0
    assert found.max_drawdown_pct.max() == 100.0


def test_without_trades_there_is_nothing_to_draw() -> None:
    with pytest.raises(ConfigurationError, match="trades"):
        bootstrapped_trades(np.array([]), 1000.0, paths=5, seed=1)


def test_a_market_put_together_in_its_own_order_is_the_market() -> None:
    market = history(40)
    source = _MarketSource(market, [Timeframe.H1, Timeframe.H4])
    same = source.market_of(np.arange(source.units))
    for timeframe in (Timeframe.H1, Timeframe.H4):
        was, became = market.bars(timeframe), same.bars(timeframe)
        assert was.ts_open.tolist() == became.ts_open.tolist()
        for name in ("open", "high", "low", "close", "volume"):
            assert getattr(became, name) == pytest.approx(getattr(was, name), rel=1e-9), name
    assert evaluate(prepare_history(plan(), same)).trades == evaluate(prepare_history(plan(), market)).trades


def test_blocks_of_the_market_follow_one_another_without_a_jump() -> None:
    market = history(40)
    source = _MarketSource(market, [Timeframe.H1, Timeframe.H4])
    turned = source.market_of(np.r_[np.arange(100, 240), np.arange(0, 100)])
    bars = turned.bars(Timeframe.H1)
    assert bars.open[1:] == pytest.approx(bars.close[:-1], rel=1e-9)
    original = market.bars(Timeframe.H1)
    assert np.sort(bars.close / bars.open) == pytest.approx(np.sort(original.close / original.open), rel=1e-9)
    # the larger bars are made of the smaller
    larger = turned.bars(Timeframe.H4)
    assert larger.high.tolist() == bars.high.reshape(-1, 4).max(axis=1).tolist()


def test_markets_are_the_same_on_any_number_of_workers() -> None:
    one, two = (
        bootstrapped_markets(plan(), history(), paths=12, seed=3, workers=workers) for workers in (1, 2)
    )
    assert one.net_return_pct.tolist() == two.net_return_pct.tolist()
    assert len(set(one.net_return_pct.tolist())) == 12


def test_entries_that_are_worth_something_beat_blind_ones() -> None:
    # the market swings, and the card follows the swings
    case = prepared()
    found = random_entries(case, samples=60, seed=1)
    assert share_beaten(evaluate(case).net_return_pct, found.net_return_pct) > 0.95
    assert found.net_return_pct.tolist() == random_entries(case, samples=60, seed=1).net_return_pct.tolist()


def test_on_noise_entries_are_worth_nothing() -> None:
    shares = []
    for seed in range(6):
        case = prepare_history(plan(), history(60, wave=0.0, seed=seed))
        found = random_entries(case, samples=30, seed=1)
        shares.append(share_beaten(evaluate(case).net_return_pct, found.net_return_pct))
    assert 0.1 < np.mean(shares) < 0.9


def test_random_entries_keep_their_number_and_their_sides() -> None:
    case = prepared()
    sides = [int((case.signals.bits & side).astype(bool).sum()) for side in (SignalBit.ENTER_LONG,)]
    assert sides[0] > 5
    [run] = account_runs([case])
    assert len(run.trade_net_pnl) > 10


def test_a_card_without_entries_has_none_to_move() -> None:
    text = CARD.replace("[[fast, cross_above, slow]]", '[[close, "<", 0]]').replace(
        "[[fast, cross_below, slow]]", '[[close, "<", 0]]'
    )
    case = prepare_history(plan_card(space(text).card), history(20))
    with pytest.raises(ConfigurationError, match="entry signals"):
        random_entries(case, samples=5, seed=1)


def test_share_beaten_by_hand() -> None:
    assert share_beaten(2.0, np.array([1.0, 2.0, 3.0, 4.0])) == 0.375
    assert np.isnan(share_beaten(2.0, np.array([])))
