"""A run by calendar and by what ended its trades, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from metrics_frames import equity_frame, trades_frame

from engine.metrics.breakdown import TradeGroup, returns_by_period, trades_by
from engine.metrics.calendar import Period, monthly_returns
from engine.metrics.drawdown import drawdown_table
from engine.timeframes import DAY_MS, HOUR_MS, Timeframe, format_utc, parse_utc

SATURDAY = parse_utc("2024-02-24")


def test_days_weeks_and_months_of_a_run() -> None:
    # 12 days of equity from Saturday, 24 February 2024: 2 of the first week, 7, and 3
    equity = equity_frame(1_000.0 + np.arange(1, 13) * 10.0, Timeframe.D1, start=SATURDAY)
    trades = trades_frame(
        [5.0, -2.0, 7.0], ts_exit=[SATURDAY + DAY_MS, SATURDAY + DAY_MS + 1, SATURDAY + 9 * DAY_MS]
    )

    def by(period: Period) -> pd.DataFrame:
        return returns_by_period(equity, trades, period, starting_equity_usdt=1_000.0)

    days = by(Period.DAY)
    assert (len(days), days["net_pnl_usdt"].tolist()) == (12, [10.0] * 12)
    # a trade closed at 00:00 belongs to the day that ends there
    assert days["trades"].tolist()[:3] == [1, 1, 0]
    weeks = by(Period.WEEK)
    assert [format_utc(ts)[:10] for ts in weeks["ts_start"]] == ["2024-02-19", "2024-02-26", "2024-03-04"]
    assert weeks["net_pnl_usdt"].tolist() == [20.0, 70.0, 30.0]
    assert weeks["return_pct"].tolist() == pytest.approx([2.0, 70 / 10.2, 30 / 10.9])
    assert (weeks["trades"].tolist(), weeks["won"].tolist()) == ([2, 1, 0], [1, 1, 0])
    months = by(Period.MONTH)
    assert [format_utc(ts)[:10] for ts in months["ts_start"]] == ["2024-02-01", "2024-03-01"]
    known = monthly_returns(equity, starting_equity_usdt=1_000.0)
    assert months["return_pct"].tolist() == known["return_pct"].tolist()


def test_a_run_without_bars_has_no_periods() -> None:
    empty = returns_by_period(
        equity_frame([], Timeframe.D1),
        trades_frame([], ts_exit=np.array([], np.int64)),
        Period.DAY,
        starting_equity_usdt=1_000.0,
    )
    assert len(empty) == 0


def test_trades_by_hour_weekday_and_reason() -> None:
    trades = trades_frame(
        [5.0, -2.0, 7.0, -1.0],
        ts_entry=[SATURDAY + hour * HOUR_MS for hour in (1, 1, 26, 50)],
        exit_reason=["signal", "stop_loss", "signal", "stop_loss"],
        direction=["long", "short", "short", "long"],
    )
    hours = trades_by(trades, TradeGroup.HOUR)
    assert hours["hour"].tolist() == [1, 2]
    assert hours["net_pnl_usdt"].tolist() == [3.0, 6.0]
    days = trades_by(trades, TradeGroup.WEEKDAY)
    assert days["weekday"].tolist() == ["mon", "sat", "sun"]
    assert days["trades"].tolist() == [1, 2, 1]
    reasons = trades_by(trades, TradeGroup.EXIT_REASON)
    assert reasons["exit_reason"].tolist() == ["signal", "stop_loss"]
    assert reasons["expectancy_usdt"].tolist() == [6.0, -1.5]
    assert reasons["win_rate_pct"].tolist() == [100.0, 0.0]
    assert np.isnan(reasons["profit_factor"][0])
    assert trades_by(trades, TradeGroup.DIRECTION)["direction"].tolist() == ["long", "short"]


def test_drawdowns_by_hand() -> None:
    #  start 100; falls to 90 at once, recovers at 105; falls to 84 by 20 %, recovers; ends 10 % below
    curve = np.array([95.0, 90.0, 105.0, 100.0, 84.0, 110.0, 99.0])
    ts = np.arange(1, 8) * DAY_MS
    table = drawdown_table(ts, curve, starting_equity_usdt=100.0)
    assert table["depth_pct"].tolist() == pytest.approx([20.0, 10.0, 10.0])
    assert table["depth_usdt"].tolist() == pytest.approx([21.0, 10.0, 11.0])
    deepest, first, last = table.to_dict("records")
    assert (deepest["ts_peak"], deepest["ts_trough"], deepest["ts_recovered"]) == (
        3 * DAY_MS,
        5 * DAY_MS,
        6 * DAY_MS,
    )
    assert (deepest["bars"], deepest["bars_to_trough"], deepest["bars_to_recovery"]) == (2, 2, 1)
    assert (first["ts_peak"], first["bars"]) == (DAY_MS, 2)
    assert (last["ts_recovered"], last["bars_to_recovery"], last["bars"]) == (-1, -1, 1)
    assert len(drawdown_table(ts, curve, starting_equity_usdt=100.0, deepest=2)) == 2
    assert len(drawdown_table(ts, np.full(7, 100.0), starting_equity_usdt=100.0)) == 0
