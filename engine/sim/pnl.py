"""Profit and loss of a position as Bybit states it.

Directions are +1 (long) and -1 (short); sizes are in base coin and not negative, prices and amounts in USDT,
rates are fractions. Sources are Bybit's help centre, "P&L Calculations (USDT Contract)", and the fields of
the API documentation named below.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from engine.compiled import compiled_bare

# Percentage points by which a gain may seem to fall short of a threshold it has reached: 9.97 is 0.3 % below
# 10, and in floats a last bit less.
_NOISE_PCT = 1e-9

# The break-even price never reckons with a closing fee below this rate.
MINIMUM_BREAK_EVEN_RATE = 0.00055


def unrealised_pnl(direction: int, size: float, entry_price: float, price: float) -> float:
    """Return what the open position has gained at a price, in USDT: direction * size * (price - entry).

    `price` is the mark price for `unrealisedPnl` of the API and for liquidation; the web shows it by the last
    price unless told otherwise.
    """
    return direction * size * (price - entry_price)


@compiled_bare
def has_gained(direction: int, entry_price: float, price: float, threshold_pct: float) -> bool:
    """Return whether a price is at least `threshold_pct` of the entry price in the position's favour."""
    gain_pct = direction * (price - entry_price) / entry_price * 100.0
    return gain_pct >= threshold_pct - _NOISE_PCT


def exec_pnl(direction: int, closed_size: float, entry_price: float, exec_price: float) -> float:
    """Return what one execution has realised, before fees and funding, in USDT (`execPnl`).

    `direction` is the position's, not the closing order's; `closed_size` is the part of the execution that
    closed something, 0 for one that opens.
    """
    return direction * closed_size * (exec_price - entry_price)


def closed_pnl(position_pnl: float, open_fee: float, close_fee: float, funding_paid: float) -> float:
    """Return what a closed position has brought in USDT (`closedPnl`).

    Parameters
    ----------
    position_pnl : float
        Of the closed size, by entry and exit price (`exec_pnl` summed).
    open_fee, close_fee : float
        Fees of the closed size; positive is paid.
    funding_paid : float
        While it was held; positive is paid, negative received (`funding_fee` summed).
    """
    return position_pnl - open_fee - close_fee - funding_paid


def average_entry_price(sizes: Sequence[float], prices: Sequence[float]) -> float:
    """Return the average entry price of fills in one direction, in USDT: sum(size * price) / sum(size).

    Fills that reduce the position do not belong here: they do not change its entry price.
    """
    return fsum(size * price for size, price in zip(sizes, prices, strict=True)) / fsum(sizes)


def roi(unrealised_pnl_usdt: float, initial_margin: float, fee_to_close: float) -> float:
    """Return the return on a position's margin as a fraction: unrealised PnL / (IM + fee to close).

    Times 100 it is the "ROI %" of the positions table. Initial margin and fee to close are those of
    `engine.sim.margin`, without added margin.
    """
    return unrealised_pnl_usdt / (initial_margin + fee_to_close)


def roi_pct(unrealised_pnl_usdt: float, initial_margin: float, fee_to_close: float) -> float:
    """Return `roi` in percent, as Bybit shows it."""
    return 100.0 * roi(unrealised_pnl_usdt, initial_margin, fee_to_close)


def break_even_price(
    direction: int, size: float, entry_price: float, realised_pnl: float, taker_rate: float
) -> float:
    """Return the price at which closing brings the position to 0 in all, the closing fee included, in USDT.

    Parameters
    ----------
    direction : int
        +1 long, -1 short.
    size : float
        Base coin.
    entry_price : float
        Average entry price, USDT.
    realised_pnl : float
        What the position has realised so far, USDT: partial closes - fees paid + funding received. Of a
        position just opened it is minus the fee to open.
    taker_rate : float
        A fraction; at least `MINIMUM_BREAK_EVEN_RATE` is reckoned with.

    Notes
    -----
    (entry * q - realised) / (q - |q| * max(taker, 0.00055)), with q = direction * size ("Get Position Info",
    `breakEvenPrice`). A short's q is negative, which makes the fee lower its price as it lifts a long's.
    """
    quantity = direction * size
    rate = max(taker_rate, MINIMUM_BREAK_EVEN_RATE)
    return (entry_price * quantity - realised_pnl) / (quantity - size * rate)
