"""The simulation cases of other projects' tests, each a test by its name, through the public drivers.

`dsr-constant`, `dsr-single-trial` and `pbo-noise` of the same collection are about overfitting and belong to
`engine.metrics` (issue 6).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from sim_market import MINUTE, bars, contract, funding, percent, run, signals

from engine.sim.market import MarketBars
from engine.sim.state import DistanceKind, EntryKind, FillReason, SignalBit

LONG, SHORT = SignalBit.ENTER_LONG, SignalBit.ENTER_SHORT
HOUR = 60 * MINUTE
STILL = (100.0, 100.0, 100.0, 100.0)
# 1 coin from 100 at 10x, maintenance rate 0.4 %, no deduction, no fees, legacy: liquidated at 90.4 or 109.6
FROM_100 = {"regime": 0, "leverage": 10.0}
MARGIN = 10.0


def case(name: str) -> pytest.MarkDecorator:
    """Return the mark that gives a test the name of its vector."""
    return pytest.mark.parametrize("vector", [name])


def hours(count: int, price: float) -> MarketBars:
    """Return one-hour bars of a price that stands still."""
    market = bars(*[(price,) * 4] * count)
    return replace(market, bar_ms=HOUR, ts_open=market.ts_open * 60)


# nautilus_trader tests/unit_tests/backtest/test_exchange_margin.py


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param((90.005, 90.02, 90.005, 90.01), 90.015, id="stop-entry-through"),
        pytest.param((90.025, 90.03, 90.005, 90.01), 90.025, id="stop-entry-gap"),
    ],
)
def test_case_of_a_buy_stop_at_90_015(row: tuple[float, float, float, float], expected: float) -> None:
    # three ticks of 0.005 above a close of 90
    rules = contract(
        tick_size=0.005, entry_kind=EntryKind.STOP, offset_kind=DistanceKind.TICKS, offset_value=3.0
    )
    output = run(bars((90, 90, 90, 90), row), signals(2, b0=LONG), rules)
    assert output.fills[0].price == expected
    assert (output.fills[0].bar, output.fills[0].is_maker) == (1, 0)


# TorchTrade tests/envs/offline/test_sequential.py and tests/envs/replay/test_replay_liquidation.py


@case("liq-wick-long")
def test_case_of_a_wick_below_a_long(vector: str) -> None:
    output = run(bars(STILL, STILL, (100, 100, 85, 100)), signals(3, b0=LONG), contract(**FROM_100))
    assert output.trades[0].liquidation_price == pytest.approx(90.4, abs=1e-9)
    assert output.trades[0].reason == FillReason.LIQUIDATION
    assert output.trades[0].exit_bar == 2
    assert output.cash == pytest.approx(1000.0 - MARGIN, abs=1e-9)


@case("liq-wick-short")
def test_case_of_a_wick_above_a_short(vector: str) -> None:
    output = run(bars(STILL, STILL, (100, 115, 100, 100)), signals(3, b0=SHORT), contract(**FROM_100))
    assert output.trades[0].liquidation_price == pytest.approx(109.6, abs=1e-9)
    assert output.trades[0].reason == FillReason.LIQUIDATION
    assert output.trades[0].exit_bar == 2
    assert output.cash == pytest.approx(1000.0 - MARGIN, abs=1e-9)


@case("stop-nearer-than-liq")
def test_case_of_a_stop_before_the_liquidation_price(vector: str) -> None:
    rules = contract(**FROM_100, **percent(stop=5))
    output = run(bars(STILL, STILL, (99, 99, 88, 98)), signals(3, b0=LONG), rules)
    assert (output.trades[0].reason, output.trades[0].exit_price) == (FillReason.STOP_LOSS, 95.0)
    assert output.cash == pytest.approx(995.0, abs=1e-9)


@case("open-past-liq")
def test_case_of_an_open_past_the_liquidation_price(vector: str) -> None:
    rules = contract(**FROM_100, **percent(stop=5))
    output = run(bars(STILL, STILL, (89, 90, 88, 89)), signals(3, b0=LONG), rules)
    assert output.trades[0].reason == FillReason.LIQUIDATION
    assert output.cash == pytest.approx(1000.0 - MARGIN, abs=1e-9)
    assert output.equity.min() >= 1000.0 - MARGIN - 1e-9


@case("gap-through-liq-capped")
@pytest.mark.parametrize("equity", [20.0, 1000.0])
def test_case_of_a_gap_far_through_the_liquidation_price(vector: str, equity: float) -> None:
    # 5x: the margin of 1 coin is 20, and the gap is 80
    rules = contract(regime=0, leverage=5.0)
    output = run(bars(STILL, STILL, (20, 20, 20, 20)), signals(3, b0=LONG), rules, equity=equity)
    assert output.trades[0].reason == FillReason.LIQUIDATION
    assert equity - output.cash == pytest.approx(20.0, abs=1e-9)
    assert output.equity.min() >= 0.0


# flox tests/test_funding_schedule.cpp, nautilus_trader crates/backtest/tests/exchange.rs


@pytest.mark.parametrize(
    ("side", "size", "mark", "rate", "expected"),
    [
        pytest.param(LONG, 1.0, 50_000.0, 0.0001, -5.0, id="funding-long-pays"),
        pytest.param(SHORT, 2.0, 3000.0, 0.0002, 1.2, id="funding-short-receives"),
        pytest.param(LONG, 1.0, 50_000.0, -0.0003, 15.0, id="funding-negative-rate"),
        pytest.param(LONG, 1.0, 1000.0, 0.001, -1.0, id="funding-eth-long"),
        pytest.param(SHORT, 1.0, 1000.0, 0.001, 1.0, id="funding-eth-short"),
    ],
)
def test_case_of_funding(side: int, size: float, mark: float, rate: float, expected: float) -> None:
    rules = contract(sizing_value=size * mark, leverage=1.0)
    output = run(
        hours(10, mark), signals(10, b0=side), rules, events=funding((5 * HOUR, rate, mark)), equity=1e6
    )
    assert output.fills[0].quantity == size
    assert output.payments.amount.tolist() == pytest.approx([expected], abs=1e-9)
    assert output.cash == pytest.approx(1e6 + expected, abs=1e-9)


@case("funding-count")
def test_case_of_three_boundaries_in_25_hours(vector: str) -> None:
    # every eight hours for two days; bought at 01:00 and sold at 02:00 of the next day
    events = funding(*((hour * HOUR, 0.001, 100.0) for hour in range(0, 49, 8)))
    wanted = signals(48, b0=LONG, b25=SignalBit.EXIT_LONG)
    output = run(hours(48, 100.0), wanted, contract(), events=events)
    assert [fill.ts // HOUR for fill in output.fills] == [1, 26]
    assert (output.payments.ts // HOUR).tolist() == [8, 16, 24]
    assert output.cash == pytest.approx(1000.0 - 0.3, abs=1e-9)


# freqtrade tests/optimize/test_backtest_detail.py


@case("both-in-bar")
def test_case_of_stop_and_target_in_one_bar(vector: str) -> None:
    market = bars((5000, 5000, 5000, 5000), (5000, 5050, 4950, 4987), (4987, 5750, 4850, 5000))
    output = run(market, signals(3, b0=LONG), contract(sizing_value=5000.0, **percent(stop=2, target=6)))
    trade = output.trades[0]
    assert (trade.exit_bar, trade.exit_price, trade.reason) == (2, 4900.0, FillReason.STOP_LOSS)
    assert trade.gross_pnl == pytest.approx(-0.02 * 5000.0, abs=1e-9)
    assert trade.ambiguous == 1


@case("entry-bar-stop")
def test_case_of_a_stop_on_the_entry_bar(vector: str) -> None:
    market = bars((5000, 5000, 5000, 5000), (5000, 5100, 4600, 4800))
    output = run(market, signals(2, b0=LONG), contract(sizing_value=5000.0, **percent(stop=5)))
    trade = output.trades[0]
    assert (trade.entry_bar, trade.exit_bar) == (1, 1)
    assert trade.gross_pnl == pytest.approx(-0.05 * 5000.0, abs=1e-9)
