"""Bybit's published figures, each a test by its number in the collection of vectors, at its tolerance.

The number 22 does not occur in the collection. The figures are Bybit's or those of the named
project, not ours. Where the tolerance is 0, the result must be the published decimal to ten places: Bybit's
wallet has eight, and a float of 50,000 has eleven.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from engine.sim.fees import trading_fee
from engine.sim.funding import funding_fee, funding_payment
from engine.sim.liquidation import LiquidationRegime, liquidation_price, position_maintenance_margin
from engine.sim.margin import (
    available_balance,
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
from engine.sim.pnl import average_entry_price, closed_pnl, exec_pnl, roi_pct, unrealised_pnl
from engine.sim.rounding import round_against

LONG, SHORT = 1, -1
MARK, LEGACY = int(LiquidationRegime.MARK_2025), int(LiquidationRegime.LEGACY)
TAKER = 0.00055  # VIP 0 since 2024
OLD_TAKER = 0.0006  # 2022 and 2023

# The five tiers of the help centre's example, and BTCUSDT's first three of "margin parameters".
EXAMPLE_LIMITS = np.array([1000.0, 2000.0, 3000.0, 4000.0, 5000.0])
EXAMPLE_RATES = np.array([0.02, 0.025, 0.03, 0.035, 0.04])
BTC_LIMITS, BTC_RATES = np.array([2e6, 2.6e6, 3.2e6]), np.array([0.005, 0.0056, 0.0063])


def legacy(direction: int, leverage: float) -> float:
    """Return the legacy liquidation price from 10 USDT at a maintenance rate of 1 %."""
    return liquidation_price(direction, 1.0, 10.0, leverage, 0.01, 0.0, 0.0, TAKER, LEGACY)


def live_position(of: str) -> float:
    """Return a figure of the ETHUSDT long of 0.1 at 1198.45 and 4.2x, tick 0.05, recorded in ccxt."""
    liquidation = liquidation_price(LONG, 0.1, 1198.45, 4.2, 0.005, 0.0, 0.0, OLD_TAKER, LEGACY)
    return {
        "liqPrice": round_against(liquidation, 0.05, LONG),
        "bustPrice": round_against(bankruptcy_price(LONG, 1198.45, 4.2), 0.05, LONG),
        "positionBalance": position_margin(LONG, 0.1, 1198.45, 4.2, OLD_TAKER, 0.0),
    }[of]


def tiered(of: str) -> float:
    """Return a figure of the help centre's example: 100 at 35, 10x, in the fourth of five tiers."""
    tier = tier_index(100.0 * 35.0, EXAMPLE_LIMITS)
    deduction = mm_deductions(EXAMPLE_LIMITS, EXAMPLE_RATES)[tier]
    return {
        "IM": initial_margin(100.0, 35.0, 10.0),
        "MM": maintenance_margin(100.0, 35.0, EXAMPLE_RATES[tier], deduction, 0.0),
        "deduction": float(deduction),
    }[of]


type Figure = Callable[[], float]


def vector(number: int | str, what: str, figure: Figure, expected: str, tolerance: str = "0") -> object:
    """Return a test of one vector, called by its number."""
    return pytest.param(figure, Decimal(expected), Decimal(tolerance), id=f"{number}-{what}")


FREQTRADE = "0.000001"  # freqtrade tests/exchange/test_exchange.py, lines 6046 to 6055, at c9ae5e1

VECTORS = [
    # "UTA Trading Rules", worked example: 1 BTC at 40,000, 50x, maintenance rate 0.5 %, 3,000 USDT added
    vector(
        1,
        "liquidation-price-mark",
        lambda: liquidation_price(LONG, 1.0, 40_000.0, 50.0, 0.005, 0.0, 3000.0, TAKER, MARK),
        "36380.25",
        "0.01",
    ),
    vector(
        2,
        "maintenance-margin-with-fee",
        lambda: position_maintenance_margin(LONG, 1.0, 40_000.0, 40_000.0, 50.0, 0.005, 0.0, TAKER, MARK),
        "221.56",
    ),
    vector(3, "fee-to-close", lambda: fee_to_close(LONG, 1.0, 40_000.0, 50.0, TAKER), "21.56"),
    # "Bankruptcy Price (Perpetual and Expiry Contracts)", and its older form for USDT contracts
    vector(4, "bankruptcy-price", lambda: bankruptcy_price(LONG, 60_000.0, 50.0), "58800"),
    vector(5, "bankruptcy-price", lambda: bankruptcy_price(LONG, 10_000.0, 50.0), "9800"),
    vector(6, "liquidation-price-legacy-long-1x", lambda: legacy(LONG, 1.0), "0.1", FREQTRADE),
    vector(7, "liquidation-price-legacy-long-3x", lambda: legacy(LONG, 3.0), "6.7666666", FREQTRADE),
    vector(8, "liquidation-price-legacy-long-5x", lambda: legacy(LONG, 5.0), "8.1", FREQTRADE),
    vector(9, "liquidation-price-legacy-long-10x", lambda: legacy(LONG, 10.0), "9.1", FREQTRADE),
    vector(10, "liquidation-price-legacy-short-1x", lambda: legacy(SHORT, 1.0), "19.9", FREQTRADE),
    vector(11, "liquidation-price-legacy-short-3x", lambda: legacy(SHORT, 3.0), "13.233333", FREQTRADE),
    vector(12, "liquidation-price-legacy-short-5x", lambda: legacy(SHORT, 5.0), "11.9", FREQTRADE),
    vector(13, "liquidation-price-legacy-short-10x", lambda: legacy(SHORT, 10.0), "10.9", FREQTRADE),
    # ccxt, comment in parsePosition: a live isolated position
    vector(14, "liqPrice-of-a-live-position", lambda: live_position("liqPrice"), "919.10"),
    vector(15, "bustPrice-of-a-live-position", lambda: live_position("bustPrice"), "913.15"),
    vector(
        16,
        "positionBalance-of-a-live-position",
        lambda: live_position("positionBalance"),
        "28.58931118",
        "0.000002",
    ),
    # "Order Cost (USDT Contract)"; help.bybit.com 900000169703; mobie.io
    vector(17, "order-cost", lambda: order_cost(LONG, 1.0, 50_000.0, 10.0, TAKER), "5052.25"),
    vector(18, "order-cost", lambda: order_cost(LONG, 1.0, 50_000.0, 10.0, OLD_TAKER), "5057"),
    vector(19, "order-cost", lambda: order_cost(LONG, 1.0, 10_000.0, 50.0, 0.00075), "214.85"),
    vector(
        20,
        "size-for-cost",
        lambda: size_for_cost(LONG, 5057.0, 50_000.0, 10.0, OLD_TAKER),
        "1",
        "0.000000001",
    ),
    # the help centre on the maintenance margin of USDT contracts
    vector("21a", "initial-margin-in-tiers", lambda: tiered("IM"), "350"),
    vector("21b", "maintenance-margin-in-tiers", lambda: tiered("MM"), "92.5"),
    vector("21c", "deduction-in-tiers", lambda: tiered("deduction"), "30"),
    # announcement page "margin parameters"
    vector(23, "deduction-btcusdt-2", lambda: mm_deductions(BTC_LIMITS[:2], BTC_RATES[:2])[1], "1200"),
    vector(24, "deduction-btcusdt-3", lambda: mm_deductions(BTC_LIMITS, BTC_RATES)[2], "3020"),
    vector(
        25,
        "maintenance-margin-btcusdt",
        lambda: maintenance_margin(1.0, 2.6e6, 0.0056, mm_deductions(BTC_LIMITS, BTC_RATES)[1], 0.0),
        "13360",
    ),
    # API documentation, transaction log; ccxt PR 18174, a live ledger
    vector(26, "funding-xrpusdt", lambda: funding_payment(LONG, 100.0, 0.3676, 0.0001), "-0.003676"),
    vector(27, "funding-adausdt", lambda: funding_payment(LONG, 1.0, 0.2408, 0.0001), "-0.00002408"),
    # API documentation: execution stream, execution list, transaction log
    vector(28, "taker-fee-btcusdt", lambda: trading_fee(47_950.05, 1.0, TAKER), "26.3725275"),
    vector(29, "taker-fee-ethperp", lambda: trading_fee(1190.15, 0.1, OLD_TAKER), "0.071409"),
    vector(30, "taker-fee-xrpusdt", lambda: trading_fee(0.3615, 88.0, OLD_TAKER), "0.0190872"),
    vector(31, "taker-fee-xrpusdt", lambda: trading_fee(0.3615, 12.0, OLD_TAKER), "0.0026028"),
    # the chain of cash balances of the transaction log
    vector(
        32,
        "wallet-after-funding",
        lambda: 5086.56192602 + funding_payment(LONG, 100.0, 0.3676, 0.0001),
        "5086.55825002",
    ),
    vector(
        33, "wallet-after-fee", lambda: 5086.58101322 - trading_fee(0.3615, 88.0, OLD_TAKER), "5086.56192602"
    ),
    # API documentation, "Get Closed PnL": 3 bought for 3584.9255 and sold for 3541.795, 0.06 % on both
    vector(
        34,
        "closed-pnl",
        lambda: closed_pnl(
            exec_pnl(LONG, 1.0, 3584.9255, 3541.795),
            trading_fee(3584.9255, 1.0, OLD_TAKER),
            trading_fee(3541.795, 1.0, OLD_TAKER),
            0.0,
        ),
        "-47.4065323",
    ),
    # the help centre on the PnL of USDT contracts
    vector(35, "average-entry-price", lambda: average_entry_price([0.5, 0.3], [5000.0, 6000.0]), "5375"),
    vector(36, "unrealised-pnl-long", lambda: unrealised_pnl(LONG, 0.2, 7000.0, 7500.0), "100"),
    vector(37, "unrealised-pnl-short", lambda: unrealised_pnl(SHORT, 0.4, 6000.0, 5000.0), "400"),
    vector(
        38,
        "roi",
        lambda: roi_pct(
            unrealised_pnl(LONG, 0.2, 7000.0, 7500.0),
            initial_margin(0.2, 7000.0, 10.0),
            fee_to_close(LONG, 0.2, 7000.0, 10.0, TAKER),
        ),
        "71.07",
        "0.01",
    ),
    vector(
        39,
        "closed-pnl-of-a-short",
        lambda: closed_pnl(
            exec_pnl(SHORT, 0.4, 6000.0, 5000.0),
            trading_fee(6000.0, 0.4, TAKER),
            trading_fee(5000.0, 0.4, TAKER),
            2.10,
        ),
        "395.48",
    ),
    # "Fees Explained"
    vector(40, "taker-fee", lambda: trading_fee(8000.0, 10.0, TAKER), "44"),
    vector(41, "maker-fee", lambda: trading_fee(8000.0, 10.0, 0.0002), "16"),
    # API documentation, execution stream
    vector(42, "exec-pnl", lambda: exec_pnl(LONG, 0.5, 95_900.0, 95_900.1), "0.05"),
]


@pytest.mark.parametrize(("figure", "expected", "tolerance"), VECTORS)
def test_vector(figure: Figure, expected: Decimal, tolerance: Decimal) -> None:
    value = float(figure())
    if tolerance:
        assert abs(Decimal(value) - expected) <= tolerance
    else:
        assert round(Decimal(value), 10) == expected


# Worked out from the same formulas; no official figure exists for them.
DERIVED = [
    vector(
        "1-short",
        "liquidation-price-mark",
        lambda: liquidation_price(SHORT, 1.0, 40_000.0, 50.0, 0.005, 0.0, 3000.0, TAKER, MARK),
        "43580.4487",
        "0.00005",
    ),
    vector(
        "1-no-extra",
        "liquidation-price-mark-long",
        lambda: liquidation_price(LONG, 1.0, 40_000.0, 50.0, 0.005, 0.0, 0.0, TAKER, MARK),
        "39396.9849",
        "0.00005",
    ),
    vector(
        "1-no-extra",
        "liquidation-price-mark-short",
        lambda: liquidation_price(SHORT, 1.0, 40_000.0, 50.0, 0.005, 0.0, 0.0, TAKER, MARK),
        "40597.0149",
        "0.00005",
    ),
    vector(
        "1-legacy",
        "liquidation-price",
        lambda: liquidation_price(LONG, 1.0, 40_000.0, 50.0, 0.005, 0.0, 0.0, TAKER, LEGACY),
        "39400",
    ),
    vector(
        "1-legacy",
        "liquidation-price-with-extra-margin",
        lambda: liquidation_price(LONG, 1.0, 40_000.0, 50.0, 0.005, 0.0, 3000.0, TAKER, LEGACY),
        "36400",
    ),
    # the new formula of vector 6: a long at 1x with a deduction of 0 is liquidated at 0
    vector(
        "6-mark",
        "liquidation-price",
        lambda: liquidation_price(LONG, 1.0, 10.0, 1.0, 0.01, 0.0, 0.0, TAKER, MARK),
        "0",
    ),
    # the execution list shows what the transaction log shows, with the other sign
    vector("26-fee", "funding", lambda: funding_fee(LONG, 100.0, 0.3676, 0.0001), "0.003676"),
    # the wallet of vector 32 with the margin of its position of 100 at 0.3615 and 10x: 3.615 + 0.0195210
    vector(
        "32-available",
        "balance",
        lambda: available_balance(5086.55825002, position_margin(LONG, 100.0, 0.3615, 10.0, OLD_TAKER, 0.0)),
        "5082.92372902",
    ),
]


@pytest.mark.parametrize(("figure", "expected", "tolerance"), DERIVED)
def test_derived_figure(figure: Figure, expected: Decimal, tolerance: Decimal) -> None:
    test_vector(figure, expected, tolerance)
