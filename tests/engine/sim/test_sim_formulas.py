"""The public formulas against Bybit's published figures.

Every row names its source in the help centre, the API documentation or a test of another project; the
figures are Bybit's, not ours.
"""

from __future__ import annotations

import numpy as np
import pytest

from engine.sim.fees import market_fill_price, trading_fee
from engine.sim.funding import funding_payment
from engine.sim.liquidation import LiquidationRegime, liquidation_price
from engine.sim.margin import (
    bankruptcy_price,
    fee_to_close,
    initial_margin,
    maintenance_margin,
    mm_deductions,
    order_cost,
    position_margin,
    size_for_cost,
    tier_index,
)
from engine.sim.rounding import ceil_to_step, floor_to_step, round_against

LONG, SHORT = 1, -1
MARK, LEGACY = LiquidationRegime.MARK_2025, LiquidationRegime.LEGACY


@pytest.mark.parametrize(
    ("direction", "leverage", "expected"),
    # entry 10, maintenance rate 1 %: freqtrade tests/exchange/test_exchange.py, Bybit's legacy formula
    [
        (LONG, 1, 0.1),
        (LONG, 3, 6.7666666),
        (LONG, 5, 8.1),
        (LONG, 10, 9.1),
        (SHORT, 1, 19.9),
        (SHORT, 3, 13.233333),
        (SHORT, 5, 11.9),
        (SHORT, 10, 10.9),
    ],
)
def test_legacy_liquidation_price(direction: int, leverage: float, expected: float) -> None:
    price = liquidation_price(direction, 1.0, 10.0, leverage, 0.01, 0.0, 0.0, 0.00055, LEGACY)
    assert price == pytest.approx(expected, abs=1e-6)


def test_mark_liquidation_price_with_extra_margin() -> None:
    # UTA Trading Rules, worked example: 1 BTC at 40,000, 50x, 0.5 %, 3,000 USDT added
    price = liquidation_price(LONG, 1.0, 40_000.0, 50.0, 0.005, 0.0, 3000.0, 0.00055, MARK)
    assert price == pytest.approx(36_380.25, abs=0.01)


def test_mark_liquidation_price_of_a_short_mirrors_the_long() -> None:
    # Derived from the same page: initial margin + unrealised PnL = maintenance margin, at the mark
    size, entry, leverage, rate, deduction = 2.0, 40_000.0, 25.0, 0.0056, 12.0
    for direction in (LONG, SHORT):
        price = liquidation_price(direction, size, entry, leverage, rate, deduction, 0.0, 0.00055, MARK)
        left = initial_margin(size, entry, leverage) + direction * size * (price - entry)
        assert left == pytest.approx(maintenance_margin(size, price, rate, deduction, 0.0), rel=1e-12)


def test_fee_to_close_and_maintenance_margin() -> None:
    # the same worked example: 21.56 and 221.56
    closing = fee_to_close(LONG, 1.0, 40_000.0, 50.0, 0.00055)
    assert closing == pytest.approx(21.56, abs=1e-9)
    assert maintenance_margin(1.0, 40_000.0, 0.005, 0.0, closing) == pytest.approx(221.56, abs=1e-9)


@pytest.mark.parametrize(("entry", "expected"), [(60_000.0, 58_800.0), (10_000.0, 9_800.0)])
def test_bankruptcy_price(entry: float, expected: float) -> None:
    # "Bankruptcy Price (USDT Contract)", long at 50x
    assert bankruptcy_price(LONG, entry, 50.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("taker", "expected"), [(0.00055, 5052.25), (0.0006, 5057.0)])
def test_order_cost(taker: float, expected: float) -> None:
    # "Order Cost (USDT Contract)": buy 1 at 50,000, 10x
    assert order_cost(LONG, 1.0, 50_000.0, 10.0, taker) == pytest.approx(expected, abs=1e-9)


def test_size_for_cost_inverts_order_cost() -> None:
    # help.bybit.com 900000169703: a cost of 5,057 buys 1
    assert size_for_cost(LONG, 5057.0, 50_000.0, 10.0, 0.0006) == pytest.approx(1.0, abs=1e-9)
    cost = order_cost(SHORT, 3.0, 1234.5, 7.0, 0.00055)
    assert size_for_cost(SHORT, cost, 1234.5, 7.0, 0.00055) == pytest.approx(3.0, rel=1e-12)


def test_mm_deductions_of_btcusdt() -> None:
    # announcement "margin parameters", BTCUSDT tiers 1 to 3
    limits, rates = np.array([2e6, 2.6e6, 3.2e6]), np.array([0.005, 0.0056, 0.0063])
    assert mm_deductions(limits, rates) == pytest.approx([0.0, 1200.0, 3020.0], abs=1e-6)
    assert maintenance_margin(1.0, 2.6e6, 0.0056, 1200.0, 0.0) == pytest.approx(13_360.0, abs=1e-6)


def test_tiered_maintenance_margin() -> None:
    # "Maintenance Margin (USDT Contract)": 100 at 35, 10x; IM 350, MM 92.5 in the fourth tier
    limits = np.array([1000.0, 2000.0, 3000.0, 4000.0, 5000.0])
    rates = np.array([0.02, 0.025, 0.03, 0.035, 0.04])
    tier = tier_index(3500.0, limits)
    assert tier == 3
    assert initial_margin(100.0, 35.0, 10.0) == pytest.approx(350.0)
    deduction = mm_deductions(limits, rates)[tier]
    assert maintenance_margin(100.0, 35.0, rates[tier], deduction, 0.0) == pytest.approx(92.5)


def test_tier_limits_are_inclusive() -> None:
    limits = np.array([2e6, 2.6e6])
    assert [tier_index(value, limits) for value in (2e6, 2e6 + 0.01, 2.6e6, 3e6)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("direction", "size", "mark", "rate", "expected"),
    [
        (LONG, 100.0, 0.3676, 0.0001, -0.003676),  # Bybit docs, transaction log
        (LONG, 1.0, 0.2408, 0.0001, -0.00002408),  # ccxt PR 18174, a live ledger
        (LONG, 1.0, 50_000.0, 0.0001, -5.0),  # flox tests/test_funding_schedule.cpp
        (SHORT, 2.0, 3000.0, 0.0002, 1.2),
        (LONG, 1.0, 50_000.0, -0.0003, 15.0),
    ],
)
def test_funding_payment(direction: int, size: float, mark: float, rate: float, expected: float) -> None:
    assert funding_payment(direction, size, mark, rate) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("price", "size", "rate", "expected"),
    [
        (47_950.05, 1.0, 0.00055, 26.3725275),  # Bybit docs, ws execution
        (1190.15, 0.1, 0.0006, 0.071409),  # execution list
        (0.3615, 88.0, 0.0006, 0.0190872),  # transaction log
        (8000.0, 10.0, 0.00055, 44.0),  # "Fees Explained", taker
        (8000.0, 10.0, 0.0002, 16.0),  # maker
    ],
)
def test_trading_fee(price: float, size: float, rate: float, expected: float) -> None:
    assert trading_fee(price, size, rate) == pytest.approx(expected, rel=1e-12)


def test_position_margin_of_a_live_position() -> None:
    # ccxt parsePosition: ETHUSDT long 0.1 at 1198.45, 4.2x, taker 0.06 %; balance 28.58931118
    margin = position_margin(LONG, 0.1, 1198.45, 4.2, 0.0006, 0.0)
    assert margin == pytest.approx(28.58931118, abs=2e-6)


def test_market_fills_are_moved_and_rounded_against_the_trader() -> None:
    # 100 * 1.0003 = 100.03, up to the tick of 0.1; 100 * 0.9997 = 99.97, down
    assert market_fill_price(100.0, 1, 0.0003, 0.1) == 100.1
    assert market_fill_price(100.0, -1, 0.0003, 0.1) == 99.9
    assert market_fill_price(100.0, 1, 0.0, 0.1) == 100.0


def test_rounding_gives_the_doubles_that_the_exchange_text_gives() -> None:
    assert floor_to_step(0.3, 0.1) == 0.3
    assert floor_to_step(0.30000000000000004, 0.1) == 0.3
    assert ceil_to_step(0.30000000000000004, 0.1) == 0.3
    assert floor_to_step(1.2345, 0.001) == 1.234
    assert ceil_to_step(65_432.11, 0.1) == 65_432.2
    assert floor_to_step(17.0, 5.0) == 15.0
    assert ceil_to_step(17.0, 5.0) == 20.0
    assert round_against(10.04, 0.05, 1) == 10.05
    assert round_against(10.04, 0.05, -1) == 10.0
