"""The sandbox's own accounting against worked figures of Bybit's.

Sources, by test: Bybit's help centre (UTA trading rules, order cost, bankruptcy price, maintenance margin,
P&L), its margin parameters page, examples of bybit-exchange/docs (executions, transaction log), the
liquidation prices of freqtrade's tests for the rule before 2025-09, and a live funding row from ccxt's pull
request 18174.
"""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sandbox.private import accounting
from engine.sandbox.private.position import Position, after_fill
from engine.sandbox.private.terms import Side
from engine.sandbox.risk_ladders import ADAUSDT_ROWS, BTCUSDT_ROWS, ladder
from engine.sim.liquidation import LiquidationRegime, liquidation_price_in_tiers
from engine.sim.margin import order_cost, position_margin

TAKER = Decimal("0.00055")
FLAT = ladder(((10**12, "0.005", "0.01", "100"),))
BTC = ladder(BTCUSDT_ROWS)
LONG, SHORT = Side.BUY, Side.SELL


def test_the_liquidation_price_of_a_long_with_added_margin_is_that_of_the_worked_example():
    price = accounting.liquidation_price(
        LONG, Decimal(1), Decimal(40_000), Decimal(50), FLAT, extra=Decimal(3000), taker=TAKER
    )
    assert price.quantize(Decimal("0.01")) == Decimal("36380.25")


@pytest.mark.parametrize(
    ("side", "extra", "expected"),
    [(SHORT, 3000, "43580.4487"), (LONG, 0, "39396.9849"), (SHORT, 0, "40597.0149")],
)
def test_liquidation_prices_that_follow_from_the_same_formula(side, extra, expected):
    price = accounting.liquidation_price(
        side, Decimal(1), Decimal(40_000), Decimal(50), FLAT, extra=Decimal(extra), taker=TAKER
    )
    assert price.quantize(Decimal("0.0001")) == Decimal(expected)


def test_maintenance_margin_holds_the_fee_to_close():
    closing = accounting.fee_to_close(LONG, Decimal(1), Decimal(40_000), Decimal(50), TAKER)
    assert closing == Decimal("21.56")
    assert accounting.maintenance_margin(FLAT, Decimal(40_000), closing) == Decimal("221.56")


@pytest.mark.parametrize(("entry", "expected"), [("60000", "58800"), ("10000", "9800")])
def test_bankruptcy_prices(entry, expected):
    assert accounting.bankruptcy_price(LONG, Decimal(entry), Decimal(50)) == Decimal(expected)


@pytest.mark.parametrize(
    ("side", "leverage", "expected"),
    [
        (LONG, 1, "0.1"),
        (LONG, 3, "6.7666667"),
        (LONG, 5, "8.1"),
        (LONG, 10, "9.1"),
        (SHORT, 1, "19.9"),
        (SHORT, 3, "13.2333333"),
        (SHORT, 5, "11.9"),
        (SHORT, 10, "10.9"),
    ],
)
def test_liquidation_prices_before_september_2025(side, leverage, expected):
    tier = ladder(((10**12, "0.01", "0.02", "50"),))[0]
    price = accounting.legacy_liquidation_price(side, Decimal(1), Decimal(10), Decimal(leverage), tier)
    assert abs(price - Decimal(expected)) < Decimal("1e-6")


@pytest.mark.parametrize(("taker", "expected"), [("0.00055", "5052.25"), ("0.0006", "5057")])
def test_the_cost_of_an_order_holds_both_fees(taker, expected):
    cost = accounting.order_cost(LONG, Decimal(1), Decimal(50_000), Decimal(10), Decimal(taker))
    assert cost == Decimal(expected)


def test_deductions_keep_the_maintenance_margin_of_the_tiers_continuous():
    assert [BTC[1].mm_deduction, BTC[2].mm_deduction] == [1200, 3020]
    assert accounting.maintenance_margin(BTC, Decimal(2_600_000), Decimal(0)) == 13_360
    assert accounting.tier_of(BTC, Decimal(2_000_000)).tier == 1
    assert accounting.tier_of(BTC, Decimal("2000000.01")).tier == 2


@pytest.mark.parametrize(
    ("size", "mark", "expected"), [("100", "0.3676", "0.003676"), ("1", "0.2408", "0.00002408")]
)
def test_a_long_pays_a_positive_funding_rate_and_a_short_receives_it(size, mark, expected):
    paid = accounting.funding_fee(LONG, Decimal(size), Decimal(mark), Decimal("0.0001"))
    assert paid == Decimal(expected)
    assert accounting.funding_fee(SHORT, Decimal(size), Decimal(mark), Decimal("0.0001")) == -paid


@pytest.mark.parametrize(
    ("value", "rate", "expected"),
    [
        ("47950.05", "0.00055", "26.3725275"),
        ("119.015", "0.0006", "0.071409"),
        ("31.812", "0.0006", "0.0190872"),
        ("4.338", "0.0006", "0.0026028"),
        ("80000", "0.00055", "44"),
        ("80000", "0.0002", "16"),
    ],
)
def test_fees(value, rate, expected):
    assert accounting.fee(Decimal(value), Decimal(rate)) == Decimal(expected)


@pytest.mark.parametrize(
    ("side", "size", "entry", "price", "expected"),
    [(LONG, "0.2", "7000", "7500", 100), (SHORT, "0.4", "6000", "5000", 400)],
)
def test_unrealised_pnl(side, size, entry, price, expected):
    assert accounting.unrealised_pnl(side, Decimal(size), Decimal(entry), Decimal(price)) == expected


def filled(position, side, size, price, rate="0"):
    size, price = Decimal(size), Decimal(price)
    return after_fill(position, side, size, price, size * price * Decimal(rate), 0)


def test_the_average_entry_weighs_by_size_and_a_reduction_leaves_it():
    position, _ = filled(Position("BTCUSDT"), LONG, "0.5", "5000")
    position, _ = filled(position, LONG, "0.3", "6000")
    assert position.entry == 5375
    position, closing = filled(position, SHORT, "0.3", "7000")
    assert (position.entry, position.size, closing.pnl) == (5375, Decimal("0.5"), Decimal("487.5"))


def test_the_pnl_of_an_execution():
    position, _ = filled(Position("BTCUSDT"), LONG, "0.5", "95900")
    _, closing = filled(position, SHORT, "0.5", "95900.1")
    assert closing.pnl == Decimal("0.05")


def test_closed_pnl_takes_the_fees_of_both_sides_off():
    """The documented row: 3 ETH in for 3,584.9255 and out for 3,541.795 USDT, at 0.06 %."""
    entry, exit_price = Decimal("3584.9255") / 3, Decimal("3541.795") / 3
    position, _ = filled(Position("ETHUSDT"), LONG, "3", entry, "0.0006")
    position, closing = filled(position, SHORT, "3", exit_price, "0.0006")
    assert closing.net_pnl.quantize(Decimal("1e-7")) == Decimal("-47.4065323")
    assert position.realised.quantize(Decimal("1e-7")) == Decimal("-47.4065323")


@given(
    side=st.sampled_from(Side),
    entry=st.integers(1000, 100_000),
    size=st.integers(1, 60_000),
    leverage=st.integers(1, 50),
    rows=st.sampled_from([BTCUSDT_ROWS, ADAUSDT_ROWS]),
    extra=st.integers(0, 5000),
)
@settings(deadline=None)
def test_at_the_liquidation_price_the_margin_left_is_the_maintenance_margin_of_the_tier_at_the_mark(
    side, entry, size, leverage, rows, extra
):
    """Without fees: margin + unrealised PnL = maintenance margin, whatever tier the mark's value is in."""
    tiers = ladder(rows)
    held, start, times = Decimal(size) / 1000, Decimal(entry), Decimal(leverage)
    price = accounting.liquidation_price(side, held, start, times, tiers, extra=Decimal(extra))
    if price <= 0 or held * price > tiers[-1].risk_limit_value:
        return
    left = accounting.initial_margin(held, start, times) + extra
    left += accounting.unrealised_pnl(side, held, start, price)
    needed = accounting.maintenance_margin(tiers, held * price, Decimal(0))
    assert abs(left - needed) < Decimal("1e-9")


@given(
    side=st.sampled_from(Side),
    entry=st.integers(1000, 100_000),
    size=st.integers(1, 60_000),
    leverage=st.integers(1, 100),
    extra=st.integers(0, 5000),
)
@settings(deadline=None)
def test_the_simulator_s_own_accounting_comes_to_the_same(side, entry, size, leverage, extra):
    """Two accountings made apart: this one in Decimal, the engine's in floats."""
    held, start, times = Decimal(size) / 1000, Decimal(entry), Decimal(leverage)
    plain = (side.sign, float(held), float(start), float(times))
    limits, rates, deductions = (
        np.array([float(getattr(tier, name)) for tier in BTC])
        for name in ("risk_limit_value", "maintenance_margin", "mm_deduction")
    )
    price = accounting.liquidation_price(side, held, start, times, BTC, extra=Decimal(extra), taker=TAKER)
    simulated = liquidation_price_in_tiers(
        *plain, limits, rates, deductions, float(extra), float(TAKER), int(LiquidationRegime.MARK_2025)
    )
    if price > 0 and held * price <= BTC[-1].risk_limit_value:
        assert simulated == pytest.approx(float(price), rel=1e-9)
    cost = accounting.order_cost(side, held, start, times, TAKER)
    assert order_cost(*plain, float(TAKER)) == pytest.approx(float(cost), rel=1e-12)
    margin = accounting.initial_margin(held, start, times)
    margin += accounting.fee_to_close(side, held, start, times, TAKER)
    assert position_margin(*plain, float(TAKER), 0.0) == pytest.approx(float(margin), rel=1e-12)
