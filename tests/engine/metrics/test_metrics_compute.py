import json
import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_frames import START, Counts, equity_frame, fills_frame, funding_frame, metrics_of, trades_frame

from engine.errors import ConfigurationError, CorruptData
from engine.metrics.benchmark import buy_and_hold_equity
from engine.metrics.calendar import monthly_returns
from engine.metrics.catalogue import METRICS, metric_spec
from engine.metrics.compute import Metrics
from engine.metrics.described import Better, Unit
from engine.timeframes import DAY_MS, Timeframe


def test_costs_by_hand():
    fills = fills_frame(
        [
            (100.0, 2.0, 0.11, 0.04, "taker"),
            (110.0, 2.0, 0.044, 0.0, "maker"),
            (50.0, 4.0, 0.11, 0.08, "taker"),
        ]
    )
    metrics = metrics_of(fills=fills, funding=funding_frame([-1.5, 0.25, -0.5, 1.0]))
    assert metrics.turnover_usdt == 620.0
    assert metrics.fees_usdt == pytest.approx(0.264)
    assert metrics.taker_fees_usdt == pytest.approx(0.22)
    assert metrics.maker_fees_usdt == pytest.approx(0.044)
    assert metrics.slippage_usdt == pytest.approx(0.12)
    assert metrics.funding_usdt == pytest.approx(-0.75)
    assert (metrics.funding_paid_usdt, metrics.funding_received_usdt) == (2.0, 1.25)


def test_exposure_by_hand():
    frame = equity_frame(
        [10_000.0, 10_000.0, 8_000.0, 9_000.0],
        Timeframe.H1,
        close=[100.0, 100.0, 90.0, 95.0],
        position_size=[0.0, 200.0, -100.0, 0.0],
        used_margin=[0.0, 4_000.0, 1_800.0, 0.0],
    )
    trades = trades_frame([1.0, 2.0], bars_held=[2, 1])  # the second opened and closed inside one bar
    metrics = metrics_of(frame, trades, timeframe=Timeframe.H1)
    assert metrics.time_in_market_pct == 75.0
    assert metrics.peak_leverage == pytest.approx(2.0)  # 200 * 100 / 10,000
    assert metrics.average_leverage == pytest.approx((2.0 + 1.125) / 2)
    assert metrics.peak_margin_use_pct == pytest.approx(40.0)


def test_never_in_the_market_has_no_leverage():
    metrics = metrics_of([10_000.0] * 4)
    assert metrics.time_in_market_pct == 0.0
    assert math.isnan(metrics.average_leverage)
    assert (metrics.peak_leverage, metrics.peak_margin_use_pct) == (0.0, 0.0)


def test_leverage_of_an_account_below_zero_is_left_out():
    frame = equity_frame(
        [1_000.0, -5.0], Timeframe.D1, position_size=[20.0, 20.0], used_margin=[500.0, 500.0]
    )
    metrics = metrics_of(frame)
    assert (metrics.average_leverage, metrics.peak_leverage) == (2.0, 2.0)
    assert metrics.peak_margin_use_pct == 50.0


def test_excess_over_buy_and_hold():
    metrics = metrics_of(equity_frame([10_500.0, 11_000.0], Timeframe.D1, close=[100.0, 125.0]))
    assert metrics.buy_and_hold_return_pct == pytest.approx(25.0)
    assert metrics.excess_return_pct == pytest.approx(10.0 - 25.0)
    assert buy_and_hold_equity(np.array([100.0, 125.0]), starting_equity_usdt=10_000.0).tolist() == [
        10_000.0,
        12_500.0,
    ]


def test_filled_bars_and_rejected_orders():
    counters = Counts(filled_bars=3, rejected_orders={"below_min_notional": 2, "margin": 1}, capped_entries=4)
    metrics = metrics_of([10_000.0] * 12, counters=counters)
    assert (metrics.bars, metrics.filled_bars, metrics.filled_share_pct) == (12, 3, 25.0)
    assert (metrics.rejected_orders, metrics.capped_entries) == (3, 4)
    assert metrics.rejection_reasons == {"below_min_notional": 2, "margin": 1}


def test_no_metric_is_a_constant():
    """Two different runs differ in every metric: nothing is left at a default."""

    def busy(factor: float, count: int) -> Metrics:
        rng = np.random.default_rng(count)
        bars = 400 * count
        frame = equity_frame(
            10_000 + factor * np.cumsum(rng.normal(1, 20, bars)),
            Timeframe.H1,
            close=100 + factor * np.cumsum(rng.normal(0, 0.1, bars)),
            position_size=factor * rng.integers(-1, 2, bars),
            used_margin=factor * np.full(bars, 50.0),
        )
        wins = [8.0, 3.0] * count
        pnls = np.array([5.0, *wins, -2.0, 4.0, *([-7.0] * count), -1.0]) * factor
        number = len(pnls)
        directions = ["long", "short", *(["long"] * (number - count - 2)), *(["short"] * count)]
        trades = trades_frame(
            pnls,
            direction=directions,
            gross_pnl_usdt=pnls + 1,
            liquidation_price=[50.0 + count if side == "long" else 150.0 for side in directions],
            mae_usdt=-np.abs(pnls),
            mfe_usdt=np.abs(pnls),
            r_multiple=pnls / 3,
            bars_held=count * np.arange(2, number + 2),
            exit_reason=["liquidation"] * count + ["signal"] * (number - count),
            ambiguous=np.arange(number) < count,
        )
        fills = fills_frame(
            [(100.0, factor, 0.1, 0.02, "taker"), (90.0, factor, 0.01 * factor, 0.0, "maker")] * count
        )
        counters = Counts(filled_bars=count**2, rejected_orders={"margin": count}, capped_entries=count)
        funding = funding_frame([-1.0 * factor, 0.5 * factor])
        return metrics_of(frame, trades, fills, funding, timeframe=Timeframe.H1, counters=counters)

    first, second = busy(1.0, 1), busy(1.5, 3)
    same = [spec.name for spec in METRICS if getattr(first, spec.name) == getattr(second, spec.name)]
    undefined = [spec.name for spec in METRICS if math.isnan(getattr(first, spec.name))]
    assert (same, undefined) == ([], [])


def test_a_run_without_a_bar_is_defined():
    metrics = metrics_of([])
    assert metrics.net_return_pct == 0.0
    assert math.isnan(metrics.buy_and_hold_return_pct)
    assert math.isnan(metrics.filled_share_pct)


def test_empty_frames_of_any_dtype_are_accepted():
    nothing = pd.DataFrame(columns=trades_frame([]).columns, dtype=object)
    assert metrics_of([10_000.0], trades=nothing).trades == 0


@given(
    st.lists(st.floats(-1e5, 1e9), max_size=50),
    st.lists(st.floats(-1e5, 1e5), max_size=20),
    st.sampled_from(list(Timeframe)),
)
def test_no_run_gives_an_exception_or_an_infinite_number(curve, pnls, timeframe):
    metrics = metrics_of(curve, trades=trades_frame(pnls), timeframe=timeframe)
    text = json.dumps(metrics.to_plain(), allow_nan=False)
    for spec in METRICS:
        assert not math.isinf(getattr(metrics, spec.name)), spec.name
    assert Metrics.from_plain(json.loads(text)).to_plain() == metrics.to_plain()


def test_plain_form_holds_none_for_what_is_not_defined_and_comes_back_as_nan():
    plain = metrics_of([10_000.0] * 3).to_plain()
    assert plain["sharpe"] is None
    assert plain["max_drawdown_pct"] == 0.0
    assert math.isnan(Metrics.from_plain(plain).sharpe)


def test_a_plain_form_with_a_missing_metric_is_refused_by_name():
    plain = metrics_of([10_000.0]).to_plain()
    del plain["sharpe"]
    with pytest.raises(CorruptData, match="sharpe"):
        Metrics.from_plain(plain)


def test_the_catalogue_describes_every_number_once():
    names = [spec.name for spec in METRICS]
    plain = metrics_of([10_000.0]).to_plain()
    assert len(names) == len(set(names))
    assert [*names, "exit_reasons", "rejection_reasons"] == list(plain)
    assert all(spec.description.endswith(".") and spec.title for spec in METRICS)
    for spec in METRICS:
        if spec.name.endswith("_pct"):
            assert spec.unit is Unit.PERCENT, spec.name
        if spec.name.endswith("_usdt"):
            assert spec.unit is Unit.USDT, spec.name


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("net_return_pct", -3.14159, "-3.14 %"),
        ("net_profit_usdt", 1234567.891, "1,234,567.89 USDT"),
        ("trades", 1200, "1,200"),
        ("sharpe", math.nan, "n/a"),
        ("sharpe", None, "n/a"),
        ("sharpe", 1.005001, "1.01"),
        ("average_bars_held", 3.5, "3.50 bars"),
        ("longest_drawdown_bars", 12, "12 bars"),
        ("funding_usdt", -0.0001, "0.00 USDT"),
    ],
)
def test_numbers_are_shown_with_their_unit(name, value, shown):
    assert metric_spec(name).shown(value) == shown


def test_directions_and_unknown_names():
    assert metric_spec("max_drawdown_pct").better is Better.LOWER
    with pytest.raises(ConfigurationError, match="'sharp' is not a metric"):
        metric_spec("sharp")


def test_monthly_returns_by_hand():
    # 31 daily bars of January, 29 of February 2024, two of March
    frame = equity_frame([110.0] * 31 + [99.0] * 29 + [99.0, 148.5], Timeframe.D1)
    months = monthly_returns(frame, starting_equity_usdt=100.0)
    assert months["year"].tolist() == [2024] * 3
    assert months["month"].tolist() == [1, 2, 3]
    assert months["return_pct"].tolist() == pytest.approx([10.0, -10.0, 50.0])


def test_monthly_returns_over_a_new_year_and_of_nothing():
    frame = equity_frame([101.0, 102.0], Timeframe.D1, start=START - DAY_MS)
    months = monthly_returns(frame, starting_equity_usdt=100.0)
    assert list(zip(months["year"], months["month"], strict=True)) == [(2023, 12), (2024, 1)]
    assert len(monthly_returns(equity_frame([], Timeframe.D1), starting_equity_usdt=100.0)) == 0


def test_a_year_of_minutes_takes_a_few_milliseconds():
    rng = np.random.default_rng(1)
    bars = 525_600
    frame = equity_frame(
        10_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, bars))),
        Timeframe.M1,
        close=100 * np.exp(np.cumsum(rng.normal(0, 1e-4, bars))),
        position_size=rng.integers(-1, 2, bars) * 10.0,
        used_margin=np.full(bars, 300.0),
    )
    trades = trades_frame(rng.normal(0, 10, 1_600))
    metrics_of(frame, trades=trades, timeframe=Timeframe.M1)
    seconds = []
    for _ in range(5):
        before = time.perf_counter()
        metrics_of(frame, trades=trades, timeframe=Timeframe.M1)
        seconds.append(time.perf_counter() - before)
    print(f"metrics of {bars} bars: {min(seconds) * 1e3:.1f} ms")
    assert min(seconds) < 0.05  # 10 ms on a quiet machine
