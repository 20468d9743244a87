"""Isolated margin of a USDT perpetual: what an order locks, what a position must keep.

Directions are +1 (long) and -1 (short); sizes are in base coin, prices and margins in USDT, rates are
fractions. Sources are Bybit's help centre: "Order Cost (USDT Contract)", "Maintenance Margin (USDT
Contract)", "The New Margin Calculation", and the announcement page "margin parameters".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.compiled import compiled_bare
from engine.sim.fees import trading_fee

type Floats = NDArray[np.float64]


@compiled_bare
def position_value(size: float, price: float) -> float:
    """Return the value in USDT: size * price. Which price is the regime's matter: average entry, or mark."""
    return size * price


@compiled_bare
def bankruptcy_price(direction: int, entry_price: float, leverage: float) -> float:
    """Return the price at which the initial margin is used up: entry * (1 - direction / leverage).

    Not rounded. Bybit shows it on the tick, rounded against the trader: `round_against(price, tick_size,
    direction)`, up for a long. Source: "Bankruptcy Price (Perpetual and Expiry Contracts)".
    """
    return entry_price * (1.0 - direction / leverage)


@compiled_bare
def bankruptcy_price_with_extra_margin(
    direction: int, size: float, entry_price: float, leverage: float, extra_margin: float
) -> float:
    """Return the price at which initial and added margin are used up.

    `extra_margin` is in USDT for the whole position, negative where funding has eaten into the margin:
    entry * (1 - direction / leverage) - direction * extra_margin / size. Bybit publishes no figure for it; it
    is the price at which the loss is the initial margin and the extra margin together.
    """
    return bankruptcy_price(direction, entry_price, leverage) - direction * extra_margin / size


@compiled_bare
def initial_margin(size: float, entry_price: float, leverage: float) -> float:
    """Return the initial margin in USDT: value at entry / leverage. Not touched by the mark price."""
    return size * entry_price / leverage


@compiled_bare
def order_margin_price(direction: int, limit_price: float, best_price: float) -> float:
    """Return the price an opening limit order's margin is reckoned at, in USDT.

    For a buy the lower of its limit and the best ask, for a sell the higher of its limit and the best bid
    ("USDT Contract Rules"): the order cannot fill at a worse price than that.
    """
    return min(limit_price, best_price) if direction > 0 else max(limit_price, best_price)


@compiled_bare
def fee_to_close(
    direction: int, size: float, entry_price: float, leverage: float, taker_rate: float
) -> float:
    """Return the fee set aside for closing, in USDT: the taker fee at the bankruptcy price."""
    return trading_fee(bankruptcy_price(direction, entry_price, leverage), size, taker_rate)


@compiled_bare
def position_margin(
    direction: int, size: float, entry_price: float, leverage: float, taker_rate: float, extra_margin: float
) -> float:
    """Return what a position locks and can lose at most, in USDT: initial margin + fee to close + extra.

    With no extra margin it is the `positionIM` of Bybit's API, which includes the fee to close.
    """
    locked = initial_margin(size, entry_price, leverage)
    return locked + fee_to_close(direction, size, entry_price, leverage, taker_rate) + extra_margin


@compiled_bare
def order_cost(direction: int, size: float, price: float, leverage: float, taker_rate: float) -> float:
    """Return the balance an opening order needs, in USDT: initial margin + fee to open + fee to close.

    Both fees are at the taker rate whatever the order type, as on Bybit.
    """
    margin = initial_margin(size, price, leverage)
    fee_to_open = trading_fee(price, size, taker_rate)
    return margin + fee_to_open + fee_to_close(direction, size, price, leverage, taker_rate)


@compiled_bare
def size_for_cost(direction: int, cost: float, price: float, leverage: float, taker_rate: float) -> float:
    """Return the size in base coin whose `order_cost` is `cost`, not yet rounded to the lot step.

    size = cost * leverage / (price * (2 * taker * leverage + 1 - direction * taker)).
    """
    return cost * leverage / (price * (2.0 * taker_rate * leverage + 1.0 - direction * taker_rate))


@compiled_bare
def margin_after_reduction(position_margin_usdt: float, size: float, closed_size: float) -> float:
    """Return what stays locked after a part of the position is closed, in USDT.

    Closing releases the margin, added margin included, in proportion to the size, so that the liquidation
    price stays where it is.
    """
    return position_margin_usdt * (size - closed_size) / size


def available_balance(
    wallet_balance: float,
    total_position_im: float,
    total_order_im: float = 0.0,
    locked: float = 0.0,
    bonus: float = 0.0,
) -> float:
    """Return what new orders may use in isolated mode, in USDT.

    walletBalance - totalPositionIM - totalOrderIM - locked - bonus (API documentation, "Get Wallet Balance";
    `total_position_im` includes the fees to close). Profit that is not realised cannot be used.
    """
    return wallet_balance - total_position_im - total_order_im - locked - bonus


@compiled_bare
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
    while index < len(tier_limits) and position_value > tier_limits[index]:
        index += 1
    return index


@compiled_bare
def maintenance_margin(
    size: float, price: float, maintenance_margin_rate: float, mm_deduction: float, closing_fee: float
) -> float:
    """Return the maintenance margin in USDT: size * price * rate - deduction + fee to close.

    `price` is the entry price in the legacy regime and the mark price since 2 September 2025. Give 0 as
    `closing_fee` for the figure without fees that the liquidation price is derived from.
    """
    return size * price * maintenance_margin_rate - mm_deduction + closing_fee


def mm_deductions(
    tier_limits: Floats | Sequence[float], maintenance_margin_rates: Floats | Sequence[float]
) -> Floats:
    """Return each tier's deduction in USDT, which makes the maintenance margin continuous across tiers.

    Parameters
    ----------
    tier_limits, maintenance_margin_rates : float64[n]
        Rising risk-limit values in USDT and their rates.

    Returns
    -------
    float64[n]
        deduction[k] = limit[k-1] * (rate[k] - rate[k-1]) + deduction[k-1], starting from 0. Reckoned in
        decimals, as the exchange does: 2,000,000 * (0.0056 - 0.005) is 1200, and not a last bit less.
    """
    limits = [Decimal(str(limit)) for limit in tier_limits]
    rates = [Decimal(str(rate)) for rate in maintenance_margin_rates]
    deductions = [Decimal(0)]
    for below in range(len(limits) - 1):
        deductions.append(limits[below] * (rates[below + 1] - rates[below]) + deductions[below])
    return np.array(deductions, dtype=np.float64)
