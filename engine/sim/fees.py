"""Fees and slippage of one fill. Rates are fractions (5.5 bps = 0.00055), prices and values USDT."""

from __future__ import annotations

import numpy as np

from engine.compiled import compiled_bare
from engine.sim.rounding import round_against


@compiled_bare
def trading_fee(price: float, size: float, fee_rate: float) -> float:
    """Return the fee of a fill in USDT: price * size * fee_rate.

    Source: Bybit help centre, "Fees Explained": order value * rate, charged at the fill, leverage or not.
    """
    return price * size * fee_rate


@compiled_bare
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


@compiled_bare
def impact(impact_rate: float, quantity: float, volume: float) -> float:
    """Return by what fraction a market order moves the price by its own size.

    Parameters
    ----------
    impact_rate : float
        The fraction for an order as large as all that is traded in the bar.
    quantity, volume : float
        Of the order and of the bar, in base coin.

    Notes
    -----
    impact_rate * sqrt(quantity / volume): the square-root law (Almgren, Thum, Hauptmann and Li, "Direct
    Estimation of Equity Market Impact", 2005; Toth et al., 2011). A share above 1 counts as 1.
    """
    if impact_rate == 0.0 or quantity >= volume:
        return impact_rate
    return impact_rate * np.sqrt(quantity / volume)
