"""Funding and PnL beyond the published figures: signs, averages, returns, the break-even price."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sim.fees import trading_fee
from engine.sim.funding import funding_fee, funding_from_margin, funding_payment
from engine.sim.pnl import (
    MINIMUM_BREAK_EVEN_RATE,
    average_entry_price,
    break_even_price,
    closed_pnl,
    exec_pnl,
    roi,
    roi_pct,
)

LONG, SHORT = 1, -1


def test_funding_signs() -> None:
    # a positive rate: long pays short; a negative one: short pays long
    assert funding_payment(LONG, 1.0, 1000.0, 0.001) == -1.0
    assert funding_payment(SHORT, 1.0, 1000.0, 0.001) == 1.0
    assert funding_payment(SHORT, 1.0, 1000.0, -0.001) == -1.0
    assert funding_fee(LONG, 1.0, 1000.0, 0.001) == 1.0


def test_funding_is_taken_from_the_free_balance_first() -> None:
    assert funding_from_margin(-5.0, 100.0) == 0.0
    assert funding_from_margin(-5.0, 2.0) == 3.0
    assert funding_from_margin(-5.0, -1.0) == 5.0
    assert funding_from_margin(5.0, 0.0) == 0.0


def test_average_entry_and_realised_pnl() -> None:
    # 1 at 100 and 3 at 104 make 4 at 103; a short of it closed at 100 has made 12
    assert average_entry_price([1.0, 3.0], [100.0, 104.0]) == 103.0
    assert exec_pnl(SHORT, 4.0, 103.0, 100.0) == 12.0
    assert exec_pnl(LONG, 0.0, 103.0, 100.0) == 0.0
    # received funding is a negative payment
    assert closed_pnl(12.0, 0.5, 0.25, -1.0) == 12.25


def test_roi_is_by_the_margin_with_the_fee_to_close() -> None:
    assert roi(50.0, 99.0, 1.0) == 0.5
    assert roi_pct(50.0, 99.0, 1.0) == 50.0


def test_break_even_of_a_long_and_a_short_just_opened() -> None:
    # 2 at 100 with a fee of 0.2 on opening and 0.1 % on closing: 200.2 / 1.998 and 199.8 / 2.002
    assert break_even_price(LONG, 2.0, 100.0, -0.2, 0.001) == pytest.approx(200.2 / 1.998)
    assert break_even_price(SHORT, 2.0, 100.0, -0.2, 0.001) == pytest.approx(199.8 / 2.002)


def test_break_even_reckons_with_no_less_than_the_standard_fee() -> None:
    assert break_even_price(LONG, 1.0, 100.0, 0.0, 0.0002) == 100.0 / (1.0 - MINIMUM_BREAK_EVEN_RATE)


@given(
    st.sampled_from([LONG, SHORT]),
    st.floats(0.001, 10_000),
    st.floats(0.01, 100_000),
    st.floats(-0.1, 0.1),
    st.floats(MINIMUM_BREAK_EVEN_RATE, 0.01),
)
def test_closing_at_the_break_even_price_brings_nothing(
    side: int, size: float, entry: float, realised: float, taker: float
) -> None:
    value = size * entry
    price = break_even_price(side, size, entry, realised * value, taker)
    gained = exec_pnl(side, size, entry, price) - trading_fee(price, size, taker) + realised * value
    assert gained == pytest.approx(0.0, abs=1e-9 * value)
