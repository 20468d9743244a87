"""Isolated margin of a USDT perpetual: what an order locks, what a position must keep.

Directions are +1 (long) and -1 (short); sizes are in base coin, prices and margins in USDT, rates are
fractions. Sources are Bybit's help centre: "Order Cost (USDT Contract)", "Maintenance Margin (USDT
Contract)", "The New Margin Calculation", and the announcement page "margin parameters".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled
from engine.sim.fees import trading_fee

type Floats = NDArray[np.float64]


@compiled
def bankruptcy_price(direction: int, entry_price: float, leverage: float) -> float:
    """Return the price at which the initial margin is used up: entry * (1 - direction / leverage)."""
    return entry_price * (1.0 - direction / leverage)


@compiled
def initial_margin(size: float, entry_price: float, leverage: float) -> float:
    """Return the initial margin in USDT: value at entry / leverage. Not touched by the mark price."""
    return size * entry_price / leverage


@compiled
def fee_to_close(
    direction: int, size: float, entry_price: float, leverage: float, taker_rate: float
) -> float:
    """Return the fee set aside for closing, in USDT: the taker fee at the bankruptcy price."""
    return trading_fee(bankruptcy_price(direction, entry_price, leverage), size, taker_rate)


@compiled
def position_margin(
    direction: int, size: float, entry_price: float, leverage: float, taker_rate: float, extra_margin: float
) -> float:
    """Return what a position locks and can lose at most, in USDT: initial margin + fee to close + extra."""
    locked = initial_margin(size, entry_price, leverage)
    return locked + fee_to_close(direction, size, entry_price, leverage, taker_rate) + extra_margin


@compiled
def order_cost(direction: int, size: float, price: float, leverage: float, taker_rate: float) -> float:
    """Return the balance an opening order needs, in USDT: initial margin + fee to open + fee to close.

    Both fees are at the taker rate whatever the order type, as on Bybit.
    """
    margin = initial_margin(size, price, leverage)
    fee_to_open = trading_fee(price, size, taker_rate)
    return margin + fee_to_open + fee_to_close(direction, size, price, leverage, taker_rate)


@compiled
def size_for_cost(direction: int, cost: float, price: float, leverage: float, taker_rate: float) -> float:
    """Return the size in base coin whose `order_cost` is `cost`, not yet rounded to the lot step.

    size = cost * leverage / (price * (2 * taker * leverage + 1 - direction * taker)).
    """
    return cost * leverage / (price * (2.0 * taker_rate * leverage + 1.0 - direction * taker_rate))


@compiled
def tier_index(position_value: float, tier_limits: Floats) -> int:
    """Return the index of the risk tier a position value falls into; limits are inclusive.

    Parameters
    ----------
    position_value : float
        Size * price in USDT.
    tier_limits : float64[n]
        Rising risk-limit values in USDT.

    Returns
    -------
    int
        0 … n - 1, or n where the value is above the last limit (no such position is allowed).
    """
    index = 0
    while index < tier_limits.shape[0] and position_value > tier_limits[index]:
        index += 1
    return index


@compiled
def maintenance_margin(
    size: float, price: float, maintenance_margin_rate: float, mm_deduction: float, closing_fee: float
) -> float:
    """Return the maintenance margin in USDT: size * price * rate - deduction + fee to close.

    `price` is the entry price in the legacy regime and the mark price since 2 September 2025. Give 0 as
    `closing_fee` for the figure without fees that the liquidation price is derived from.
    """
    return size * price * maintenance_margin_rate - mm_deduction + closing_fee


def mm_deductions(tier_limits: Floats, maintenance_margin_rates: Floats) -> Floats:
    """Return each tier's deduction in USDT, which makes the maintenance margin continuous across tiers.

    Parameters
    ----------
    tier_limits, maintenance_margin_rates : float64[n]
        Rising risk-limit values in USDT and their rates.

    Returns
    -------
    float64[n]
        deduction[k] = limit[k-1] * (rate[k] - rate[k-1]) + deduction[k-1], starting from 0.
    """
    steps = tier_limits[:-1] * np.diff(maintenance_margin_rates)
    return np.concatenate([[0.0], np.cumsum(steps)])
