"""Fees and slippage of one fill. Rates are fractions (5.5 bps = 0.00055), prices and values USDT."""

from __future__ import annotations

from engine.compiled import compiled
from engine.sim.rounding import round_against


@compiled
def trading_fee(price: float, size: float, fee_rate: float) -> float:
    """Return the fee of a fill in USDT: price * size * fee_rate.

    Source: Bybit help centre, "Fees Explained": order value * rate, charged at the fill, leverage or not.
    """
    return price * size * fee_rate


@compiled
def market_fill_price(reference_price: float, side: int, slippage_rate: float, tick_size: float) -> float:
    """Return what a market order pays: the reference price moved against the trader, then on the tick.

    Parameters
    ----------
    reference_price : float
        The open, or the trigger price, in USDT.
    side : int
        +1 for a buy, -1 for a sell.
    slippage_rate : float
        Fraction by which the price is worse.
    tick_size : float
        Price step in USDT; the price is rounded up for a buy and down for a sell.
    """
    return round_against(reference_price * (1.0 + side * slippage_rate), tick_size, side)
