"""A decision at a close is the backtest's, to the bit, whatever else is known later."""

from __future__ import annotations

import numpy as np
import pytest
from live_case import COOKBOOK, Trial, plan_named

from engine.errors import DataError
from engine.live.decider import Decision, decision_at, refuse_unready, signals_between
from engine.live.market import SeenCandle
from engine.live.warmup import FADED, bars_needed, warm_up
from engine.timeframes import Timeframe, parse_utc

CLOSES = 24


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    with Trial(tmp_path_factory.mktemp("decider")) as trial:
        yield trial


@pytest.mark.parametrize(
    "name",
    [
        "band_reversion",
        "channel_breakout",
        "trend_pullback",
        *(path.stem for path in COOKBOOK.glob("*.yaml")),
    ],
)
def test_a_close_alone_says_what_it_says_among_many(trial, name):
    plan = plan_named(name)
    now = trial.clock()
    market = warm_up([plan], "BTCUSDT", trial.client, now_ms=now, history_start_ms=parse_utc("2024-12-01"))
    refuse_unready(plan, market, now)
    timeframe = plan.card.timeframes.exec
    last = timeframe.floor(now)
    first = last - CLOSES * timeframe.ms
    many = signals_between(plan, market.history(last), first, last)
    assert len(many.bits) == CLOSES
    for bar in range(0, CLOSES, 5):
        ts_close = first + (bar + 1) * timeframe.ms
        alone = decision_at(plan, market.history(ts_close), ts_close)
        assert alone.says(Decision(ts_close, int(many.bits[bar]), many.features[:, bar : bar + 1]))


def test_what_fades_is_given_time_to(trial):
    # ema of 50 on htf has a warm-up of 49 bars
    assert bars_needed(plan_named("trend_pullback"), "htf") == 49 + FADED * 49 + 50


def test_a_decision_comes_back_from_the_journal_to_the_bit():
    decision = Decision(1, 5, np.array([[0.1], [np.nan], [1 / 3]]))
    assert decision.says(Decision.from_plain(decision.to_plain()))
    assert not decision.says(Decision(1, 5, np.array([[0.1], [np.nan], [0.3]])))


def test_too_little_history_is_refused(trial):
    plan = plan_named("trend_pullback")
    market = warm_up([plan], "BTCUSDT", trial.client, now_ms=trial.clock(), history_start_ms=0)
    early = market.series[Timeframe.H4].first_open + 40 * Timeframe.H4.ms
    with pytest.raises(DataError):
        refuse_unready(plan, market, early)


def test_a_hole_is_filled_flat_and_a_candle_twice_is_taken_once(trial):
    plan = plan_named("blow_off")
    market = warm_up([plan], "BTCUSDT", trial.client, now_ms=trial.clock(), history_start_ms=0)
    series = market.series[Timeframe.H1]
    close, opened = series.last_close(), series.next_open
    later = SeenCandle("BTCUSDT", Timeframe.H1, opened + 2 * Timeframe.H1.ms, 1.0, 2.0, 0.5, 1.5, 10.0)
    taken = []
    for candle in market.following(later):
        series.append(candle)
        taken.append(candle)
    assert [candle.is_filled for candle in taken] == [True, True, False]
    assert [candle.close for candle in taken] == [close, close, 1.5]
    assert list(market.following(later)) == []
    with pytest.raises(DataError):
        series.append(later)
    assert SeenCandle.from_plain("BTCUSDT", later.to_plain()) == later
