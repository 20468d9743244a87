"""What Bybit's formulas say beyond the published figures: other side, tiers, added margin, steps.

Expected values are worked out by hand; where a formula solves an equation, the equation is checked.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sim.fees import market_fill_price, trading_fee
from engine.sim.liquidation import (
    LiquidationRegime,
    liquidation_price,
    liquidation_price_in_tiers,
    position_maintenance_margin,
    size_to_shed,
    value_to_shed,
)
from engine.sim.margin import (
    available_balance,
    bankruptcy_price,
    bankruptcy_price_with_extra_margin,
    fee_to_close,
    initial_margin,
    maintenance_margin,
    margin_after_reduction,
    mm_deductions,
    order_cost,
    order_margin_price,
    position_margin,
    position_value,
    size_for_cost,
    tier_index,
)
from engine.sim.pnl import (
    unrealised_pnl,
)
from engine.sim.rounding import ceil_to_step, floor_to_step, round_against

LONG, SHORT = 1, -1
MARK, LEGACY = int(LiquidationRegime.MARK_2025), int(LiquidationRegime.LEGACY)
TAKER = 0.00055
LIMITS = np.array([1000.0, 2000.0, 3000.0, 4000.0, 5000.0])
RATES = np.array([0.02, 0.025, 0.03, 0.035, 0.04])
DEDUCTIONS = np.array([0.0, 5.0, 15.0, 30.0, 50.0])

sides = st.sampled_from([LONG, SHORT])
prices = st.floats(0.01, 100_000)
sizes = st.floats(0.001, 10_000)
leverages = st.floats(1, 100)


@given(sides, sizes, prices, leverages, st.floats(0, 0.001))
def test_size_for_cost_inverts_order_cost(
    side: int, size: float, price: float, leverage: float, taker: float
) -> None:
    cost = order_cost(side, size, price, leverage, taker)
    assert size_for_cost(side, cost, price, leverage, taker) == pytest.approx(size, rel=1e-12)
    parts = initial_margin(size, price, leverage) + trading_fee(price, size, taker)
    assert cost == pytest.approx(parts + fee_to_close(side, size, price, leverage, taker), rel=1e-12)


def test_an_order_is_margined_at_the_price_it_can_fill_at() -> None:
    # "USDT Contract Rules": a buy limit of 101 with the ask at 100 fills at 100; one at 99 rests at 99
    assert [order_margin_price(LONG, limit, 100.0) for limit in (101.0, 99.0)] == [100.0, 99.0]
    assert [order_margin_price(SHORT, limit, 100.0) for limit in (101.0, 99.0)] == [101.0, 100.0]


def test_the_available_balance_leaves_out_all_that_is_taken() -> None:
    assert available_balance(1000.0, 100.0) == 900.0
    assert available_balance(1000.0, 100.0, 50.0, 20.0, 5.0) == 825.0


@given(sides, sizes, prices, leverages, st.floats(-0.5, 3))
def test_at_the_bankruptcy_price_the_margin_is_used_up(
    side: int, size: float, entry: float, leverage: float, added: float
) -> None:
    margin = initial_margin(size, entry, leverage)
    bare = unrealised_pnl(side, size, entry, bankruptcy_price(side, entry, leverage))
    assert bare == pytest.approx(-margin, rel=1e-9)
    price = bankruptcy_price_with_extra_margin(side, size, entry, leverage, added * margin)
    assert unrealised_pnl(side, size, entry, price) == pytest.approx(-margin * (1 + added), rel=1e-9)


def test_bankruptcy_price_with_extra_margin() -> None:
    # 2 coins at 100, 10x: margin 20 gone at 90; with 10 more at 85, with 4 eaten by funding at 92
    assert bankruptcy_price_with_extra_margin(LONG, 2.0, 100.0, 10.0, 10.0) == pytest.approx(85.0)
    assert bankruptcy_price_with_extra_margin(LONG, 2.0, 100.0, 10.0, -4.0) == pytest.approx(92.0)
    assert bankruptcy_price_with_extra_margin(SHORT, 2.0, 100.0, 10.0, 10.0) == pytest.approx(115.0)


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_at_the_liquidation_price_the_margin_is_the_maintenance_margin(side: int) -> None:
    # "UTA Trading Rules": initial margin + unrealised PnL = maintenance margin, at the mark
    size, entry, leverage, rate, deduction = 2.0, 40_000.0, 25.0, 0.0056, 12.0
    price = liquidation_price(side, size, entry, leverage, rate, deduction, 0.0, TAKER, MARK)
    left = initial_margin(size, entry, leverage) + unrealised_pnl(side, size, entry, price)
    assert left == pytest.approx(maintenance_margin(size, price, rate, deduction, 0.0), rel=1e-12)
    # the fee to close is in both, so that it does not move the price
    balance = position_margin(side, size, entry, leverage, TAKER, 0.0) + unrealised_pnl(
        side, size, entry, price
    )
    with_fee = position_maintenance_margin(side, size, entry, price, leverage, rate, deduction, TAKER, MARK)
    assert balance == pytest.approx(with_fee, rel=1e-12)


def test_maintenance_margin_goes_by_the_entry_or_the_mark() -> None:
    # 2 at 100, mark 110, 10x, 1 %, deduction 0.5: 2 - 0.5 or 2.2 - 0.5, and a closing fee at 90 or 110
    def shown(side: int, regime: int) -> float:
        return position_maintenance_margin(side, 2.0, 100.0, 110.0, 10.0, 0.01, 0.5, 0.001, regime)

    assert shown(LONG, LEGACY) == pytest.approx(1.5 + 0.18)
    assert shown(LONG, MARK) == pytest.approx(1.7 + 0.18)
    assert shown(SHORT, MARK) == pytest.approx(1.7 + 0.22)


@pytest.mark.parametrize("regime", [LEGACY, MARK])
@given(side=sides, size=sizes, entry=prices, leverage=leverages, added=st.floats(0, 2))
def test_extra_margin_moves_the_liquidation_price_away(
    regime: int, side: int, size: float, entry: float, leverage: float, added: float
) -> None:
    extra = added * initial_margin(size, entry, leverage)
    bare = liquidation_price(side, size, entry, leverage, 0.005, 0.0, 0.0, TAKER, regime)
    price = liquidation_price(side, size, entry, leverage, 0.005, 0.0, extra, TAKER, regime)
    assert side * (bare - price) >= -1e-9 * entry
    # liquidation comes before bankruptcy: that is what the maintenance margin is for; at 1x a long's prices
    # meet at 0
    bankrupt = bankruptcy_price_with_extra_margin(side, size, entry, leverage, extra)
    if bankrupt > 0.0:
        assert side * (price - bankrupt) >= -TAKER * extra / size * 2 - 1e-9 * entry


# Rows of the recorded ladders of 5 August 2026: limit and rate of the tier and of the one below, deduction.
LADDER_ROWS = [
    ("BTCUSDT", 2, 2e6, 0.005, 0.0, 0.0056, 1200.0),
    ("BTCUSDT", 35, 8e8, 0.5, 146_382_000.0, 0.6, 226_382_000.0),
    ("ETHUSDT", 2, 9e5, 0.005, 0.0, 0.0056, 540.0),
    ("ETHUSDT", 35, 6e8, 0.5, 78_018_220.0, 0.6, 138_018_220.0),
    ("SOLUSDT", 35, 2.5e8, 0.3906, 39_049_135.0, 0.5, 66_399_135.0),
    ("ADAUSDT", 2, 2e5, 0.0075, 0.0, 0.01, 500.0),
    ("ADAUSDT", 30, 3.3e7, 0.4, 9_209_000.0, 0.6, 15_809_000.0),
]


@pytest.mark.parametrize(("symbol", "tier", "limit", "below", "deducted", "rate", "expected"), LADDER_ROWS)
def test_deductions_of_recorded_ladders(
    symbol: str, tier: int, limit: float, below: float, deducted: float, rate: float, expected: float
) -> None:
    step = mm_deductions(np.array([limit, limit * 2]), np.array([below, rate]))[1]
    assert deducted + step == expected
    # which is what makes the margin the same on both sides of the limit
    assert maintenance_margin(1.0, limit, rate, expected, 0.0) == pytest.approx(
        maintenance_margin(1.0, limit, below, deducted, 0.0), rel=1e-12
    )


def test_deductions_of_the_first_tiers_of_btcusdt() -> None:
    # the recorded ladder of 5 August 2026
    limits = [2e6, 2.6e6, 3.2e6, 3.8e6, 4.4e6, 5e6, 5.6e6]
    rates = [0.005, 0.0056, 0.0063, 0.0067, 0.0071, 0.0077, 0.0091]
    assert mm_deductions(limits, rates).tolist() == [0.0, 1200.0, 3020.0, 4300.0, 5820.0, 8460.0, 15460.0]


def test_tier_limits_are_inclusive() -> None:
    limits = np.array([2e6, 2.6e6])
    assert [tier_index(value, limits) for value in (2e6, 2e6 + 0.01, 2.6e6, 3e6)] == [0, 1, 1, 2]


def test_the_legacy_tier_is_that_of_the_value_at_entry() -> None:
    # 100 at 35 are in the fourth tier: 3.5 % less 30
    expected = liquidation_price(LONG, 100.0, 35.0, 10.0, 0.035, 30.0, 0.0, TAKER, LEGACY)
    found = liquidation_price_in_tiers(LONG, 100.0, 35.0, 10.0, LIMITS, RATES, DEDUCTIONS, 0.0, TAKER, LEGACY)
    assert found == expected
    # initial margin 350, maintenance margin 92.5: 2.575 below the entry
    assert found == pytest.approx(32.425)


def test_the_tier_since_2025_is_that_of_the_value_at_the_mark() -> None:
    # 100 at 31: 3,100 is in the fourth tier at entry, and near 28.6 in the third: 3 % less 15.
    # 3100 - 310 - 15 = 2775; 2775 / 97 = 28.608…, worth 2,861: the third tier
    found = liquidation_price_in_tiers(LONG, 100.0, 31.0, 10.0, LIMITS, RATES, DEDUCTIONS, 0.0, TAKER, MARK)
    assert found == pytest.approx(2775 / 97)
    # a short's value grows on the way: 100 at 29 is in the third tier, and near 31 in the fourth.
    # 2900 + 290 + 30 = 3220; 3220 / 103.5 = 31.111
    found = liquidation_price_in_tiers(SHORT, 100.0, 29.0, 10.0, LIMITS, RATES, DEDUCTIONS, 0.0, TAKER, MARK)
    assert found == pytest.approx(3220 / 103.5)


@given(sides, st.floats(1, 160), leverages)
def test_a_position_in_tiers_is_liquidated_where_its_margin_is_used_up(
    side: int, size: float, leverage: float
) -> None:
    entry = 25.0
    price = liquidation_price_in_tiers(
        side, size, entry, leverage, LIMITS, RATES, DEDUCTIONS, 0.0, TAKER, MARK
    )
    value = position_value(size, price)
    tier = min(tier_index(value, LIMITS), len(LIMITS) - 1)
    kept = maintenance_margin(size, price, RATES[tier], DEDUCTIONS[tier], 0.0)
    left = initial_margin(size, entry, leverage) + unrealised_pnl(side, size, entry, price)
    assert left == pytest.approx(kept, rel=1e-9, abs=1e-9)


def test_what_a_liquidation_sheds_first() -> None:
    # 3,500 is in the tier above 3,000: 500 go, and the rest is in the third tier; the lowest sheds nothing
    assert value_to_shed(3500.0, LIMITS) == 500.0
    assert value_to_shed(1000.0, LIMITS) == 0.0
    assert value_to_shed(1000.5, LIMITS) == 0.5
    # 500 / 35 = 14.2857, up to the lot so that what is left is worth no more than 3,000
    assert size_to_shed(100.0, 35.0, LIMITS, 0.01) == 14.29
    assert tier_index((100.0 - 14.29) * 35.0, LIMITS) == 2
    assert size_to_shed(20.0, 35.0, LIMITS, 0.01) == 0.0


def test_a_part_that_is_closed_takes_its_margin_along_and_leaves_the_price() -> None:
    size, entry, leverage, extra = 3.0, 100.0, 10.0, 6.0
    whole = position_margin(LONG, size, entry, leverage, TAKER, extra)
    left = margin_after_reduction(whole, size, 1.0)
    extra_left = margin_after_reduction(extra, size, 1.0)
    assert extra_left == 4.0
    assert left == pytest.approx(position_margin(LONG, 2.0, entry, leverage, TAKER, extra_left), rel=1e-12)
    for regime in (LEGACY, MARK):
        before = liquidation_price(LONG, size, entry, leverage, 0.01, 0.0, extra, TAKER, regime)
        after = liquidation_price(LONG, 2.0, entry, leverage, 0.01, 0.0, extra_left, TAKER, regime)
        assert after == pytest.approx(before, rel=1e-12)


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


@given(st.integers(0, 10**9), st.sampled_from(["0.1", "0.01", "0.001", "0.0001", "0.05", "0.5", "1"]))
def test_a_price_on_the_step_stays_and_is_the_nearest_float(count: int, step: str) -> None:
    value = float(Decimal(count) * Decimal(step))
    assert floor_to_step(value, float(step)) == value
    assert ceil_to_step(value, float(step)) == value
