"""Rounding and rules in Decimals: the same as the simulator's, exact, and checked before anything is sent."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import ExchangeError, OrderRefused
from engine.exchange.trading.contract_rules import contract_rules, decimal_of, wire_text
from engine.exchange.trading.orders import OrderKind, OrderRequest, OrderSide, TriggerDirection
from engine.sim.rounding import floor_to_step, round_against

# Bybit's instruments-info of BTCUSDT, as in the example of its documentation (market/instrument)
ROW = {
    "symbol": "BTCUSDT",
    "status": "Trading",
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {
        "maxOrderQty": "1190.000",
        "minOrderQty": "0.001",
        "qtyStep": "0.001",
        "maxMktOrderQty": "500.000",
        "minNotionalValue": "5",
    },
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
}
RULES = contract_rules(ROW)
LIMIT = OrderRequest(
    "BTCUSDT", OrderSide.BUY, OrderKind.LIMIT, Decimal("0.010"), "name-1", price=Decimal("65000.1")
)
MARKET = replace(LIMIT, kind=OrderKind.MARKET, price=None)

steps = st.sampled_from(["0.1", "0.01", "0.0001", "0.5", "1", "10", "0.00001"])


@given(st.floats(0.001, 200_000), steps)
def test_decimals_round_as_the_simulator_does(value, step):
    rules = replace(RULES, tick_size=Decimal(step), size_step=Decimal(step))
    # where floats and decimals may differ, a hair beside a step, the simulator says that it is the step
    assume(abs(value / float(step) - round(value / float(step))) > 0.02)
    assert rules.round_price(value, OrderSide.BUY) == decimal_of(round_against(value, float(step), 1))
    assert rules.round_price(value, OrderSide.SELL) == decimal_of(round_against(value, float(step), -1))
    assert rules.round_size(value) == decimal_of(floor_to_step(value, float(step)))


@given(st.integers(1, 10**7), steps)
def test_a_float_of_the_simulator_on_a_step_becomes_that_step(count, step):
    rules = replace(RULES, tick_size=Decimal(step), size_step=Decimal(step))
    meant = count * Decimal(step)
    assert rules.nearest_price(floor_to_step(float(meant), float(step))) == meant
    assert rules.nearest_size(float(count) * float(step)) == meant


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.00001", "0.00001"), ("1E-7", "0.0000001"), ("65000.10", "65000.1"), ("1E+3", "1000"), ("0", "0")],
)
def test_numbers_leave_without_exponents(value, text):
    assert wire_text(Decimal(value)) == text


@pytest.mark.parametrize("request_", [LIMIT, MARKET, replace(LIMIT, size=Decimal("1190"))])
def test_an_order_by_the_rules_passes(request_):
    RULES.check(request_)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"size": Decimal("0.0105")}, "whole steps"),
        ({"size": Decimal("0.0009")}, "size is not between"),
        ({"size": Decimal("1191")}, "size is not between"),
        ({"kind": OrderKind.MARKET, "price": None, "size": Decimal("501")}, "size is not between"),
        ({"price": Decimal("65000.05")}, "price 65000.05 is not on the tick"),
        ({"price": Decimal("-1")}, "not on the tick"),
        ({"stop_loss": Decimal("64000.01")}, "stop loss"),
        ({"price": None}, "limit order has a price"),
        ({"kind": OrderKind.MARKET}, "market order has none"),
        ({"price": Decimal("100"), "size": Decimal("0.001")}, "below 5"),
        ({"trigger_price": Decimal("66000")}, "direction"),
        ({"order_link_id": ""}, "name"),
        ({"reduce_only": True, "stop_loss": Decimal("60000")}, "reduces"),
        ({"symbol": "ETHUSDT"}, "not of ETHUSDT"),
    ],
)
def test_an_order_against_the_rules_is_refused_with_the_rule(changes, named):
    with pytest.raises(OrderRefused, match=named) as refused:
        RULES.check(replace(LIMIT, **changes))
    assert "tick 0.10" in refused.value.way_out


def test_a_conditional_order_and_a_small_reducing_one_pass():
    RULES.check(replace(MARKET, trigger_price=Decimal("66000"), trigger_direction=TriggerDirection.RISE))
    RULES.check(replace(LIMIT, price=Decimal("100"), size=Decimal("0.001"), reduce_only=True))


def test_a_contract_that_does_not_trade_takes_no_order():
    with pytest.raises(OrderRefused, match="Closed"):
        contract_rules({**ROW, "status": "Closed"}).check(LIMIT)


@pytest.mark.parametrize("tick", ["", "0", "-0.1", "NaN", None])
def test_rules_that_cannot_be_read_are_refused(tick):
    with pytest.raises(ExchangeError, match=r"priceFilter\.tickSize"):
        contract_rules({**ROW, "priceFilter": {"tickSize": tick}})
